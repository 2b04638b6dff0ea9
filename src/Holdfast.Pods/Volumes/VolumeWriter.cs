using System.Threading.Channels;
using Holdfast.Parity;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Volumes;

/// <summary>What a writer needs to know of its set.</summary>
/// <param name="Kind">What it writes.</param>
/// <param name="ExtentLength">Bytes reserved on each drive for a volume.</param>
/// <param name="BatchLengthMax">Memory of a batch over all drives: bounds what a writer holds.</param>
internal sealed record WriterOptions(VolumeKind Kind, long ExtentLength, long BatchLengthMax);

/// <summary>Appends records to volumes: what arrived while the drives synced shares the next sync (group commit). One loop, one writer.</summary>
/// <remarks>
/// Order: write on every drive → sync on every drive → enough succeeded → index → acknowledge. The next batch begins only then, so what is acknowledged is never behind
/// something torn. A drive that fails, or is two seconds later than enough others, is suspect: the volume is closed, and the next one does without it.
/// A sync that failed is never repeated on the same file.
/// </remarks>
internal sealed class VolumeWriter : IAsyncDisposable
{
    private const int RecordsPerBatchMax = 512;
    private const long ExtentLengthMin = 16 << 20;
    private const int StaggeringMax = 128 * ErasureCode.ShardsMax;

    /// <summary>How much later than enough others a drive may answer.</summary>
    private static readonly TimeSpan _stragglerLimit = TimeSpan.FromSeconds(2);

    /// <summary>How long drives may take at all.</summary>
    private static readonly TimeSpan _hangLimit = TimeSpan.FromSeconds(30);

    private readonly DriveSet _set;
    private readonly WriterOptions _options;
    private readonly PodIndex _index;
    private readonly TimeProvider _time;
    private readonly Channel<Append> _queue = Channel.CreateBounded<Append>(RecordsPerBatchMax);
    private readonly Lock _memoryLock = new();
    private readonly Task _loop;
    private byte[]? _freeMemory;
    private OpenVolume? _current;

    public VolumeWriter(DriveSet set, PodIndex index, WriterOptions options, TimeProvider time)
    {
        (_set, _index, _options, _time) = (set, index, options, time);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>Writes a record durably. Once it has begun it is not abandoned: the content is in use until this returns.</summary>
    public async Task AppendAsync(Append append, CancellationToken cancellation)
    {
        await _queue.Writer.WriteAsync(append, cancellation);
        await append.Done;
    }

    /// <summary>Ends when all that was handed in is written; the volume is sealed.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
        if (_current is { } current)
        {
            await SealAsync(current);
        }
    }

