using System.Collections.Concurrent;
using System.Threading.Channels;
using Holdfast.Format.Objects;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Pods.Volumes;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Healing;

/// <summary>How far rebuilding is: onto replaced drives, and onto those that missed writes.</summary>
/// <param name="ShardsMissing">Extents that no drive holds and some drive could.</param>
/// <param name="BytesDone">Written since rebuilding began.</param>
/// <param name="BytesLeft">Still to write, about.</param>
/// <param name="Eta">When it ends at the rate so far; null before there is one.</param>
public sealed record RebuildStatus(int ShardsMissing, long BytesDone, long BytesLeft, DateTimeOffset? Eta);

/// <summary>Works in the background: repairs what readers found damaged, rebuilds what is missing, and scrubs everything within two weeks. It gives way to customers.</summary>
internal sealed class Healer : IAsyncDisposable
{
    private const int RepairsWaitingMax = 10_000;

    private static readonly TimeSpan _pace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _retryPause = TimeSpan.FromMinutes(10);

    private readonly DriveSet _set;
    private readonly PodIndex _index;
    private readonly WipingPass _wiping;
    private readonly VolumeRepair _repair;
    private readonly Scrubber _scrubber;
    private readonly Traffic _traffic;
    private readonly TimeProvider _time;
    private readonly Channel<ObjectPlace> _repairs = Channel.CreateBounded<ObjectPlace>(new BoundedChannelOptions(RepairsWaitingMax) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ConcurrentDictionary<(uint, int), DateTimeOffset> _deferred = new();
    private readonly HealingGate _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _loops;
    private long _rebuiltBytes;
    private DateTimeOffset? _rebuildBegan;

    public Healer(DriveSet set, PodIndex index, Traffic traffic, TimeProvider time)
    {
        (_set, _index, _traffic, _time) = (set, index, traffic, time);
        var records = new RecordWiping(set, index);
        _wiping = new WipingPass(index, records, _gate, traffic.PaceOf(Scrubber.Share), time);
        _repair = new VolumeRepair(set, index, records, time);
        _scrubber = new Scrubber(set, index, _repair, _gate, traffic, time);
        _loops = [Task.Run(RepairAsync), Task.Run(RebuildAndScrubAsync), Task.Run(WatchAsync)];
    }

    /// <summary>Runs something while nothing heals; what is under way is broken off, and what was put off is due again.</summary>
    public Task InterruptAsync(Func<Task> work, CancellationToken cancellation) => _gate.InterruptAsync(async () =>
    {
        await work();
        _deferred.Clear();
    }, cancellation);

    /// <summary>A reader found a record damaged.</summary>
    public void ReportBad(ObjectPlace place) => _repairs.Writer.TryWrite(place);

    /// <summary>Wipes an account's records of one space, now; what drives that are away hold waits for them.</summary>
    public Task WipeNowAsync(AccountId account, ObjectSpace space, CancellationToken cancellation) => _wiping.RunAsync(account, space, cancellation);

    /// <summary>True if a stored record is whole on as many drives as a new one would have to be, if need be after repairing it.</summary>
    public async Task<bool> IsProtectedAsync(ObjectPlace place)
    {
        if (_set.Volumes.Find(place.Volume) is not { } volume || _index.FindWipe(place.Volume, place.Offset) is not null)
        {
            return false;
        }

        return _repair.CountWhole(volume, place.Offset, place.Sequence) >= _set.FloorOf(volume)
            || (await _repair.TryRepairRecordAsync(volume, place.Offset, place.Sequence) && _repair.CountWhole(volume, place.Offset, place.Sequence) >= _set.FloorOf(volume));
    }

    public RebuildStatus Rebuild()
    {
        var waiting = Waiting().ToList();
        var left = waiting.Sum(item => _index.Volume(item.Volume.Id)?.KnownTo ?? 0);
        var rate = _rebuildBegan is { } began && _rebuiltBytes > 0 ? _rebuiltBytes / Math.Max(1, (_time.GetUtcNow() - began).TotalSeconds) : 0;
        return new RebuildStatus(waiting.Count + Doubtful().Count(), Interlocked.Read(ref _rebuiltBytes), left, rate > 0 && left > 0 ? _time.GetUtcNow().AddSeconds(left / rate) : null);
    }

    public ScrubStatus Scrub() => _scrubber.Status();

    /// <summary>Rebuilds all that is missing, now; how many extents were made. Others may heal between two extents.</summary>
    public async Task<int> RebuildAllAsync(CancellationToken cancellation)
    {
        foreach (var (volume, shard) in Doubtful().ToList())
        {
            if (await _gate.AloneAsync(token => _repair.TryMendAsync(volume, shard, PaceOf(volume), token), cancellation))
            {
                _index.Trust(volume.Id, shard);
            }
            else
            {
                Defer(volume, shard);
            }
        }

        var (made, tried) = (0, new HashSet<(uint, int)>());
        while (await _gate.AloneAsync(token => TryRebuildNextAsync(tried, token), cancellation) is { } isMade)
        {
            made += isMade ? 1 : 0;
        }

        if (made > 0)
        {
            _set.Report("rebuilt", $"{made} extents were rebuilt, {_rebuiltBytes} bytes");
            _rebuildBegan = null;
        }

        return made;
    }

    /// <summary>Rebuilds one extent that was not tried yet; null if there is none.</summary>
    private async Task<bool?> TryRebuildNextAsync(HashSet<(uint, int)> tried, CancellationToken cancellation)
    {
        if (Waiting().FirstOrDefault(item => !tried.Contains((item.Volume.Id, item.Shard))) is not { Volume: not null } next)
        {
            return null;
        }

        _rebuildBegan ??= _time.GetUtcNow();
        var isMade = await _repair.TryRebuildAsync(next.Volume, next.Shard, next.Drive, bytes => Interlocked.Add(ref _rebuiltBytes, bytes), PaceOf(next.Volume), cancellation);
        tried.Add((next.Volume.Id, next.Shard));
        if (isMade)
        {
            return true;
        }

        Defer(next.Volume, next.Shard);
        return false;
    }

    /// <summary>Reads every record of every drive, now, and repairs what is damaged; how many records were bad.</summary>
    public async Task<long> ScrubAllAsync(CancellationToken cancellation)
    {
        var before = _scrubber.RecordsBad;
        foreach (var volume in _set.Volumes.All.Where(volume => volume.IsSealed))
        {
            await _scrubber.ScrubAsync(volume, cancellation);
        }

        await RebuildAllAsync(cancellation);
        return _scrubber.RecordsBad - before;
    }

    public async ValueTask DisposeAsync()
    {
        _repairs.Writer.TryComplete();
        await _stop.CancelAsync();
        foreach (var loop in _loops)
        {
            await loop.ContinueWith(_ => { }, TaskScheduler.Default);
        }

        _stop.Dispose();
        _gate.Dispose();
    }

    /// <summary>Shards that are missing, each with a drive that could hold it: the fewest survivors first.</summary>
    private IEnumerable<(Volume Volume, int Shard, Drive Drive)> Waiting() =>
        from volume in _set.Volumes.All
        where volume.IsSealed
        let missing = volume.MissingShards().ToList()
        where missing.Count > 0
        orderby missing.Count descending
        from pair in missing.Zip(_set.Drives.Where(drive => drive.CanWrite && drive.CanRead && volume.ShardOn(drive.Slot) < 0))
        select (volume, pair.First, pair.Second);

    /// <summary>The fewer drives may still be lost, the less rebuilding gives way; when none may, not at all.</summary>
    private Pace PaceOf(Volume volume) => _traffic.PaceOf((volume.Code.Parity - volume.MissingShards().Count()) switch
    {
        <= 0 => 1,
        1 => 0.6,
        _ => 0.3,
    });

    /// <summary>What could not be done is tried again in a while, not every second.</summary>
    private void Defer(Volume volume, int shard) => _deferred[(volume.Id, shard)] = _time.GetUtcNow() + _retryPause;

    private bool IsDue(Volume volume, int shard) => !_deferred.TryGetValue((volume.Id, shard), out var until) || _time.GetUtcNow() >= until;

    /// <summary>Extents that may lack something, on drives that can be written to.</summary>
    private IEnumerable<(Volume Volume, int Shard)> Doubtful() =>
        from item in _index.Doubtful()
        let volume = _set.Volumes.Find(item.Volume)
        where volume is { IsSealed: true } && volume.ReadableDrive(item.Shard, _set.Drives) is { CanWrite: true }
        select (volume, item.Shard);

    private async Task RepairAsync()
    {
        await foreach (var place in _repairs.Reader.ReadAllAsync(_stop.Token))
        {
            await GuardAsync(async () =>
            {
                if (_set.Volumes.Find(place.Volume) is { } volume)
                {
                    await _gate.AloneAsync(_ => _repair.TryRepairRecordAsync(volume, place.Offset, place.Sequence), _stop.Token);
                }
            });
        }
    }

    private async Task RebuildAndScrubAsync()
    {
        using var pace = new PeriodicTimer(_pace, _time);
        var next = _time.GetUtcNow();
        while (await pace.WaitForNextTickAsync(_stop.Token))
        {
            await GuardAsync(async () =>
            {
                if (Waiting().Any(item => IsDue(item.Volume, item.Shard)) || Doubtful().Any(item => IsDue(item.Volume, item.Shard)))
                {
                    await RebuildAllAsync(_stop.Token);
                }

                await _wiping.RunAsync(_stop.Token);
                var volumes = _set.Volumes.All.Where(volume => volume.IsSealed).ToList();
                if (volumes.Count > 0 && _time.GetUtcNow() >= next)
                {
                    next = _time.GetUtcNow() + (Scrubber.PassLength / (volumes.Count + 1));
                    await _scrubber.ScrubNextAsync(volumes, _stop.Token);
                }
            });
        }
    }

    /// <summary>A loop of its own: the others may be what waits for a drive.</summary>
    private async Task WatchAsync()
    {
        using var pace = new PeriodicTimer(_pace, _time);
        while (await pace.WaitForNextTickAsync(_stop.Token))
        {
            await GuardAsync(() =>
            {
                _set.PassByStuckDrives();
                return Task.CompletedTask;
            });
        }
    }

    /// <summary>Whatever happens to one piece of work, the next is done all the same.</summary>
    private async Task GuardAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw;
        }
#pragma warning disable CA1031 // The edge of a background loop: the operator hears of it, and the loop goes on.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _set.Report("healing_failed", exception.Message);
            await Task.Delay(_pace, _time, _stop.Token);
        }
    }
}
