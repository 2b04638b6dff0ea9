using System.Formats.Cbor;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Trees;

/// <summary>A piece of a file: a chunk of <paramref name="Length"/> bytes, or a hole of that many where there is no <paramref name="Id"/>.</summary>
public readonly record struct ContentItem(ulong Length, BlobId? Id)
{
    /// <summary>Items that may stand in the entry itself; longer lists become nodes.</summary>
    public const int InlineMax = 8;

    private const string What = "chunk list";

    /// <summary>CBOR array: [length] for a hole, [length, id] for a chunk.</summary>
    public void Write(CborWriter writer)
    {
        writer.WriteStartArray(Id is null ? 1 : 2);
        writer.WriteUInt64(Length);
        if (Id is { } id)
        {
            writer.WriteByteString(id.ToArray());
        }

        writer.WriteEndArray();
    }

    internal static ContentItem Read(CborReader reader, ulong chunkLengthMax)
    {
        var fields = Cbor.Count(reader.ReadStartArray(), 2, What);
        var length = reader.ReadUInt64();
        BlobId? id = fields == 2 ? new BlobId(Cbor.Fixed(reader, BlobId.Length, What)) : null;
        reader.ReadEndArray();
        return length > 0 && (id is null || length <= chunkLengthMax)
            ? new ContentItem(length, id)
            : throw new MalformedObjectException(What, $"a piece of {length} bytes");
    }

    internal static List<ContentItem> ReadAll(CborReader reader)
    {
        var count = Cbor.Count(reader.ReadStartArray(), InlineMax, What);
        var items = new List<ContentItem>(count);
        for (var i = 0; i < count; i++)
        {
            items.Add(Read(reader, Limits.ChunkLengthMax));
        }

        reader.ReadEndArray();
        return items;
    }
}
