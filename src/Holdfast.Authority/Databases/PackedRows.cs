using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Holdfast.Authority.Databases;

/// <summary>A table's columns, in the order in which rows are packed, and what they hold: <see cref="long"/>, <see cref="string"/> or bytes.</summary>
internal sealed record TableShape(string Table, IReadOnlyList<string> Columns, IReadOnlyList<Type> Types)
{
    /// <summary>Where a column is.</summary>
    public int PlaceOf(string column)
    {
        for (var i = 0; i < Columns.Count; i++)
        {
            if (Columns[i] == column)
            {
                return i;
            }
        }

        throw new InvalidOperationException($"the table {Table} has no column {column}");
    }
}

/// <summary>
/// Rows on their way between engines, as PostgreSQL's binary COPY has them (its documentation, "Binary Format": a count of fields, 16 bits; then for each a length, 32 bits, -1 for nothing, and the bytes; numbers are 64 bits; all big-endian): between two
/// such servers no value is taken apart.
/// </summary>
internal sealed class PackedRows(TableShape shape) : IDisposable
{
    private const int SizeLeast = 4096;

    private static readonly byte[] _head = [.. "PGCOPY\n"u8, 0xff, 0x0d, 0x0a, 0x00, 0, 0, 0, 0, 0, 0, 0, 0];
    private readonly List<int> _starts = [];

    /// <summary>Rented: megabytes that were fresh for each piece would cost more than the rows.</summary>
    private byte[] _bytes = [];

    private int _length;

    public TableShape Shape { get; } = shape;

    public int Count => _starts.Count;

    /// <summary>Takes what a COPY gave, whole.</summary>
    public static async Task<PackedRows> ReadAsync(TableShape shape, Stream copy, CancellationToken cancellation)
    {
        var rows = new PackedRows(shape);
        do
        {
            rows.Reserve(SizeLeast);
        }
        while (rows.Took(await copy.ReadAsync(rows._bytes.AsMemory(rows._length), cancellation)));
        rows.Divide();
        return rows;
    }

    /// <summary>Gives them to a COPY.</summary>
    public async Task WriteAsync(Stream copy, CancellationToken cancellation)
    {
        await copy.WriteAsync(_bytes.AsMemory(0, _length), cancellation);
        await copy.WriteAsync(new byte[] { 0xff, 0xff }, cancellation);
    }

    public void Add(IReadOnlyList<object?> values)
    {
        if (_length == 0)
        {
            Append(_head);
        }

        _starts.Add(_length);
        Span<byte> number = stackalloc byte[8];
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt16BigEndian(number, (short)values.Count);
        Append(number[..2]);
        foreach (var value in values)
        {
            ReadOnlySpan<byte> bytes = value switch
            {
                null => [],
                long whole => Whole(whole, number),
                string text => Encoding.UTF8.GetBytes(text),
                byte[] raw => raw,
                _ => throw new InvalidOperationException($"a {value.GetType().Name} in {Shape.Table}"),
            };
            BinaryPrimitives.WriteInt32BigEndian(length, value is null ? -1 : bytes.Length);
            Append(length);
            Append(bytes);
        }

        static byte[] Whole(long value, Span<byte> buffer)
        {
            BinaryPrimitives.WriteInt64BigEndian(buffer, value);
            return buffer.ToArray();
        }
    }

    /// <summary>Gives the memory back: nothing can be read any more.</summary>
    public void Dispose()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            (_bytes, _length) = ([], 0);
        }
    }

    /// <summary>A row's bytes.</summary>
    public ReadOnlySpan<byte> BytesOf(int row) => _bytes.AsSpan(_starts[row]..(row + 1 < _starts.Count ? _starts[row + 1] : _length));

    /// <summary>One of a row's values.</summary>
    public object? Value(int row, int place)
    {
        var field = FieldAt(row, place);
        return Decode(place, BinaryPrimitives.ReadInt32BigEndian(field), field[4..]);
    }

    /// <summary>One of a row's numbers.</summary>
    public long Number(int row, int place) => BinaryPrimitives.ReadInt64BigEndian(FieldAt(row, place)[4..]);

    /// <summary>All values of a row.</summary>
    public object?[] Values(int row)
    {
        var values = new object?[Shape.Columns.Count];
        var rest = BytesOf(row)[2..];
        for (var i = 0; i < values.Length; i++)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(rest);
            values[i] = Decode(i, length, rest[4..]);
            rest = rest[(4 + Math.Max(0, length))..];
        }

        return values;
    }

    private ReadOnlySpan<byte> FieldAt(int row, int place)
    {
        var rest = BytesOf(row)[2..];
        for (var i = 0; i < place; i++)
        {
            rest = rest[(4 + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(rest)))..];
        }

        return rest;
    }

    private object? Decode(int place, int length, ReadOnlySpan<byte> bytes) => length < 0 ? null
        : Shape.Types[place] == typeof(long) ? BinaryPrimitives.ReadInt64BigEndian(bytes) : Shape.Types[place] == typeof(string) ? Encoding.UTF8.GetString(bytes[..length]) : bytes[..length].ToArray();

    /// <summary>Finds where rows begin, and takes the end's mark away.</summary>
    private void Divide()
    {
        var bytes = _bytes.AsSpan(0, _length);
        var at = _head.Length;
        while (BinaryPrimitives.ReadInt16BigEndian(bytes[at..]) is var fields && fields >= 0)
        {
            _starts.Add(at);
            at += 2;
            for (var i = 0; i < fields; i++)
            {
                at += 4 + Math.Max(0, BinaryPrimitives.ReadInt32BigEndian(bytes[at..]));
            }
        }

        _length = at;
    }

    private bool Took(int count)
    {
        _length += count;
        return count > 0;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    private void Reserve(int more)
    {
        if (_bytes.Length - _length >= more)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(SizeLeast, Math.Max(2 * _bytes.Length, _length + more)));
        _bytes.AsSpan(0, _length).CopyTo(larger);
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }

        _bytes = larger;
    }
}
