using Holdfast.Format.Trees;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>Numbers file systems in the order in which the walk meets them: with the inode they name a hard link. Device numbers change with a remount.</summary>
internal sealed class FileSystems
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ulong, uint> _ordinals = [];

    /// <summary>The walk alone adds, so that the order is that of the tree.</summary>
    public void Add(ulong device)
    {
        lock (_lock)
        {
            _ordinals.TryAdd(device, (uint)_ordinals.Count);
        }
    }

    public uint? OrdinalOf(ulong device)
    {
        lock (_lock)
        {
            return _ordinals.TryGetValue(device, out var ordinal) ? ordinal : null;
        }
    }

    /// <summary>The link of the very file this is the status of; null if it has one name.</summary>
    public HardLink? HardLinkOf(in FileStatus status) =>
        status.Links > 1 && OrdinalOf(status.Device) is { } ordinal ? new HardLink(ordinal, status.Inode) : null;
}
