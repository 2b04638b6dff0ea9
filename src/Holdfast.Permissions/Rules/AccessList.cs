using System.Buffers.Binary;
using Holdfast.Posix;

namespace Holdfast.Permissions.Rules;

/// <summary>A POSIX access control list as <c>setfacl --set</c> takes it: <c>u::rwX,u:alice:r-x,g::r-x,o::---</c>, with <c>d:</c> before what new entries of a directory inherit. <c>none</c> removes what goes beyond the mode.</summary>
public sealed class AccessList
{
    /// <summary>The layout of the attribute (linux/posix_acl_xattr.h): a version, then entries of tag, permissions and number.</summary>
    private const int Version = 2;
    private const int EntryLength = 8;
    private const uint Undefined = uint.MaxValue;
    private const uint Execute = 1;

    private readonly IReadOnlyList<Entry>? _access;
    private readonly IReadOnlyList<Entry>? _inherited;

    private AccessList(IReadOnlyList<Entry>? access, IReadOnlyList<Entry>? inherited)
    {
        _access = access;
        _inherited = inherited;
    }

    /// <summary>The attribute's name for access.</summary>
    public static ReadOnlySpan<byte> AccessName => "system.posix_acl_access"u8;

    /// <summary>The attribute's name for what new entries inherit.</summary>
    public static ReadOnlySpan<byte> InheritedName => "system.posix_acl_default"u8;

    private enum Tag : ushort
    {
        OwningUser = 1,
        User = 2,
        OwningGroup = 4,
        Group = 8,
        Mask = 16,
        Other = 32,
    }

    private readonly record struct Entry(Tag Tag, uint Id, uint Permissions, bool ExecutesIfAny);

    /// <summary>True if this says what a directory's new entries inherit.</summary>
    public bool HasInherited => _inherited is not null || IsNone;

    private bool IsNone => _access is null && _inherited is null;

    /// <summary>Reads a list.</summary>
    /// <exception cref="PermissionException">It is not understood, names nobody, or lacks the owner, the group or the others.</exception>
    public static AccessList Parse(string text)
    {
        if (text == "none")
        {
            return new AccessList(null, null);
        }

        var (access, inherited) = (new List<Entry>(), new List<Entry>());
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var words = part.Split(':');
            var isInherited = words[0] is "d" or "default";
            var entry = isInherited ? words[1..] : words;
            (isInherited ? inherited : access).Add(ReadEntry(part, entry));
        }

