using System.Runtime.CompilerServices;
using Holdfast.Admission;
using Holdfast.Format.Objects;
using Holdfast.Pods.Converting;
using Holdfast.Pods.Healing;
using Holdfast.Pods.Locating;
using Holdfast.Pods.Storing;
using Holdfast.Pods.Volumes;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Microsoft.Extensions.Logging;

namespace Holdfast.Pods.Drives;

/// <summary>The drives engine: objects are erasure-coded, or copied if they are small, over one machine's drives, and appended to volumes. docs/pods.md has every byte.</summary>
public sealed class ShardStore : IPackStore, IAsyncDisposable
{
    /// <summary>So many that of some dozens of puts hardly two share one: the second would miss the first one's sync.</summary>
    private const int NameLocks = 16_384;

    private const int CompareLength = 1 << 20;

    /// <summary>So long replacing a drive waits for the batches and the piece of healing that are under way.</summary>
    private static readonly TimeSpan _replacingLimit = TimeSpan.FromMinutes(2);

    /// <summary>Memory of a batch over all drives: two usual packs, or one long object.</summary>
    private const long CodedBatchMax = 40 << 20;
    private const long CopiesBatchMax = 8 << 20;

    /// <summary>Thirty-two times what 32 objects of 4 KiB take: nearly every sync meets blocks that were written before.</summary>
    private const int CopiesFill = 8 << 20;

    private readonly DriveSet _set;
    private readonly PodIndex _index;
    private readonly PodEvents _events;
    private readonly SemaphoreSlim _replacing = new(1);
    private readonly GivingWay _writeSteps = new("write steps", ThisThread.GiveWay);
    private readonly VolumeWriter _coded;
    private readonly VolumeWriter _copies;
    private readonly ObjectReader _reader;
    private readonly Healer _healer;
    private readonly Traffic _traffic;
    private readonly TimeProvider _time;
    private readonly TimeSpan _grace;
    private readonly SemaphoreSlim[] _names = new SemaphoreSlim[NameLocks];

    private DriveSetConfiguration _configuration;

    private ShardStore(DriveSetConfiguration configuration, DriveSet set, PodIndex index, PodEvents events, TimeProvider time, TimeSpan grace, ShardStoreOptions options)
    {
        _configuration = configuration;
        (_set, _index, _events, _time, _grace) = (set, index, events, time, grace);
        _traffic = new Traffic(time);
        _healer = new Healer(set, index, _traffic, time);
        _reader = new ObjectReader(set.Drives, set.Volumes, _healer.ReportBad);
        _coded = new VolumeWriter(set, index, new WriterOptions(VolumeKind.Coded, options.CodedExtentLength ?? (set.Drives.Count == 1 ? 256L << 20 : 1L << 30), CodedBatchMax), _writeSteps, time);
        _copies = new VolumeWriter(set, index, new WriterOptions(VolumeKind.Copies, options.CopiesExtentLength, CopiesBatchMax, CopiesFill), _writeSteps, time);
    }

    /// <summary>Opens the drives, brings the index up to date, and converts what an older layout stored.</summary>
    /// <param name="configuration">The drives.</param>
    /// <param name="stateFolder">Where the index and the events are kept; both can be lost.</param>
    /// <param name="time">Clock.</param>
    /// <param name="grace">How long condemned objects stay.</param>
    /// <param name="logger">Hears of every event.</param>
    /// <param name="cancellation">Ends a conversion.</param>
    /// <param name="options">Sizes; usual ones if null.</param>
    public static async Task<ShardStore> OpenAsync(
        DriveSetConfiguration configuration, string stateFolder, TimeProvider time, TimeSpan grace, ILogger logger, CancellationToken cancellation, ShardStoreOptions? options = null)
    {
        Directory.CreateDirectory(stateFolder);
        var events = new PodEvents(Path.Combine(stateFolder, "pod-events.jsonl"), time, logger);
        var set = DriveSet.Open(configuration, events.Report, time);
        PodIndex? index = null;
        try
        {
            index = PodIndex.Open(Path.Combine(stateFolder, "pod-index.db"), set.Id);
            await new VolumeDiscovery(set, index, time).RunAsync();
            var store = new ShardStore(configuration, set, index, events, time, grace, options ?? new ShardStoreOptions());
            foreach (var drive in set.Drives.Where(drive => drive.Mark is { IsConverting: true }))
            {
                await FirstLayout.ConvertAsync(drive.Path, store, events.Report, cancellation);
            }

            return store;
        }
        catch
        {
            index?.Dispose();
            set.Dispose();
            throw;
        }
    }

