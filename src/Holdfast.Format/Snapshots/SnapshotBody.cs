using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Snapshots;

/// <summary>What a snapshot says of itself, sealed under its session key: only who opens the account can read it.</summary>
/// <remarks>CBOR map: 0 root node · 1 host · 2 paths (byte strings) · 3 client time, nanoseconds since 1970 · 4 tags · 5 files · 6 directories ·
/// 7 other entries · 8 bytes · 9 entries not read · 10 program · 11 partial.</remarks>
public sealed record SnapshotBody
{
    private const string What = "snapshot body";
    private const int TextLengthMax = 255;
    private const int TagsMax = 256;
    private const int PathsMax = 4096;
    private const int PathLengthMax = 4096;

    public required BlobId Root { get; init; }

    public required string Host { get; init; }

    public required IReadOnlyList<byte[]> Paths { get; init; }

    public required long TimeNanoseconds { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    public ulong Files { get; init; }

    public ulong Directories { get; init; }

    public ulong Others { get; init; }

    public ulong Bytes { get; init; }

    /// <summary>Entries that could not be read, and are therefore missing.</summary>
    public ulong Unread { get; init; }

    public string Program { get; init; } = "";

    /// <summary>A checkpoint of a backup that is not complete.</summary>
    public bool IsPartial { get; init; }

    /// <summary>Says what is longer or more than any reader accepts, or null: to be asked before a backup begins.</summary>
    public static string? FindExcess(string host, IReadOnlyList<byte[]> paths, IReadOnlyList<string> tags, string program) =>
        host.Length > TextLengthMax || program.Length > TextLengthMax ? $"A host name has at most {TextLengthMax} characters."
        : tags.Count > TagsMax || tags.Any(tag => tag.Length > TextLengthMax) ? $"A snapshot has at most {TagsMax} tags of {TextLengthMax} characters."
        : paths.Count > PathsMax || paths.Any(path => path.Length > PathLengthMax) ? $"A snapshot is of at most {PathsMax} paths of {PathLengthMax} bytes: back up their directory instead."
        : null;

    public byte[] Encode()
    {
        var writer = Cbor.Writer();
        writer.WriteStartMap(12);
        writer.WriteInt32(0);
        writer.WriteByteString(Root.ToArray());
        writer.WriteInt32(1);
        writer.WriteTextString(Host);
        writer.WriteInt32(2);
        writer.WriteStartArray(Paths.Count);
        foreach (var path in Paths)
        {
            writer.WriteByteString(path);
        }

        writer.WriteEndArray();
        writer.WriteInt32(3);
        writer.WriteInt64(TimeNanoseconds);
        writer.WriteInt32(4);
        writer.WriteStartArray(Tags.Count);
        foreach (var tag in Tags)
        {
            writer.WriteTextString(tag);
        }

        writer.WriteEndArray();
        var counts = new[] { Files, Directories, Others, Bytes, Unread };
        for (var i = 0; i < counts.Length; i++)
        {
            writer.WriteInt32(5 + i);
            writer.WriteUInt64(counts[i]);
        }

        writer.WriteInt32(10);
        writer.WriteTextString(Program);
        writer.WriteInt32(11);
        writer.WriteBoolean(IsPartial);
        writer.WriteEndMap();
        return writer.Encode();
    }

    public static SnapshotBody Decode(ReadOnlyMemory<byte> bytes) => Cbor.Read(bytes, What, reader =>
    {
        if (Cbor.Count(reader.ReadStartMap(), 12, What) != 12)
        {
            throw new MalformedObjectException(What, "a field is missing");
        }

        void Key(int key)
        {
            if (reader.ReadInt32() != key)
            {
                throw new MalformedObjectException(What, $"field {key} is missing");
            }
        }

        Key(0);
        var root = new BlobId(Cbor.Fixed(reader, BlobId.Length, What));
        Key(1);
        var host = Cbor.Text(reader, TextLengthMax, What);
        Key(2);
        var paths = new byte[Cbor.Count(reader.ReadStartArray(), PathsMax, What)][];
        for (var i = 0; i < paths.Length; i++)
        {
            paths[i] = Cbor.Bounded(reader, PathLengthMax, What);
        }

        reader.ReadEndArray();
        Key(3);
        var time = reader.ReadInt64();
        Key(4);
        var tags = new string[Cbor.Count(reader.ReadStartArray(), TagsMax, What)];
        for (var i = 0; i < tags.Length; i++)
        {
            tags[i] = Cbor.Text(reader, TextLengthMax, What);
        }

        reader.ReadEndArray();
        var counts = new ulong[5];
        for (var i = 0; i < counts.Length; i++)
        {
            Key(5 + i);
            counts[i] = reader.ReadUInt64();
        }

        Key(10);
        var program = Cbor.Text(reader, TextLengthMax, What);
        Key(11);
        var partial = reader.ReadBoolean();
        reader.ReadEndMap();
        return new SnapshotBody
        {
            Root = root, Host = host, Paths = paths, TimeNanoseconds = time, Tags = tags, Files = counts[0], Directories = counts[1],
            Others = counts[2], Bytes = counts[3], Unread = counts[4], Program = program, IsPartial = partial,
        };
    });
}
