using Holdfast.Pods.Volumes;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Drives;

/// <summary>The drives of a pod and the volumes on them.</summary>
internal sealed class DriveSet : IDisposable
{
    private readonly Action<string, string> _report;
    private readonly Drive[] _drives;
    private readonly int? _writeFloor;
    private long _sequence;

    private DriveSet(DriveSetConfiguration configuration, IReadOnlyList<Drive> drives, Action<string, string> report)
    {
        (Id, _drives, Code, _writeFloor, _report) = (configuration.Set, [.. drives], ShardCode.For(drives.Count), configuration.WriteFloor, report);
    }

    public Guid Id { get; }

    public ShardCode Code { get; }

    /// <summary>By slot. The list stays the same when a drive is exchanged, and has the new one from then on.</summary>
    public IReadOnlyList<Drive> Drives => _drives;

    public VolumeMap Volumes { get; } = new();

    /// <summary>Drives that must have a write before it is acknowledged.</summary>
    public int WriteFloor => _writeFloor ?? Code.WriteFloor;

    /// <summary>Opens the drives. With more missing than the code can spare nothing can be read, and the set is refused.</summary>
    public static DriveSet Open(DriveSetConfiguration configuration, Action<string, string> report, TimeProvider time)
    {
        var drives = new List<Drive>();
        try
        {
            for (var slot = 0; slot < configuration.Drives.Count; slot++)
            {
                drives.Add(Drive.Open(slot, configuration.Drives[slot], configuration.Set, report, time));
            }

            var set = new DriveSet(configuration, drives, report);
            var missing = drives.Where(drive => !drive.CanRead).ToList();
            foreach (var drive in missing)
            {
                report("drive_missing", $"drive {drive.Slot} ({drive.Path}): {drive.Reason}");
            }

            if (missing.Count > set.Code.Parity)
            {
                throw new HoldfastException(FailureTable.PodUnavailable,
                    $"{missing.Count} of {drives.Count} drives are missing, and only {set.Code.Parity} can be spared: {string.Join("; ", missing.Select(drive => drive.Reason))}");
            }

            if (set.WriteFloor < set.Code.Data || set.WriteFloor > drives.Count)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, $"A write floor of {set.WriteFloor} is impossible: {set.Code.Data} to {drives.Count} drives.");
            }

            return set;
        }
        catch
        {
            drives.ForEach(drive => drive.Dispose());
            throw;
        }
    }

    /// <summary>The code of a kind of volume.</summary>
    public (int Data, int Parity) CodeOf(VolumeKind kind) => kind == VolumeKind.Coded ? (Code.Data, Code.Parity) : (1, Code.Copies - 1);

    /// <summary>How many shards of a volume must be durable: coded ones as the write floor says; of copies all, or as many fewer as the floor is lower.</summary>
    public int FloorOf(Volume volume) => volume.Kind == VolumeKind.Coded ? WriteFloor : Math.Min(volume.Code.Total, Math.Max(1, WriteFloor - Code.Data + 1));

    public ulong NextSequence() => (ulong)Interlocked.Increment(ref _sequence);

    /// <summary>Sequences up to this one were used.</summary>
    public void SawSequence(ulong sequence) => _sequence = Math.Max(_sequence, (long)sequence);

    /// <summary>Puts another drive into a slot. Nothing may be written or healed meanwhile; whoever still reads from the old one is told that it is gone.</summary>
    public void Exchange(Drive drive)
    {
        var old = _drives[drive.Slot];
        foreach (var volume in Volumes.All)
        {
            if (volume.ShardOn(drive.Slot) is >= 0 and var shard)
            {
                volume.Place(shard, -1);
            }
        }

        Volatile.Write(ref _drives[drive.Slot], drive);
        old.Retire();

        // Made by an earlier process, and not decided on since a drive was away that is not expected any more.
        if (Volumes.All.Count(volume => !volume.IsSealed && volume.MadeOn.Count > 0) is > 0 and var undecided)
        {
            _report("volumes_undecided", $"{undecided} volumes were open when a process ended, and a drive was missing since: they are looked through, and rebuilt, after the next start");
        }

        _report("drive_replaced", $"drive {drive.Slot} is {drive.Path} now, instead of {old.Path}; what it should hold is computed from the others");
    }

    /// <summary>Readers go round drives that do not answer, as long as everything can be read from the others: if it cannot, waiting for them is all there is.</summary>
    public void PassByStuckDrives()
    {
        var stuck = Drives.Where(drive => drive.State != DriveState.Missing && drive.Reads.IsStuck).ToHashSet();
        var canSpare = stuck.Count > 0 && Volumes.All.All(volume => CanSpare(volume, stuck));
        foreach (var drive in Drives)
        {
            drive.PassBy(canSpare && stuck.Contains(drive));
        }
    }

    /// <summary>True if enough shards of a volume are on other drives of which nothing bad is known.</summary>
    public bool CanSpare(Volume volume, IReadOnlySet<Drive> drives, Func<int, bool>? isDoubtful = null) => Enumerable.Range(0, volume.Code.Total).Count(shard =>
        volume.SlotOf(shard) is >= 0 and var slot && Drives[slot].State == DriveState.Up && !drives.Contains(Drives[slot]) && isDoubtful?.Invoke(shard) != true) >= volume.Code.Data;

    public void Report(string kind, string message) => _report(kind, message);

    public void Dispose()
    {
        foreach (var drive in Drives)
        {
            drive.Dispose();
        }
    }
}