        return new AccessList(Complete(access, text), inherited.Count == 0 ? null : Complete(inherited, text));
    }

    /// <summary>Bits of the mode that the list decides, for an entry that has <paramref name="mode"/> now; the rest stays.</summary>
    /// <param name="mode">The mode it has now.</param>
    /// <param name="isDirectory">True for a directory.</param>
    /// <param name="current">The access list it has now; null if it has none beyond its mode.</param>
    public uint Mode(uint mode, bool isDirectory, byte[]? current)
    {
        if (IsNone)
        {
            return current is null ? mode : (mode & ~0x38u) | (Find(current, Tag.OwningGroup) << 3);
        }

        var executes = isDirectory || (mode & 0x49) != 0;
        uint Bits(Tag tag) => _access!.Where(entry => entry.Tag == tag).Select(entry => Permissions(entry, executes)).FirstOrDefault();
        var group = _access!.Any(entry => entry.Tag == Tag.Mask) ? Bits(Tag.Mask) : Bits(Tag.OwningGroup);
        return (mode & ~0x1FFu) | (Bits(Tag.OwningUser) << 6) | (group << 3) | Bits(Tag.Other);
    }

    /// <summary>The attribute for access; null if the mode says it all.</summary>
    public byte[]? Access(uint mode, bool isDirectory) => _access is null || _access.Count == 3 ? null : Encode(_access, isDirectory || (mode & 0x49) != 0);

    /// <summary>The attribute for what is inherited; null if nothing is to be.</summary>
    public byte[]? Inherited() => _inherited is null ? null : Encode(_inherited, executes: true);

    private static Entry ReadEntry(string part, string[] words)
    {
        if (words.Length == 2 && words[0] is "m" or "mask" or "o" or "other")
        {
            words = [words[0], "", words[1]];
        }

        if (words.Length != 3)
        {
            throw Invalid(part, "it has three parts: whom, which, and what they may (u:alice:r-x)");
        }

        var (tag, id) = (words[0], words[1]) switch
        {
            ("u" or "user", "") => (Tag.OwningUser, Undefined),
            ("g" or "group", "") => (Tag.OwningGroup, Undefined),
            ("m" or "mask", "") => (Tag.Mask, Undefined),
            ("o" or "other", "") => (Tag.Other, Undefined),
            ("u" or "user", var name) => (Tag.User, Principals.FindUser(name) ?? throw Invalid(part, $"there is no user \"{name}\" here; give a number")),
            ("g" or "group", var name) => (Tag.Group, Principals.FindGroup(name) ?? throw Invalid(part, $"there is no group \"{name}\" here; give a number")),
            _ => throw Invalid(part, "whom it is for is u, g, m or o"),
        };
        var (permissions, executes) = (0u, false);
        foreach (var permission in words[2])
        {
            switch (permission)
            {
                case 'r': permissions |= 4; break;
                case 'w': permissions |= 2; break;
                case 'x': permissions |= Execute; break;
                case 'X': executes = true; break;
                case '-': break;
                case >= '0' and <= '7' when words[2].Length == 1: permissions = (uint)(permission - '0'); break;
                default: throw Invalid(part, "what they may is made of r, w, x, X and -");
            }
        }

        return new Entry(tag, id, permissions, executes);
    }

    /// <summary>Sorts as the kernel wants it, and adds the mask that named entries need: all that anybody but the owner and the others may.</summary>
    private static List<Entry> Complete(List<Entry> entries, string text)
    {
        foreach (var tag in new[] { Tag.OwningUser, Tag.OwningGroup, Tag.Other })
        {
            if (entries.Count(entry => entry.Tag == tag) != 1)
            {
                throw new PermissionException(PermissionProblem.Invalid, $"\"{text}\" is no access list: it says once what the owner (u::), the group (g::) and others (o::) may, for access and, if anything is inherited, with d: before each.");
            }
        }

        if (entries.DistinctBy(entry => (entry.Tag, entry.Id)).Count() != entries.Count)
        {
            throw new PermissionException(PermissionProblem.Invalid, $"\"{text}\" is no access list: it names somebody twice.");
        }

        if (entries.Any(entry => entry.Tag is Tag.User or Tag.Group) && entries.All(entry => entry.Tag != Tag.Mask))
        {
            var masked = entries.Where(entry => entry.Tag is Tag.User or Tag.Group or Tag.OwningGroup).ToList();
            entries.Add(new Entry(Tag.Mask, Undefined, masked.Aggregate(0u, (all, entry) => all | entry.Permissions), masked.Any(entry => entry.ExecutesIfAny)));
        }

        return [.. entries.OrderBy(entry => entry.Tag).ThenBy(entry => entry.Id)];
    }

    private static byte[] Encode(IReadOnlyList<Entry> entries, bool executes)
    {
        var bytes = new byte[4 + (entries.Count * EntryLength)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Version);
        for (var i = 0; i < entries.Count; i++)
        {
            var at = bytes.AsSpan(4 + (i * EntryLength));
            BinaryPrimitives.WriteUInt16LittleEndian(at, (ushort)entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(at[2..], (ushort)Permissions(entries[i], executes));
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], entries[i].Id);
        }

        return bytes;
    }

    private static uint Permissions(Entry entry, bool executes) => entry.Permissions | (entry.ExecutesIfAny && executes ? Execute : 0);

    private static uint Find(byte[] attribute, Tag tag)
    {
        for (var at = 4; at + EntryLength <= attribute.Length; at += EntryLength)
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(attribute.AsSpan(at)) == (ushort)tag)
            {
                return BinaryPrimitives.ReadUInt16LittleEndian(attribute.AsSpan(at + 2));
            }
        }

        return 0;
    }

    private static PermissionException Invalid(string part, string what) => new(PermissionProblem.Invalid, $"\"{part}\" is no entry of an access list: {what}.");
}
