using Holdfast.Pods.Volumes;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Drives;

/// <summary>The drives of a pod and the volumes on them.</summary>
internal sealed class DriveSet : IDisposable
{
    private readonly Action<string, string> _report;
    private readonly int? _writeFloor;
    private long _sequence;

    private DriveSet(DriveSetConfiguration configuration, IReadOnlyList<Drive> drives, Action<string, string> report)
    {
        (Id, Drives, Code, _writeFloor, _report) = (configuration.Set, drives, ShardCode.For(drives.Count), configuration.WriteFloor, report);
    }

    public Guid Id { get; }

    public ShardCode Code { get; }

    public IReadOnlyList<Drive> Drives { get; }

    public VolumeMap Volumes { get; } = new();

    /// <summary>Drives that must have a write before it is acknowledged.</summary>
    public int WriteFloor => _writeFloor ?? Code.WriteFloor;

    /// <summary>Opens the drives. With more missing than the code can spare nothing can be read, and the set is refused.</summary>
    public static DriveSet Open(DriveSetConfiguration configuration, Action<string, string> report)
    {
        var drives = new List<Drive>();
        try
        {
            for (var slot = 0; slot < configuration.Drives.Count; slot++)
            {
                drives.Add(Drive.Open(slot, configuration.Drives[slot], configuration.Set, report));
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

    public void Report(string kind, string message) => _report(kind, message);

    public void Dispose()
    {
        foreach (var drive in Drives)
        {
            drive.Dispose();
        }
    }
}
