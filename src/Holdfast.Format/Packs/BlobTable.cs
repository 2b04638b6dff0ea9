using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Packs;

/// <summary>The plaintext of a pack's blob table: u32 count, then 48-byte rows. It is sealed under the group's index key at slot 0xFFFFFFFF.</summary>
public static class BlobTable
{
    private const string What = "blob table";

    public static byte[] Encode(IReadOnlyList<BlobRow> rows)
    {
        var writer = new ByteWriter(4 + (rows.Count * BlobRow.Size));
        writer.UInt32((uint)rows.Count);
        foreach (var row in rows)
        {
            row.Write(writer.Reserve(BlobRow.Size));
        }

        return writer.ToArray();
    }

    /// <summary>Reads rows of a pack of <paramref name="frameCount"/> frames.</summary>
    public static List<BlobRow> Parse(ReadOnlySpan<byte> bytes, int frameCount)
    {
        var reader = new SpanReader(bytes, What);
        var count = reader.Count(reader.Remaining / BlobRow.Size);
        var rows = new List<BlobRow>(count);
        for (var i = 0; i < count; i++)
        {
            var row = BlobRow.Read(reader.Bytes(BlobRow.Size), What);
            if (row.Frame >= frameCount)
            {
                throw new MalformedObjectException(What, $"a blob lies in frame {row.Frame} of {frameCount}");
            }

            rows.Add(row);
        }

        reader.End();
        return rows;
    }
}
