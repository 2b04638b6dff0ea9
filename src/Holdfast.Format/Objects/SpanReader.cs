using System.Buffers.Binary;

namespace Holdfast.Format.Objects;

/// <summary>Reads little-endian fields off a span; running past the end is a <see cref="MalformedObjectException"/>.</summary>
public ref struct SpanReader(ReadOnlySpan<byte> bytes, string what)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Bytes not yet read.</summary>
    public readonly int Remaining => _rest.Length;

    /// <summary>The next <paramref name="count"/> bytes.</summary>
    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw new MalformedObjectException(what, $"truncated: {count} bytes expected, {_rest.Length} left");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    public byte Byte() => Bytes(1)[0];

    public ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    public uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Bytes(8));

    /// <summary>A count that must not pass <paramref name="max"/>, checked before anything is allocated for it.</summary>
    public int Count(int max)
    {
        var count = UInt32();
        return count <= (uint)max ? (int)count : throw new MalformedObjectException(what, $"{count} items, at most {max} are allowed");
    }

    /// <summary>Skips reserved bytes, which must be zero.</summary>
    public void Zeros(int count)
    {
        if (Bytes(count).ContainsAnyExcept((byte)0))
        {
            throw new MalformedObjectException(what, "reserved bytes are not zero");
        }
    }

    /// <summary>Nothing may follow.</summary>
    public readonly void End()
    {
        if (_rest.Length != 0)
        {
            throw new MalformedObjectException(what, $"{_rest.Length} bytes too many");
        }
    }
}
