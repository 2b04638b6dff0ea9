using Holdfast.Parity;
using Holdfast.Pods.Drives;

namespace Holdfast.Pods.Volumes;

/// <summary>A volume as it is found on drives: its code, and which drive holds which shard.</summary>
internal sealed class Volume
{
    private readonly int[] _slots;

    public Volume(uint id, VolumeKind kind, Guid generation, int data, int parity)
    {
        (Id, Kind, Generation, Code) = (id, kind, generation, ErasureCode.Of(data, parity));
        _slots = [.. Enumerable.Repeat(-1, Code.Total)];
    }

    public uint Id { get; }

    public VolumeKind Kind { get; }

    /// <summary>Drawn when the volume was made: extents of two attempts are never mixed.</summary>
    public Guid Generation { get; }

    public ErasureCode Code { get; }

    public bool IsSealed { get; set; }

    /// <summary>The slot that each shard was given when the volume was made; if that drive is missing now, the shard is absent, not lost.</summary>
    public IReadOnlyList<byte> MadeOn { get; init; } = [];

    /// <summary>The slot of the drive that holds a shard, or -1.</summary>
    public int SlotOf(int shard) => Volatile.Read(ref _slots[shard]);

    public int ShardOn(int slot) => Array.IndexOf(_slots, slot);

    public void Place(int shard, int slot) => Volatile.Write(ref _slots[shard], slot);

    public IEnumerable<int> MissingShards() => Enumerable.Range(0, Code.Total).Where(shard => SlotOf(shard) < 0);

    public ExtentHeader HeaderOf(int shard, Guid set, DateTimeOffset created) => new(
        Kind, Code.Data, Code.Parity, shard, set, Generation, Id, created, [.. _slots.Select(slot => slot < 0 ? ExtentHeader.NoSlot : (byte)slot)]);

    /// <summary>The drive that holds a shard, if it can be read.</summary>
    public Drive? ReadableDrive(int shard, IReadOnlyList<Drive> drives) => SlotOf(shard) is >= 0 and var slot && drives[slot].CanRead ? drives[slot] : null;
}
