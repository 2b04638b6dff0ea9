using System.Collections.Concurrent;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Pods.Volumes;

namespace Holdfast.Pods.Healing;

/// <summary>How far scrubbing is.</summary>
/// <param name="PassStarted">When the pass that runs began.</param>
/// <param name="VolumesDone">Of this pass.</param>
/// <param name="Volumes">All there are.</param>
/// <param name="BytesRead">Since this process began.</param>
/// <param name="RecordsBad">Found since this process began; repaired ones are counted too.</param>
/// <param name="LastWholePass">When the last pass ended.</param>
public sealed record ScrubStatus(DateTimeOffset? PassStarted, int VolumesDone, int Volumes, long BytesRead, long RecordsBad, DateTimeOffset? LastWholePass);

/// <summary>Reads all that is stored, volume after volume, and repairs what rotted. Where a pass is outlives the process.</summary>
/// <param name="set">The drives.</param>
/// <param name="index">Where the pass is.</param>
/// <param name="repair">Mends records.</param>
/// <param name="gate">One heals at a time.</param>
/// <param name="traffic">Customers, who go first.</param>
/// <param name="time">The clock.</param>
internal sealed class Scrubber(DriveSet set, PodIndex index, VolumeRepair repair, HealingGate gate, Traffic traffic, TimeProvider time)
{
    /// <summary>Of the time while customers are served: 14 MB/s and more of a spinning disk, enough for 16 TB in two weeks.</summary>
    public const double Share = 0.1;

    /// <summary>Each is another disk; more would take the processor from customers.</summary>
    private const int DrivesScrubbedAtOnce = 2;

    /// <summary>A bit that rots is found within this.</summary>
    public static readonly TimeSpan PassLength = TimeSpan.FromDays(14);

    private long _scrubbedBytes;
    private long _recordsBad;

    /// <summary>Found since this process began.</summary>
    public long RecordsBad => Interlocked.Read(ref _recordsBad);

    public ScrubStatus Status()
    {
        var volumes = set.Volumes.All;
        var cursor = index.Setting("scrub_volume") ?? 0;
        return new ScrubStatus(At("scrub_began"), volumes.Count(volume => volume.Id <= cursor), volumes.Count, Interlocked.Read(ref _scrubbedBytes), Interlocked.Read(ref _recordsBad), At("scrub_ended"));
    }

    /// <summary>One volume; where the pass is, and when it began, outlives the process.</summary>
    public async Task ScrubNextAsync(List<Volume> volumes, CancellationToken cancellation)
    {
        var cursor = index.Setting("scrub_volume") ?? 0;
        if (volumes.FirstOrDefault(volume => volume.Id > cursor) is not { } volume)
        {
            index.Set("scrub_ended", time.GetUtcNow().ToUnixTimeSeconds());
            (volume, cursor) = (volumes[0], 0);
        }

        if (cursor == 0)
        {
            index.Set("scrub_began", time.GetUtcNow().ToUnixTimeSeconds());
        }

        await ScrubAsync(volume, cancellation);
        index.Set("scrub_volume", volume.Id);
    }

    /// <summary>Reads every record of a volume, and repairs what is damaged, while nothing else heals.</summary>
    public Task ScrubAsync(Volume volume, CancellationToken cancellation) => gate.AloneAsync(token => ScrubAloneAsync(volume, token), cancellation);

    /// <summary>How many records were bad.</summary>
    private async Task<int> ScrubAloneAsync(Volume volume, CancellationToken cancellation)
    {
        var bad = new ConcurrentDictionary<long, ulong>();
        await Parallel.ForAsync(0, volume.Code.Total, new ParallelOptions { MaxDegreeOfParallelism = DrivesScrubbedAtOnce, CancellationToken = cancellation }, async (shard, token) =>
        {
            if (volume.ReadableDrive(shard, set.Drives) is { } drive)
            {
                await ScrubExtentAsync(volume, shard, drive, bad, token);
            }
        });
        foreach (var (offset, sequence) in bad.OrderBy(record => record.Key))
        {
            Interlocked.Increment(ref _recordsBad);
            await repair.TryRepairRecordAsync(volume, offset, sequence);
        }

        return bad.Count;
    }

    /// <summary>Reads one drive's part of a volume in order, past the page cache.</summary>
    private async Task ScrubExtentAsync(Volume volume, int shard, Drive drive, ConcurrentDictionary<long, ulong> bad, CancellationToken cancellation)
    {
        using var extent = ExtentReader.TryOpen(drive, volume.Id, out var isGone);
        if (extent is null)
        {
            Interlocked.Increment(ref _recordsBad);
            if (isGone)
            {
                // No reader uses it, and it is made again as a whole.
                set.Report("extent_bad", $"{drive.Describe(volume.Id)} has no readable header; it is rebuilt");
                volume.Place(shard, -1);
            }
            else
            {
                drive.Suspect($"{drive.Describe(volume.Id)} cannot be read");
            }

            return;
        }

        extent.DropCache();
        if (extent.TryReadContents() is not { } rows)
        {
            set.Report("extent_bad", $"{drive.Describe(volume.Id)} has no readable contents; it is looked through and sealed again");
            Interlocked.Increment(ref _recordsBad);
            index.Doubt(volume.Id, shard);
            return;
        }

        using var scan = new ExtentScan(extent);
        var pace = traffic.PaceOf(Share);
        foreach (var row in rows)
        {
            if (!await scan.IsWholeAsync(row, pace, cancellation))
            {
                bad[row.Offset] = row.Sequence;
            }

            Interlocked.Add(ref _scrubbedBytes, row.RecordLength);
        }

        // What was just read is not needed again soon; the room is better used for what customers read.
        extent.DropCache();
    }

    private DateTimeOffset? At(string setting) => index.Setting(setting) is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
}
