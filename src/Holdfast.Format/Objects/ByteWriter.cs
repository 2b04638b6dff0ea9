using System.Buffers.Binary;

namespace Holdfast.Format.Objects;

/// <summary>Appends little-endian fields to a growing buffer.</summary>
public sealed class ByteWriter(int capacity = 256)
{
    private byte[] _buffer = new byte[capacity];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    /// <summary>The first <paramref name="count"/> bytes, to be filled in once what follows is known.</summary>
    public Span<byte> WrittenForUpdate(int count) => _buffer.AsSpan(0, Math.Min(count, Length));

    /// <summary>Reserves <paramref name="count"/> zeroed bytes and returns them for writing.</summary>
    public Span<byte> Reserve(int count)
    {
        if (Length + count > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(_buffer.Length * 2, Length + count));
        }

        var span = _buffer.AsSpan(Length, count);
        span.Clear();
        Length += count;
        return span;
    }

    public ByteWriter Bytes(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        return this;
    }

    public ByteWriter Byte(byte value)
    {
        Reserve(1)[0] = value;
        return this;
    }

    public ByteWriter UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), value);
        return this;
    }

    public ByteWriter UInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);
        return this;
    }

    public ByteWriter UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Reserve(8), value);
        return this;
    }

    public ByteWriter Int64(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(Reserve(8), value);
        return this;
    }

    public ByteWriter Zeros(int count)
    {
        Reserve(count);
        return this;
    }

    public void Clear() => Length = 0;

    public byte[] ToArray() => Written.ToArray();
}
