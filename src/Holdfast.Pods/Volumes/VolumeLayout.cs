namespace Holdfast.Pods.Volumes;

/// <summary>Sizes of what lies on drives; docs/pods.md has every byte.</summary>
internal static class VolumeLayout
{
    /// <summary>Records begin at multiples of this.</summary>
    public const int Alignment = 4096;

    /// <summary>A checksum covers so many bytes of a shard: the smallest piece that is read, verified and repaired.</summary>
    public const int BlockLength = 64 << 10;

    /// <summary>Objects below this are copied, not coded: coded alone, 4 KiB would take forty times their size.</summary>
    public const int CodedLengthMin = 1 << 20;

    /// <summary>Where the first record of an extent begins.</summary>
    public const int FirstRecord = Alignment;

    public static int Align(int length) => (length + Alignment - 1) / Alignment * Alignment;

    public static int Blocks(int shardLength) => (shardLength + BlockLength - 1) / BlockLength;
}
