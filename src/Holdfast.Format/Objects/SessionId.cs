using System.Buffers.Binary;

namespace Holdfast.Format.Objects;

/// <summary>Names a session key: 16 random bytes drawn by the computer for each backup session.</summary>
public readonly record struct SessionId
{
    public const int Length = 16;

    private readonly UInt128 _value;

    public SessionId(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Length);
        _value = BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public void Write(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, _value);

    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        Write(bytes);
        return bytes;
    }

    public override string ToString() => Convert.ToHexStringLower(ToArray());
}
