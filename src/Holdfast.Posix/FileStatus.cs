namespace Holdfast.Posix;

/// <summary>What statx tells of a name. Times are seconds and nanoseconds since 1970, before it negative seconds.</summary>
public readonly record struct FileStatus(
    uint Mode, ulong Inode, ulong Device, uint Links, uint Owner, uint Group, long Size,
    long ModifiedSeconds, uint ModifiedNanoseconds, long ChangedSeconds, uint ChangedNanoseconds,
    uint DeviceMajor, uint DeviceMinor, ulong Blocks)
{
    private const uint TypeMask = 0xF000;

    public FileKind Kind => (FileKind)(Mode & TypeMask);

    /// <summary>Permission, set-id and sticky bits.</summary>
    public ushort Permissions => (ushort)(Mode & 0xFFF);
}

/// <summary>The type bits of a mode.</summary>
public enum FileKind : uint
{
    Fifo = 0x1000,
    CharacterDevice = 0x2000,
    Directory = 0x4000,
    BlockDevice = 0x6000,
    File = 0x8000,
    SymbolicLink = 0xA000,
    Socket = 0xC000,
}