    public async Task<PutOutcome> PutAsync(ObjectName name, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        using var serving = _traffic.Begin();
        using var only = await LockAsync(name, cancellation);
        if (_index.IsClosed(name.Account))
        {
            throw Closed(name);
        }

        if (_index.Find(name) is { } place)
        {
            if (!HoldsSame(place, content.Span))
            {
                throw new HoldfastException(FailureTable.ObjectExists, $"{name} holds other bytes already.");
            }

            // What a crash left on fewer drives than a new object needs is not acknowledged as it is.
            if (await _healer.IsProtectedAsync(place))
            {
                return PutOutcome.AlreadyThere;
            }
        }

        var writer = content.Length >= VolumeLayout.CodedLengthMin ? _coded : _copies;
        await writer.AppendAsync(new Append(RecordType.Object, name, content), cancellation);

        // Closed while it was written: it is on its way out already, and not acknowledged.
        return _index.IsClosed(name.Account) ? throw Closed(name) : PutOutcome.Stored;
    }

    public Task<StoredItem?> FindAsync(ObjectName name, CancellationToken cancellation) => Task.FromResult(_index.Find(name) is { } place ? Item(place) : (StoredItem?)null);

    public Task ReadAsync(ObjectName name, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using var serving = _traffic.Begin();
        var place = Require(name);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + destination.Length, place.Length);
        _reader.Read(place, offset, destination.Span);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<StoredItem> ListAsync(ObjectName? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var place in _index.List(after))
        {
            cancellation.ThrowIfCancellationRequested();
            yield return Item(place);
            await Task.CompletedTask;
        }
    }

    public async Task CondemnAsync(ObjectName name, CancellationToken cancellation)
    {
        using var only = await LockAsync(name, cancellation);
        if (Require(name).CondemnedAt is null)
        {
            await _copies.AppendAsync(new Append(RecordType.Condemned, name, default), cancellation);
        }
    }

    public async Task ReviveAsync(ObjectName name, CancellationToken cancellation)
    {
        using var only = await LockAsync(name, cancellation);
        if (Require(name).CondemnedAt is not null)
        {
            await _copies.AppendAsync(new Append(RecordType.Revived, name, default), cancellation);
        }
    }

    public async Task DeleteAsync(ObjectName name, CancellationToken cancellation)
    {
        using var only = await LockAsync(name, cancellation);
        if (_index.Find(name) is not { } place)
        {
            return;
        }

        if (place.CondemnedAt is not { } condemned || _time.GetUtcNow() - condemned < _grace)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{name} is not condemned, or its grace of {_grace} has not passed; it was not deleted.");
        }

        await _copies.AppendAsync(new Append(RecordType.Deleted, name, default), cancellation);
    }

    public async Task<AccountClosure> CloseAsync(AccountId account, CancellationToken cancellation)
    {
        if (!_index.IsClosed(account))
        {
            await _copies.AppendAsync(new Append(RecordType.Closed, ObjectName.All(account), default), cancellation);
        }

        // Keyrings first: without them nothing of the account can be read, whatever else is still somewhere.
        foreach (var space in new[] { ObjectSpace.Keyrings, ObjectSpace.Log, ObjectSpace.Heads })
        {
            await _healer.WipeNowAsync(account, space, cancellation);
        }

        return _index.FindClosure(account)!.Value;
    }

    public IReadOnlyList<AccountClosure> ListClosed(AccountId? after, int limit) => _index.Closures(after, limit);

    private static DriveStatus StatusOf(Drive drive)
    {
        var isStuck = drive.State != DriveState.Missing && !drive.CanRead;
        var status = new DriveStatus(drive.Slot, drive.Path, isStuck ? "Stuck" : drive.State.ToString(), isStuck ? "it does not answer" : drive.Reason);
        try
        {
            return drive.CanRead && new DriveInfo(drive.Path) is { IsReady: true } disk ? status with { BytesTotal = disk.TotalSize, BytesFree = disk.AvailableFreeSpace } : status;
        }
        catch (IOException)
        {
            // Its state says more than an error would.
            return status;
        }
    }

    /// <summary>What the operator should know.</summary>
    public PodStatus Status()
    {
        var (objects, bytes) = _index.Totals;
        return new PodStatus(_set.Id, _set.Code.ToString(), _set.WriteFloor, [.. _set.Drives.Select(StatusOf)],
            objects, bytes, _set.Volumes.All.Count, _healer.Rebuild(), _healer.Scrub(), _index.WipesWaiting, _events.Latest);
    }

    /// <summary>Reads everything on all drives now, repairs what is damaged and rebuilds what is missing; how many records were bad.</summary>
    public Task<long> ScrubAsync(CancellationToken cancellation) => _healer.ScrubAllAsync(cancellation);

    /// <summary>Puts an empty directory into the place of a drive while everything goes on; what it should hold is computed from the others in the background.</summary>
    /// <param name="slot">The drive.</param>
    /// <param name="path">An empty directory, or one that an earlier attempt began with.</param>
    /// <param name="keep">Keeps the new list of drives, durably, before the new one is used.</param>
    /// <param name="cancellation">Ends waiting for what is written just now; from then on it is not broken off.</param>
    public async Task ReplaceDriveAsync(int slot, string path, Action<DriveSetConfiguration> keep, CancellationToken cancellation)
    {
        await _replacing.WaitAsync(cancellation);
        try
        {
            var configuration = _configuration.Replace(slot, path);
            RefuseIfNeeded(slot);
            var drive = Drive.Open(slot, configuration.Drives[slot], _set.Id, _events.Report, _time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(_replacingLimit);
            try
            {
                if (!drive.CanWrite)
                {
                    throw new HoldfastException(FailureTable.PodUnavailable, $"{path} cannot be used: {drive.Reason}. Nothing was changed.");
                }

                await _healer.InterruptAsync(() => _coded.WhilePausedAsync(() => _copies.WhilePausedAsync(() => Exchange(configuration, drive, keep), limit.Token), limit.Token), limit.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new HoldfastException(FailureTable.PodUnavailable, $"What writes or heals just now has waited for a drive for {_replacingLimit.TotalMinutes:0} minutes. Nothing was changed; stop the service, and replace the drive then.");
            }
            finally
            {
                if (_set.Drives[slot] != drive)
                {
                    drive.Dispose();
                }
            }
        }
        finally
        {
            _replacing.Release();
        }
    }

    private void RefuseIfNeeded(int slot)
    {
        var (own, doubtful) = (new HashSet<Drive> { _set.Drives[slot] }, _index.Doubtful().ToHashSet());
        if (_set.Volumes.All.FirstOrDefault(volume => volume.ShardOn(slot) >= 0 && !_set.CanSpare(volume, own, shard => doubtful.Contains((volume.Id, shard)))) is { } needing)
        {
            throw new HoldfastException(FailureTable.Conflict,
                $"Drive {slot} is needed: without it volume {needing.Id:x8} might not be read, for other drives failed, are missing or are not rebuilt yet. `holdfastd pod status` says which. Nothing was changed.");
        }
    }

    private Task Exchange(DriveSetConfiguration configuration, Drive drive, Action<DriveSetConfiguration> keep)
    {
        RefuseIfNeeded(drive.Slot);
        keep(configuration);
        _configuration = configuration;
        _set.Exchange(drive);
        return Task.CompletedTask;
    }

    /// <summary>Rebuilds now what drives miss; how many extents were made.</summary>
    public Task<int> RebuildAsync(CancellationToken cancellation) => _healer.RebuildAllAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        await _healer.DisposeAsync();
        await _coded.DisposeAsync();
        await _copies.DisposeAsync();
        _writeSteps.Dispose();
        _index.Dispose();
        _set.Dispose();
        _replacing.Dispose();
        foreach (var name in _names)
        {
            name?.Dispose();
        }
    }

    private static HoldfastException Closed(ObjectName name) => new(FailureTable.AccountClosed, $"The account {name.Account} is closed: nothing is stored for it any more.");

    private static StoredItem Item(ObjectPlace place) => new(place.Name, place.Length, place.StoredAt, place.CondemnedAt);

    private ObjectPlace Require(ObjectName name) => _index.Find(name) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no object {name}.");

    /// <summary>Compares every byte: what has rotted since it was written is given back first. What cannot be given back any more is compared by its checksum, and may be stored anew.</summary>
    private bool HoldsSame(ObjectPlace place, ReadOnlySpan<byte> content)
    {
        if (place.Length != content.Length)
        {
            return false;
        }

        try
        {
            return HoldsSameBytes(place, content);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.DamagedObject)
        {
            return _reader.HashOf(place) is not { } hash || hash == System.IO.Hashing.XxHash128.HashToUInt128(content);
        }
    }

    private bool HoldsSameBytes(ObjectPlace place, ReadOnlySpan<byte> content)
    {
        var buffer = new byte[Math.Min(CompareLength, content.Length)];
        for (var at = 0; at < content.Length; at += buffer.Length)
        {
            var part = buffer.AsSpan(0, Math.Min(buffer.Length, content.Length - at));
            _reader.Read(place, at, part);
            if (!part.SequenceEqual(content.Slice(at, part.Length)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Two puts of one name come one after the other.</summary>
    private async Task<NameLock> LockAsync(ObjectName name, CancellationToken cancellation)
    {
        var semaphore = LazyInitializer.EnsureInitialized(ref _names[(int)((uint)HashCode.Combine(name.Account, name.Space, name.Number) % NameLocks)], () => new SemaphoreSlim(1));
        await semaphore.WaitAsync(cancellation);
        return new NameLock(semaphore);
    }

    private readonly struct NameLock(SemaphoreSlim semaphore) : IDisposable
    {
        public void Dispose() => semaphore.Release();
    }
}
