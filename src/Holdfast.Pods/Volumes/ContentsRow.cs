using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Volumes;

/// <summary>A record in the contents of a sealed extent, so that an index is made again without walking through all records.</summary>
/// <remarks>64 bytes: 0 type u8 · 1 space u8 · 2 zeros 2 · 4 offset u32 (units of 4,096) · 8 record length u32 (units of 4,096) · 12 zeros 4 · 16 account 16 · 32 name u64 · 40 sequence u64 · 48 time i64 · 56 object length u64.</remarks>
internal readonly record struct ContentsRow(RecordType Type, ObjectName Name, long Offset, int RecordLength, ulong Sequence, DateTimeOffset Time, long ObjectLength)
{
    public const int Size = 64;

    public static ContentsRow Of(RecordHeader header, long offset) =>
        new(header.Type, header.Name, offset, header.RecordLength, header.Sequence, header.Time, header.ObjectLength);

    public static byte[] Encode(IReadOnlyList<ContentsRow> rows)
    {
        var writer = new ByteWriter(rows.Count * Size);
        foreach (var row in rows)
        {
            writer.Byte((byte)row.Type).Byte((byte)row.Name.Space).Zeros(2).UInt32((uint)(row.Offset / VolumeLayout.Alignment)).UInt32((uint)(row.RecordLength / VolumeLayout.Alignment)).Zeros(4)
                .Bytes(row.Name.Account.ToArray()).UInt64(row.Name.Number).UInt64(row.Sequence).Int64(row.Time.ToUnixTimeSeconds()).Int64(row.ObjectLength);
        }

        return writer.ToArray();
    }

    public static List<ContentsRow> Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length % Size != 0)
        {
            throw new MalformedObjectException("contents", "they are cut");
        }

        var rows = new List<ContentsRow>(bytes.Length / Size);
        for (var reader = new SpanReader(bytes, "contents"); reader.Remaining > 0;)
        {
            var (type, space) = ((RecordType)reader.Byte(), (ObjectSpace)reader.Byte());
            reader.Zeros(2);
            var (offset, length) = ((long)reader.UInt32() * VolumeLayout.Alignment, (int)reader.UInt32() * VolumeLayout.Alignment);
            reader.Zeros(4);
            var name = new ObjectName(new AccountId(reader.Bytes(AccountId.Length)), space, reader.UInt64());
            rows.Add(new ContentsRow(type, name, offset, length, reader.UInt64(), DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(reader.Int64(), 0, 253402300799)), reader.Int64()));
        }

        return rows;
    }
}
