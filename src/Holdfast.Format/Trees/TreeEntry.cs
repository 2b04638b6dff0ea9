using System.Formats.Cbor;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Trees;

/// <summary>Kinds of file-system objects.</summary>
public enum EntryType : byte
{
    File = 1,
    Directory = 2,
    SymbolicLink = 3,
    Fifo = 4,
    Socket = 5,
    CharacterDevice = 6,
    BlockDevice = 7,
}

/// <summary>An extended attribute; POSIX ACLs are <c>system.posix_acl_access</c> and <c>system.posix_acl_default</c>.</summary>
public sealed record ExtendedAttribute(byte[] Name, byte[] Value);

/// <summary>A hard link's identity within one snapshot: the ordinal of its file system in the walk, and its inode.</summary>
public readonly record struct HardLink(uint FileSystem, ulong Inode);

/// <summary>One name in a directory with everything that is restored; atime, ctime and st_dev are left out, so that a remount changes nothing.</summary>
public sealed record TreeEntry
{
    private const string What = "tree entry";

    /// <summary>Raw bytes: any but '/', NUL, "." and "..".</summary>
    public required byte[] Name { get; init; }

    public required EntryType Type { get; init; }

    /// <summary>Permission, set-id and sticky bits: 07777 at most.</summary>
    public required ushort Mode { get; init; }

    public required uint Owner { get; init; }

    public required uint Group { get; init; }

    /// <summary>Modification time in whole seconds since 1970; negative before.</summary>
    public required long ModifiedSeconds { get; init; }

    /// <summary>0 to 999,999,999, always counted forward from <see cref="ModifiedSeconds"/>.</summary>
    public required uint ModifiedNanoseconds { get; init; }

    /// <summary>Files: the length in bytes, holes included.</summary>
    public ulong Size { get; init; }

    /// <summary>Files: chunks and holes in order, if they are few.</summary>
    public IReadOnlyList<ContentItem> Content { get; init; } = [];

    /// <summary>Files with many chunks: the root node of the chunk list. Directories: the root node of the directory.</summary>
    public BlobId? Node { get; init; }

    public byte[]? LinkTarget { get; init; }

    /// <summary>Devices: major and minor number.</summary>
    public (uint Major, uint Minor)? Device { get; init; }

    public IReadOnlyList<ExtendedAttribute> Attributes { get; init; } = [];

    /// <summary>The blob with the attributes, where they are too long to stand here.</summary>
    public BlobId? AttributesBlob { get; init; }

    public HardLink? HardLink { get; init; }

    /// <summary>Deterministic CBOR: a map with the keys of docs/format.md, absent where there is nothing to say.</summary>
    public byte[] Encode()
    {
        var writer = Cbor.Writer();
        writer.WriteStartMap(null);
        writer.WriteInt32(0);
        writer.WriteByteString(Name);
        writer.WriteInt32(1);
        writer.WriteUInt32((uint)Type);
        writer.WriteInt32(2);
        writer.WriteUInt32(Mode);
        writer.WriteInt32(3);
        writer.WriteUInt32(Owner);
        writer.WriteInt32(4);
        writer.WriteUInt32(Group);
        writer.WriteInt32(5);
        writer.WriteInt64(ModifiedSeconds);
        writer.WriteInt32(6);
        writer.WriteUInt32(ModifiedNanoseconds);
        if (Type == EntryType.File)
        {
            writer.WriteInt32(7);
            writer.WriteUInt64(Size);
        }

        if (Content.Count > 0)
        {
            writer.WriteInt32(8);
            writer.WriteStartArray(Content.Count);
            foreach (var item in Content)
            {
                item.Write(writer);
            }

            writer.WriteEndArray();
        }

        WriteBytes(writer, 9, Node?.ToArray());
        WriteBytes(writer, 10, LinkTarget);
        if (Device is { } device)
        {
            WritePair(writer, 11, device.Major, device.Minor);
        }

        if (Attributes.Count > 0)
        {
            writer.WriteInt32(12);
            ExtendedAttributes.Write(writer, Attributes);
        }

        WriteBytes(writer, 13, AttributesBlob?.ToArray());
        if (HardLink is { } link)
        {
            WritePair(writer, 14, link.FileSystem, link.Inode);
        }

        writer.WriteEndMap();
        return writer.Encode();
    }

    /// <summary>Reads one entry that stands alone.</summary>
    public static TreeEntry Decode(ReadOnlyMemory<byte> bytes) => Cbor.Read(bytes, What, Read);

    internal static TreeEntry Read(CborReader reader)
    {
        var fields = Cbor.Count(reader.ReadStartMap(), 15, What);
        var draft = new Draft();
        for (var i = 0; i < fields; i++)
        {
            draft.ReadField(reader);
        }

        reader.ReadEndMap();
        return draft.Finish();
    }

    /// <summary>True if bytes can be the name of a directory entry.</summary>
    public static bool IsLegalName(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= Limits.NameLengthMax && !name.ContainsAny((byte)'/', (byte)0)
        && !name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8);

