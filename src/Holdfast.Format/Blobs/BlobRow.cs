using System.Buffers.Binary;

namespace Holdfast.Format.Blobs;

/// <summary>One blob and where it lies: 48 bytes in blob tables and index segments alike.</summary>
/// <remarks>0 id · 32 frame u32 · 36 offset u32 · 40 length u32 · 44 type u8 · 45 three zero bytes.
/// <see cref="Frame"/> is the frame's slot in a blob table, its ordinal in the frame directory in a segment.</remarks>
public readonly record struct BlobRow(BlobId Id, uint Frame, uint Offset, uint Length, BlobType Type) : IComparable<BlobRow>
{
    public const int Size = 48;

    public void Write(Span<byte> destination)
    {
        Id.Write(destination);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[32..], Frame);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[36..], Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[40..], Length);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[44..], (byte)Type);
    }

    /// <summary>Reads a row and checks that the blob lies inside a frame of legal size.</summary>
    public static BlobRow Read(ReadOnlySpan<byte> bytes, string what)
    {
        var row = new BlobRow(
            new BlobId(bytes[..BlobId.Length]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[36..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..]),
            (BlobType)bytes[44]);
        if (row.Type is < BlobType.Data or > BlobType.Attributes || bytes[45] != 0 || bytes[46] != 0 || bytes[47] != 0)
        {
            throw new MalformedObjectException(what, $"blob type {bytes[44]} is unknown");
        }

        return (ulong)row.Offset + row.Length <= Limits.FrameLengthMax
            ? row
            : throw new MalformedObjectException(what, "a blob reaches past the largest frame");
    }

    public int CompareTo(BlobRow other)
    {
        var order = Id.CompareTo(other.Id);
        return order != 0 ? order : Frame.CompareTo(other.Frame);
    }

    public static bool operator <(BlobRow left, BlobRow right) => left.CompareTo(right) < 0;

    public static bool operator >(BlobRow left, BlobRow right) => left.CompareTo(right) > 0;

    public static bool operator <=(BlobRow left, BlobRow right) => left.CompareTo(right) <= 0;

    public static bool operator >=(BlobRow left, BlobRow right) => left.CompareTo(right) >= 0;
}
