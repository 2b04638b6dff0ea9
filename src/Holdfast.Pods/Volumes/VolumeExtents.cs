using Holdfast.Pods.Drives;

namespace Holdfast.Pods.Volumes;

/// <summary>The extents of one volume, each opened when it is first needed and kept open. Not thread-safe.</summary>
/// <param name="drives">The set's drives.</param>
/// <param name="volume">The volume.</param>
/// <param name="fromDisk">Reads past the page cache, and leaves nothing in it: for who decides whether a drive has something, and for who reads everything.</param>
internal sealed class VolumeExtents(IReadOnlyList<Drive> drives, Volume volume, bool fromDisk = false) : IDisposable
{
    private readonly (ExtentReader? Extent, bool IsOpened)[] _extents = new (ExtentReader?, bool)[volume.Code.Total];

    public Volume Volume => volume;

    /// <summary>The extent of a shard, or null if no drive that can be read has it.</summary>
    public ExtentReader? Of(int shard)
    {
        if (!_extents[shard].IsOpened)
        {
            var extent = volume.ReadableDrive(shard, drives) is { } drive ? ExtentReader.TryOpen(drive, volume, shard) : null;
            if (fromDisk)
            {
                extent?.DropCache();
            }

            _extents[shard] = (extent, true);
        }

        return _extents[shard].Extent;
    }

    /// <summary>True if no drive that can be read holds the shard: it is absent, not bad.</summary>
    public bool IsAbsent(int shard) => volume.ReadableDrive(shard, drives) is null;

    /// <summary>False if some extent whose drive is there could not be opened: it may hold what seems to be lost.</summary>
    public bool AreAllOpen => Enumerable.Range(0, volume.Code.Total).All(shard => IsAbsent(shard) || Of(shard) is not null);

    /// <summary>Has a drive begin to read ranges of a shard's extent, and its header unless it is open: whoever prefetches all that is needed, and then reads it, waits once.</summary>
    public void Prefetch(int shard, params ReadOnlySpan<(long Offset, long Length)> ranges)
    {
        if (!_extents[shard].IsOpened)
        {
            volume.ReadableDrive(shard, drives)?.Prefetch(volume.Id, [(0, ExtentHeader.Length), .. ranges]);
        }
        else if (_extents[shard].Extent is { } extent)
        {
            foreach (var (offset, length) in ranges)
            {
                extent.Prefetch(offset, length);
            }
        }
    }

    /// <summary>Whether the kernel may read more of the open extents than is asked for.</summary>
    public void ReadAhead(bool isOn)
    {
        foreach (var (extent, _) in _extents)
        {
            extent?.ReadAhead(isOn);
        }
    }

    /// <summary>Lets the kernel forget a range of every extent that is open.</summary>
    public void DropCache(long offset, long length)
    {
        foreach (var (extent, _) in _extents)
        {
            extent?.DropCache(offset, length);
        }
    }

    public void Dispose()
    {
        foreach (var (extent, _) in _extents)
        {
            if (fromDisk)
            {
                extent?.DropCache();
            }

            extent?.Dispose();
        }
    }
}