    private static void WriteBytes(CborWriter writer, int key, byte[]? bytes)
    {
        if (bytes is not null)
        {
            writer.WriteInt32(key);
            writer.WriteByteString(bytes);
        }
    }

    private static void WritePair(CborWriter writer, int key, ulong first, ulong second)
    {
        writer.WriteInt32(key);
        writer.WriteStartArray(2);
        writer.WriteUInt64(first);
        writer.WriteUInt64(second);
        writer.WriteEndArray();
    }

    /// <summary>Collects fields in the order they stand, then checks that they belong together.</summary>
    private sealed class Draft
    {
        private readonly HashSet<int> _seen = [];
        private byte[] _name = [];
        private EntryType _type;
        private ushort _mode;
        private uint _owner;
        private uint _group;
        private long _seconds;
        private uint _nanoseconds;
        private ulong _size;
        private List<ContentItem> _content = [];
        private BlobId? _node;
        private byte[]? _linkTarget;
        private (uint, uint)? _device;
        private IReadOnlyList<ExtendedAttribute> _attributes = [];
        private BlobId? _attributesBlob;
        private HardLink? _hardLink;

        public void ReadField(CborReader reader)
        {
            var key = reader.ReadInt32();
            _seen.Add(key);
            switch (key)
            {
                case 0: _name = Cbor.Bounded(reader, Limits.NameLengthMax, What); break;
                case 1: _type = (EntryType)Math.Min(reader.ReadUInt32(), 255); break;
                case 2: _mode = (ushort)Math.Min(reader.ReadUInt32(), ushort.MaxValue); break;
                case 3: _owner = reader.ReadUInt32(); break;
                case 4: _group = reader.ReadUInt32(); break;
                case 5: _seconds = reader.ReadInt64(); break;
                case 6: _nanoseconds = reader.ReadUInt32(); break;
                case 7: _size = reader.ReadUInt64(); break;
                case 8: _content = ContentItem.ReadAll(reader); break;
                case 9: _node = new BlobId(Cbor.Fixed(reader, BlobId.Length, What)); break;
                case 10: _linkTarget = Cbor.Bounded(reader, Limits.LinkTargetLengthMax, What); break;
                case 11: _device = ReadPair(reader) is var (major, minor) ? (checked((uint)major), checked((uint)minor)) : null; break;
                case 12: _attributes = ExtendedAttributes.Read(reader); break;
                case 13: _attributesBlob = new BlobId(Cbor.Fixed(reader, BlobId.Length, What)); break;
                case 14: _hardLink = ReadPair(reader) is var (system, inode) ? new HardLink(checked((uint)system), inode) : null; break;
                default: throw new MalformedObjectException(What, $"field {key} is unknown");
            }
        }

        public TreeEntry Finish()
        {
            Require(Enumerable.Range(0, 7).All(_seen.Contains), "a field is missing");
            Require(IsLegalName(_name), "its name is not a legal file name");
            Require(Enum.IsDefined(_type), $"type {(byte)_type} is unknown");
            Require(_mode <= 0xFFF, "its mode is out of range");
            Require(_nanoseconds < 1_000_000_000, "its nanoseconds are out of range");
            Require(_seen.Contains(7) == (_type == EntryType.File), "a size belongs to files");
            Require(_content.Count == 0 || (_type == EntryType.File && _node is null), "content belongs to files");
            Require(_node is null ? _type != EntryType.Directory : _type is EntryType.File or EntryType.Directory, "a node belongs to directories and files");
            Require((_linkTarget is not null) == (_type == EntryType.SymbolicLink), "a link target belongs to symbolic links");
            Require(_device is not null == _type is EntryType.CharacterDevice or EntryType.BlockDevice, "a device number belongs to devices");
            Require(_attributes.Count == 0 || _attributesBlob is null, "attributes stand in one place");
            if (_type == EntryType.File && _node is null)
            {
                Require(_content.Aggregate(0UL, (sum, item) => checked(sum + item.Length)) == _size, "its chunks do not add up to its size");
            }

            return new TreeEntry
            {
                Name = _name, Type = _type, Mode = _mode, Owner = _owner, Group = _group, ModifiedSeconds = _seconds,
                ModifiedNanoseconds = _nanoseconds, Size = _size, Content = _content, Node = _node, LinkTarget = _linkTarget,
                Device = _device, Attributes = _attributes, AttributesBlob = _attributesBlob, HardLink = _hardLink,
            };
        }

        private static void Require(bool condition, string why)
        {
            if (!condition)
            {
                throw new MalformedObjectException(What, why);
            }
        }

        private static (ulong, ulong) ReadPair(CborReader reader)
        {
            Cbor.Count(reader.ReadStartArray(), 2, What);
            var pair = (reader.ReadUInt64(), reader.ReadUInt64());
            reader.ReadEndArray();
            return pair;
        }
    }
}
