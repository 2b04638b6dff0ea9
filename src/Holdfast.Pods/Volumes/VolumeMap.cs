using System.Collections.Concurrent;

namespace Holdfast.Pods.Volumes;

/// <summary>The volumes of a set: about a hundred bytes for each gibibyte on a drive. Thread-safe.</summary>
internal sealed class VolumeMap
{
    private readonly ConcurrentDictionary<uint, Volume> _volumes = new();
    private long _last;

    /// <summary>All volumes, oldest first.</summary>
    public IReadOnlyList<Volume> All => [.. _volumes.Values.OrderBy(volume => volume.Id)];

    public Volume? Find(uint id) => _volumes.GetValueOrDefault(id);

    public void Add(Volume volume)
    {
        _volumes[volume.Id] = volume;
        InterlockedMax(volume.Id);
    }

    /// <summary>A number that some volume has or had, wherever that was seen.</summary>
    public void Saw(uint id) => InterlockedMax(id);

    /// <summary>A number that no volume had.</summary>
    public uint NextId() => (uint)Interlocked.Increment(ref _last);

    private void InterlockedMax(uint id)
    {
        for (var seen = Interlocked.Read(ref _last); seen < id; seen = Interlocked.Read(ref _last))
        {
            Interlocked.CompareExchange(ref _last, id, seen);
        }
    }
}
