using Holdfast.Format.Trees;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>Makes tree entries of what the file system says.</summary>
internal static class Entries
{
    public static TreeEntry Of(byte[] name, in FileStatus status, EntryType type, IReadOnlyList<ExtendedAttribute> attributes) => new()
    {
        Name = name,
        Type = type,
        Mode = status.Permissions,
        Owner = status.Owner,
        Group = status.Group,
        ModifiedSeconds = status.ModifiedSeconds,
        ModifiedNanoseconds = status.ModifiedNanoseconds,
        Size = type == EntryType.File ? (ulong)status.Size : 0,
        Attributes = attributes,
    };

    public static EntryType TypeOf(FileKind kind) => kind switch
    {
        FileKind.File => EntryType.File,
        FileKind.Directory => EntryType.Directory,
        FileKind.SymbolicLink => EntryType.SymbolicLink,
        FileKind.Fifo => EntryType.Fifo,
        FileKind.Socket => EntryType.Socket,
        FileKind.CharacterDevice => EntryType.CharacterDevice,
        _ => EntryType.BlockDevice,
    };

    public static List<ExtendedAttribute> Attributes(List<(byte[] Name, byte[] Value)> attributes) =>
        attributes.Count == 0 ? [] : attributes.ConvertAll(static attribute => new ExtendedAttribute(attribute.Name, attribute.Value));
}
