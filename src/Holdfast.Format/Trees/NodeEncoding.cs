using Holdfast.Format.Objects;

namespace Holdfast.Format.Trees;

/// <summary>The array [level, item…] around items that are already deterministic CBOR, so that unchanged entries are copied, never encoded again.</summary>
internal static class NodeEncoding
{
    public static byte[] Join(int level, IReadOnlyList<ReadOnlyMemory<byte>> encodedItems)
    {
        var length = 6;
        foreach (var item in encodedItems)
        {
            length += item.Length;
        }

        var writer = new ByteWriter(length);
        var count = encodedItems.Count + 1;

        // RFC 8949 §3: major type 4 (array) with the shortest argument; the level is below 24, hence one byte.
        if (count < 24)
        {
            writer.Byte((byte)(0x80 | count));
        }
        else if (count < 256)
        {
            writer.Byte(0x98).Byte((byte)count);
        }
        else
        {
            writer.Byte(0x99).Byte((byte)(count >> 8)).Byte((byte)count);
        }

        writer.Byte((byte)level);
        foreach (var item in encodedItems)
        {
            writer.Bytes(item.Span);
        }

        return writer.ToArray();
    }
}
