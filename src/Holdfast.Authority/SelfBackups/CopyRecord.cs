using System.Formats.Cbor;
using Holdfast.Format;

namespace Holdfast.Authority.SelfBackups;

/// <summary>A piece of a copy of the service. docs/format.md has every byte.</summary>
internal abstract record CopyRecord
{
    /// <summary>Longest record.</summary>
    public const int LengthMax = 8 << 20;

    private const string What = "self-backup";
    private const int ColumnsMax = 200;
    private const int RowsMax = 10_000;

    public byte[] Encode()
    {
        var writer = new CborWriter(CborConformanceMode.Strict, convertIndefiniteLengthEncodings: true);
        switch (this)
        {
            case CopyBegin begin:
                writer.WriteStartArray(5);
                writer.WriteInt32(0);
                writer.WriteInt64(begin.MadeAt);
                writer.WriteTextString(begin.Program);
                writer.WriteInt32(begin.DirectorySchema);
                writer.WriteInt32(begin.AccountsSchema);
                break;
            case CopiedFile file:
                writer.WriteStartArray(3);
                writer.WriteInt32(1);
                writer.WriteTextString(file.Name);
                writer.WriteByteString(file.Content);
                break;
            case CopiedTable table:
                writer.WriteStartArray(3 + table.Columns.Count);
                writer.WriteInt32(2);
                writer.WriteTextString(table.Database);
                writer.WriteTextString(table.Table);
                foreach (var column in table.Columns)
                {
                    writer.WriteTextString(column);
                }

                break;
            case CopiedRows rows:
                writer.WriteStartArray(1 + rows.Rows.Count);
                writer.WriteInt32(3);
                foreach (var row in rows.Rows)
                {
                    writer.WriteStartArray(row.Length);
                    foreach (var value in row)
                    {
                        Write(writer, value);
                    }

                    writer.WriteEndArray();
                }

                break;
            case CopyEnd end:
                writer.WriteStartArray(2);
                writer.WriteInt32(4);
                writer.WriteInt64(end.Rows);
                break;
            default:
                throw new InvalidOperationException(GetType().Name);
        }

        writer.WriteEndArray();
        return writer.Encode();
    }

    /// <summary>Reads a record; anything else is a <see cref="MalformedObjectException"/>.</summary>
    public static CopyRecord Parse(ReadOnlyMemory<byte> bytes)
    {
        var reader = new CborReader(bytes, CborConformanceMode.Strict);
        try
        {
            var count = reader.ReadStartArray() ?? throw new MalformedObjectException(What, "a record has no length");
            CopyRecord record = (reader.ReadInt32(), count) switch
            {
                (0, 5) => new CopyBegin(reader.ReadInt64(), reader.ReadTextString(), reader.ReadInt32(), reader.ReadInt32()),
                (1, 3) => new CopiedFile(reader.ReadTextString(), reader.ReadByteString()),
                (2, > 3 and <= 3 + ColumnsMax) => new CopiedTable(reader.ReadTextString(), reader.ReadTextString(), [.. Enumerable.Range(0, count - 3).Select(_ => reader.ReadTextString())]),
                (3, >= 1 and <= RowsMax) => new CopiedRows([.. Enumerable.Range(0, count - 1).Select(_ => ReadRow(reader))]),
                (4, 2) => new CopyEnd(reader.ReadInt64()),
                var (kind, _) => throw new MalformedObjectException(What, $"a record of kind {kind} with {count} items is unknown"),
            };
            reader.ReadEndArray();
            return reader.BytesRemaining == 0 ? record : throw new MalformedObjectException(What, "bytes follow a record's end");
        }
        catch (Exception exception) when (exception is CborContentException or InvalidOperationException or OverflowException)
        {
            throw new MalformedObjectException(What, exception.Message, exception);
        }
    }

    private static object?[] ReadRow(CborReader reader)
    {
        var row = new object?[reader.ReadStartArray() is { } count and <= ColumnsMax ? count : throw new MalformedObjectException(What, "a row is too wide")];
        for (var i = 0; i < row.Length; i++)
        {
            row[i] = reader.PeekState() switch
            {
                CborReaderState.Null => ReadNull(reader),
                CborReaderState.UnsignedInteger or CborReaderState.NegativeInteger => reader.ReadInt64(),
                CborReaderState.TextString => reader.ReadTextString(),
                CborReaderState.ByteString => reader.ReadByteString(),
                var state => throw new MalformedObjectException(What, $"a value of kind {state} stands in no table"),
            };
        }

        reader.ReadEndArray();
        return row;
    }

    private static object? ReadNull(CborReader reader)
    {
        reader.ReadNull();
        return null;
    }

    private static void Write(CborWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNull(); break;
            case long number: writer.WriteInt64(number); break;
            case int number: writer.WriteInt64(number); break;
            case string text: writer.WriteTextString(text); break;
            case byte[] bytes: writer.WriteByteString(bytes); break;
            default: throw new InvalidOperationException($"a value of type {value.GetType()} stands in a table");
        }
    }
}

/// <summary>When it was made (seconds since 1970), by which program, and of which schemas.</summary>
internal sealed record CopyBegin(long MadeAt, string Program, int DirectorySchema, int AccountsSchema) : CopyRecord;

/// <summary>A small file of the service's folders.</summary>
internal sealed record CopiedFile(string Name, byte[] Content) : CopyRecord;

/// <summary>The rows that follow are of this table; of the directory if the database has no name, else of that store.</summary>
internal sealed record CopiedTable(string Database, string Table, IReadOnlyList<string> Columns) : CopyRecord;

/// <summary>Rows: numbers, texts, bytes, or nothing.</summary>
internal sealed record CopiedRows(IReadOnlyList<object?[]> Rows) : CopyRecord;

/// <summary>All of it was here: so many rows.</summary>
internal sealed record CopyEnd(long Rows) : CopyRecord;
