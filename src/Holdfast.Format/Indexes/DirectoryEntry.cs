using System.Buffers.Binary;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Indexes;

/// <summary>A frame in a segment's directory: address, first 16 bytes of its SHA-256, and where it lay when written (units of 4,096 bytes).</summary>
/// <remarks>0 number u32 · 4 slot u32 · 8 offset u32 · 12 length u32 · 16 hash 16. 32 bytes.</remarks>
public readonly record struct DirectoryEntry(Address Address, uint OffsetUnits, uint LengthUnits, UInt128 HashPrefix)
{
    public const int Size = 32;

    public void Write(Span<byte> destination)
    {
        destination[..Size].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Address.Number);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], Address.Slot);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], OffsetUnits);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[12..], LengthUnits);
        BinaryPrimitives.WriteUInt128BigEndian(destination[16..], HashPrefix);
    }

    public static DirectoryEntry Read(ReadOnlySpan<byte> bytes)
    {
        var entry = new DirectoryEntry(
            new Address(BinaryPrimitives.ReadUInt32LittleEndian(bytes), BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..])),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadUInt128BigEndian(bytes[16..]));
        return entry.Address.Slot < Limits.FramesPerPackMax && entry.LengthUnits <= (Limits.FrameLengthMax / Limits.Alignment) + 2
            ? entry
            : throw new MalformedObjectException("index segment", $"frame {entry.Address} is out of range");
    }
}
