namespace Holdfast.Format;

/// <summary>The largest of everything, checked before anything is allocated (format rule 19).</summary>
public static class Limits
{
    /// <summary>Ciphertext and tag of frames and sealed objects are a multiple of this many bytes.</summary>
    public const int Alignment = 4096;

    /// <summary>Plain bytes of one frame: bounds what one corrupt or hostile frame can make a reader allocate.</summary>
    public const int FrameLengthMax = 4 << 20;

    /// <summary>Plain bytes of one chunk; four times the mean, so that cut points dominate.</summary>
    public const int ChunkLengthMax = 256 << 10;

    /// <summary>Bytes of one tree, list or attribute node, so that one name among a million costs little.</summary>
    public const int NodeLengthMax = 64 << 10;

    /// <summary>Bytes of all extended attributes of one entry, which are one blob when they do not fit the entry.</summary>
    public const int AttributesLengthMax = 1 << 20;

    /// <summary>Bytes of one pack, tables and signatures included.</summary>
    public const int PackLengthMax = 32 << 20;

    /// <summary>Bytes of one index segment: about 2.7 million entries.</summary>
    public const int SegmentLengthMax = 128 << 20;

    /// <summary>Bytes of a snapshot object, map page, head, log statement or keyring.</summary>
    public const int SmallObjectLengthMax = 16 << 20;

    /// <summary>Frames in one pack: 32 MiB in units of 4 KiB.</summary>
    public const int FramesPerPackMax = PackLengthMax / Alignment;

    /// <summary>Session keys that one pack can name; a pack made by compaction gathers frames of many sessions.</summary>
    public const int SessionKeysPerPackMax = 1024;

    /// <summary>Bytes of a file name: what Linux allows.</summary>
    public const int NameLengthMax = 255;

    /// <summary>Bytes of a symbolic link's target: what Linux allows.</summary>
    public const int LinkTargetLengthMax = 4096;

    /// <summary>Levels of a split tree or list: 64 KiB nodes of four entries or more reach any size before this.</summary>
    public const int LevelsMax = 16;

    /// <summary>Directories below one another: every open level costs memory.</summary>
    public const int DepthMax = 4096;
}
