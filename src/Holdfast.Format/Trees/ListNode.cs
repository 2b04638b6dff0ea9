using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Trees;

/// <summary>A node of a long chunk list: chunks and holes at level 0; above, children with the bytes below each.</summary>
/// <remarks>CBOR array [level, item…]; an item is [length] or [length, id].</remarks>
public sealed record ListNode(int Level, IReadOnlyList<ContentItem> Items)
{
    private const string What = "chunk list node";

    /// <summary>Bytes below this node.</summary>
    public ulong Length => Items.Aggregate(0UL, (sum, item) => checked(sum + item.Length));

    public static ListNode Decode(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > Limits.NodeLengthMax)
        {
            throw new MalformedObjectException(What, $"{bytes.Length} bytes, at most {Limits.NodeLengthMax} are allowed");
        }

        return Cbor.Read(bytes, What, reader =>
        {
            var count = Cbor.Count(reader.ReadStartArray(), Limits.NodeLengthMax, What) - 1;
            var level = reader.ReadInt32();
            if (count < 1 || level is < 0 or > Limits.LevelsMax)
            {
                throw new MalformedObjectException(What, "its level or count is out of range");
            }

            var items = new List<ContentItem>(Math.Min(count, 2048));
            for (var i = 0; i < count; i++)
            {
                var item = ContentItem.Read(reader, level == 0 ? Limits.ChunkLengthMax : ulong.MaxValue);
                items.Add(level == 0 || item.Id is not null ? item : throw new MalformedObjectException(What, "a child without an id"));
            }

            reader.ReadEndArray();
            var node = new ListNode(level, items);
            _ = node.Length;
            return node;
        });
    }

    public static byte[] Encode(int level, IReadOnlyList<ReadOnlyMemory<byte>> encodedItems) => NodeEncoding.Join(level, encodedItems);

    public static byte[] EncodeItem(ContentItem item)
    {
        var writer = Cbor.Writer();
        item.Write(writer);
        return writer.Encode();
    }
}
