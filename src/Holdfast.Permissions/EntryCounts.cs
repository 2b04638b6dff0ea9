namespace Holdfast.Permissions;

/// <summary>What came of how many entries.</summary>
/// <param name="Right">They were as they should be; nothing was written.</param>
/// <param name="Changed">They were changed, or would be.</param>
/// <param name="Vanished">They were deleted or moved after their directory was read.</param>
/// <param name="MountPoints">Something else is mounted there; left alone.</param>
/// <param name="Failed">They could not be changed, or not be listed.</param>
public readonly record struct EntryCounts(long Right, long Changed, long Vanished, long MountPoints, long Failed)
{
    public long Total => Right + Changed + Vanished + MountPoints + Failed;

    public static EntryCounts operator +(EntryCounts one, EntryCounts other) => one.Add(other);

    public EntryCounts Add(EntryCounts other) =>
        new(Right + other.Right, Changed + other.Changed, Vanished + other.Vanished, MountPoints + other.MountPoints, Failed + other.Failed);
}
