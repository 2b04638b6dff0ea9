namespace Holdfast.Posix;

/// <summary>What decides about an entry's permissions. The mount is the one it is seen through: another one than its directory's is a mount point, of the same file system too.</summary>
public readonly record struct EntryStatus(uint Mode, ulong Inode, ulong Device, uint Links, uint Owner, uint Group, ulong Mount)
{
    private const uint TypeMask = 0xF000;
    private const uint PermissionMask = 0xFFF;

    public FileKind Kind => (FileKind)(Mode & TypeMask);

    /// <summary>Permission, set-id and sticky bits.</summary>
    public uint Permissions => Mode & PermissionMask;
}