    private async Task RunAsync()
    {
        while (await _queue.Reader.WaitToReadAsync())
        {
            var batch = TakeBatch();
            try
            {
                await CommitAsync(batch);
            }
#pragma warning disable CA1031 // The edge of the loop: whoever waits gets the reason, and the loop goes on.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                batch.ForEach(append => append.Fail(exception));
            }
        }
    }

    private List<Append> TakeBatch()
    {
        var batch = new List<Append>();
        for (long length = 0; batch.Count < RecordsPerBatchMax && length < _options.BatchLengthMax && _queue.Reader.TryPeek(out var next);)
        {
            length += MemoryOf(next);
            if (batch.Count > 0 && length > _options.BatchLengthMax)
            {
                break;
            }

            _queue.Reader.TryRead(out _);
            batch.Add(next);
        }

        return batch;
    }

    private long MemoryOf(Append append)
    {
        var (data, parity) = CodeOfKind();
        return (long)(data + parity) * RecordHeader.RecordLengthOf((append.Content.Length + data - 1) / data);
    }

    private (int Data, int Parity) CodeOfKind() => _options.Kind == VolumeKind.Coded ? (_set.Code.Data, _set.Code.Parity) : (1, _set.Code.Copies - 1);

    private async Task CommitAsync(List<Append> batch)
    {
        for (var attempts = 0; batch.Count > 0;)
        {
            var length = RecordLength(batch[0]);
            if (_current?.HasRoomFor(length) == false)
            {
                await CloseAsync();
            }

            var volume = _current ??= await CreateVolumeAsync(length);
            var count = CountThatFits(volume, batch);
            if (await TryWriteAsync(volume, batch[..count]))
            {
                batch.RemoveRange(0, count);
            }
            else if (++attempts > _set.Code.Drives)
            {
                throw new HoldfastException(FailureTable.PodUnavailable, "Not enough drives take a write; nothing was acknowledged.");
            }
        }
    }

    private int CountThatFits(OpenVolume volume, List<Append> batch)
    {
        long length = 0;
        for (var count = 0; count < batch.Count; count++)
        {
            length += RecordLength(batch[count]);
            if (count > 0 && !volume.HasRoomFor(length))
            {
                return count;
            }
        }

        return batch.Count;
    }

    private int RecordLength(Append append)
    {
        var (data, _) = CodeOfKind();
        return RecordHeader.RecordLengthOf((append.Content.Length + data - 1) / data);
    }

    /// <summary>Writes records on all drives of the volume; true if they are acknowledged. A drive that failed closes the volume.</summary>
    private async Task<bool> TryWriteAsync(OpenVolume open, IReadOnlyList<Append> appends)
    {
        var length = appends.Sum(RecordLength);
        var memory = TakeMemory(StripeBuilder.MemoryLengthOf(open.Volume.Code, length));
        var stripe = new StripeBuilder(open.Volume, memory, length);
        var rows = new List<ContentsRow>(appends.Count);
        var (position, now) = (0, _time.GetUtcNow());
        foreach (var append in appends)
        {
            var sequence = _set.NextSequence();
            stripe.Add(append, position, sequence, now);
            rows.Add(new ContentsRow(append.Type, append.Name, open.End + position, RecordLength(append), sequence, now, append.Content.Length));
            position += RecordLength(append);
        }

        var end = open.End;
        var writes = open.Extents.Select(extent => (Drive: _set.Drives[extent.Slot], Task: WriteAsync(_set.Drives[extent.Slot], extent.File, open.Volume.Id, stripe.Piece(extent.Shard), end))).ToList();
        _ = Task.WhenAll(writes.Select(write => write.Task)).ContinueWith(_ => ReturnMemory(memory), TaskScheduler.Default);
        var succeeded = await WaitForEnoughAsync(writes, FloorOf(open.Volume));
        var isAcknowledged = succeeded >= FloorOf(open.Volume);
        if (isAcknowledged)
        {
            open.Advance(rows, length);
            _index.Add(open.Volume.Id, rows, open.End, isSealed: false);
            foreach (var append in appends)
            {
                append.Succeed();
            }
        }
        else
        {
            open.Skip(length);
        }

        if (succeeded < writes.Count)
        {
            await CloseAsync();
        }

        return isAcknowledged;
    }

    private static Task WriteAsync(Drive drive, SafeFileHandle file, uint volume, ReadOnlyMemory<byte> piece, long end) => drive.RunAsync(() =>
    {
        PosixFile.Write(file, piece.Span, end, drive.Describe(volume));
        PosixFile.SyncData(file, drive.Describe(volume));
    });

    /// <summary>Waits until all drives are done, or enough are and the others had their two seconds; how many succeeded. Whoever failed or did not answer is suspect.</summary>
    private async Task<int> WaitForEnoughAsync(IReadOnlyList<(Drive Drive, Task Task)> writes, int floor)
    {
        var waiting = writes.ToList();
        var succeeded = 0;
        using var stop = new CancellationTokenSource();
        var limit = Task.Delay(_hangLimit, _time, stop.Token);
        var isStraggling = false;
        while (waiting.Count > 0)
        {
            var first = await Task.WhenAny(waiting.Select(write => write.Task).Append(limit));
            if (first == limit)
            {
                waiting.ForEach(write => write.Drive.Suspect($"it did not answer within {(isStraggling ? _stragglerLimit : _hangLimit).TotalSeconds:0} s"));
                break;
            }

            foreach (var (drive, task) in waiting.Where(write => write.Task.IsCompleted).ToList())
            {
                waiting.RemoveAll(write => write.Task == task);
                if (task.IsCompletedSuccessfully)
                {
                    succeeded++;
                }
                else
                {
                    drive.Suspect(task.Exception!.InnerException!.Message);
                }
            }

            if (!isStraggling && succeeded >= floor)
            {
                isStraggling = true;
                limit = Task.Delay(_stragglerLimit, _time, stop.Token);
            }
        }

        await stop.CancelAsync();
        return succeeded;
    }

    /// <summary>Coded: all but one of the set. Copies: every one that was placed.</summary>
    private int FloorOf(Volume volume) => volume.Kind == VolumeKind.Coded ? _set.WriteFloor : volume.Code.Total - volume.MissingShards().Count();

    private async Task CloseAsync()
    {
        var closing = _current!;
        _current = null;
        await SealAsync(closing);
    }

    private async Task SealAsync(OpenVolume open)
    {
        var sequence = _set.NextSequence();
        var seals = open.Extents.Where(extent => _set.Drives[extent.Slot].CanWrite).Select(extent =>
        {
            var drive = _set.Drives[extent.Slot];
            var record = OpenVolume.ContentsRecord(open.Volume, extent.Shard, open.Rows, sequence, _time.GetUtcNow());
            return (drive, Task: drive.RunAsync(() => OpenVolume.SealExtent(extent.File, drive.Describe(open.Volume.Id), record, open.End, open.Volume.Generation)), extent.Shard);
        }).ToList();
        await WaitForEnoughAsync(seals.ConvertAll(seal => (seal.drive, seal.Task)), seals.Count);
        var whole = seals.Where(seal => seal.Task.IsCompletedSuccessfully).Select(seal => seal.Shard).ToHashSet();
        _index.Add(open.Volume.Id, [], open.End, isSealed: true);

        foreach (var shard in Enumerable.Range(0, open.Volume.Code.Total).Where(shard => open.Volume.SlotOf(shard) >= 0 && !whole.Contains(shard)))
        {
            _index.Doubt(open.Volume.Id, shard);
        }

        open.Volume.IsSealed = true;
        open.Dispose();
    }

    /// <summary>A new volume on the drives that are up. Extents are reserved whole, so that an append cannot meet a full disk; on small disks they are smaller.</summary>
    private async Task<OpenVolume> CreateVolumeAsync(long recordLength)
    {
        var needed = Math.Max(ExtentLengthMin, VolumeLayout.FirstRecord + recordLength + (64 << 10));
        for (var length = _options.ExtentLength; ; length /= 4)
        {
            length = Math.Max(length, needed);
            try
            {
                return await CreateVolumeAsync(length, isLast: length == needed);
            }
            catch (PosixException exception) when (exception.IsFull && length > needed)
            {
                // A smaller one may fit.
            }
        }
    }

    private async Task<OpenVolume> CreateVolumeAsync(long extentLength, bool isLast)
    {
        var (data, parity) = CodeOfKind();
        var volume = new Volume(_set.Volumes.NextId(), _options.Kind, Guid.NewGuid(), data, parity);
        var chosen = ChooseDrives(volume);
        var files = new SafeFileHandle?[volume.Code.Total];
        var made = chosen.Select(choice => (_set.Drives[choice.Slot], Task: _set.Drives[choice.Slot].RunAsync(() => files[choice.Shard] = _set.Drives[choice.Slot].CreateExtent(volume.Id, extentLength)), choice.Shard, choice.Slot)).ToList();
        await Task.WhenAll(made.Select(item => item.Task)).ContinueWith(_ => { }, TaskScheduler.Default);
        var full = made.Select(item => item.Task.Exception?.InnerException).OfType<PosixException>().FirstOrDefault(exception => exception.IsFull);
        foreach (var (drive, task, _, _) in made.Where(item => item.Task.Exception?.InnerException is PosixException { IsFull: false }))
        {
            drive.Suspect(task.Exception!.InnerException!.Message);
        }

        foreach (var (_, task, shard, slot) in made.Where(item => item.Task.IsCompletedSuccessfully))
        {
            volume.Place(shard, slot);
        }

        if (full is not null || volume.Code.Total - volume.MissingShards().Count() < Needed(volume))
        {
            Discard(volume, files);
            throw full is null
                ? new HoldfastException(FailureTable.PodUnavailable, $"Only {made.Count(item => item.Task.IsCompletedSuccessfully)} drives take writes; {Needed(volume)} are needed. `holdfastd pod status` says which are missing.")
                : isLast ? new HoldfastException(FailureTable.PodFull, "A drive has no room for another extent.", full) : full;
        }

        await PublishAsync(volume, files);
        _set.Volumes.Add(volume);
        return new OpenVolume(volume, files, extentLength);
    }

    private int Needed(Volume volume) => volume.Kind == VolumeKind.Coded ? _set.WriteFloor : Math.Min(volume.Code.Total, Math.Max(1, _set.WriteFloor - _set.Code.Data + 1));

    /// <summary>Each volume begins on another drive, so that what is read and what is copied spreads over all.</summary>
    private List<(int Shard, int Slot)> ChooseDrives(Volume volume)
    {
        var up = Enumerable.Range(0, _set.Drives.Count).Select(index => (int)((index + volume.Id) % _set.Drives.Count)).ToList();
        return _options.Kind == VolumeKind.Coded
            ? [.. up.Select((slot, shard) => (shard, slot)).Where(choice => _set.Drives[choice.slot].CanWrite)]
            : [.. up.Where(slot => _set.Drives[slot].CanWrite).Take(volume.Code.Total).Select((slot, shard) => (shard, slot))];
    }

    private async Task PublishAsync(Volume volume, SafeFileHandle?[] files)
    {
        var published = Enumerable.Range(0, files.Length).Where(shard => files[shard] is not null).Select(shard =>
        {
            var drive = _set.Drives[volume.SlotOf(shard)];
            var header = volume.HeaderOf(shard, _set.Id, _time.GetUtcNow()).Encode();
            return (drive, drive.RunAsync(() =>
            {
                PosixFile.Write(files[shard]!, header, 0, drive.Describe(volume.Id));
                PosixFile.Sync(files[shard]!, drive.Describe(volume.Id));
                drive.PublishExtent(volume.Id);
            }));
        }).ToList();
        await WaitForEnoughAsync(published, published.Count);
    }

    private void Discard(Volume volume, SafeFileHandle?[] files)
    {
        for (var shard = 0; shard < files.Length; shard++)
        {
            files[shard]?.Dispose();
        }

        foreach (var drive in _set.Drives.Where(drive => drive.CanWrite))
        {
            drive.DropUnpublished(volume.Id);
        }
    }

    /// <summary>One piece of memory is kept for the next batch; a drive that hangs keeps what it was given.</summary>
    private byte[] TakeMemory(long length)
    {
        lock (_memoryLock)
        {
            if (_freeMemory is { } free && free.Length >= length)
            {
                _freeMemory = null;
                return free;
            }
        }

        // Always of one size, so that the same piece serves every batch; what is not written to takes no memory.
        return GC.AllocateUninitializedArray<byte>((int)Math.Max(length, _options.BatchLengthMax + StaggeringMax), pinned: true);
    }

    private void ReturnMemory(byte[] memory)
    {
        lock (_memoryLock)
        {
            _freeMemory = memory.Length <= _options.BatchLengthMax + StaggeringMax ? memory : _freeMemory;
        }
    }
}
