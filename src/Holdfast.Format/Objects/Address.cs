namespace Holdfast.Format.Objects;

/// <summary>Where a sealed thing was born: an object's number and a slot in it. Permanent: it names a frame wherever the frame lies now.</summary>
/// <remarks>Slot 0 is a whole object; <see cref="BlobTableSlot"/> is a pack's blob table; otherwise the frame's ordinal in its pack.</remarks>
public readonly record struct Address(uint Number, uint Slot) : IComparable<Address>
{
    public const uint WholeObject = 0;
    public const uint BlobTableSlot = 0xFFFFFFFF;

    public ulong Packed => ((ulong)Number << 32) | Slot;

    public static Address FromPacked(ulong packed) => new((uint)(packed >> 32), (uint)packed);

    public int CompareTo(Address other) => Packed.CompareTo(other.Packed);

    public static bool operator <(Address left, Address right) => left.CompareTo(right) < 0;

    public static bool operator >(Address left, Address right) => left.CompareTo(right) > 0;

    public static bool operator <=(Address left, Address right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Address left, Address right) => left.CompareTo(right) >= 0;

    public override string ToString() => $"{Number}/{Slot}";
}
