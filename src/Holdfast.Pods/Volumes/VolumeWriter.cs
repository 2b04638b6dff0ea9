using System.Threading.Channels;
using Holdfast.Admission;
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
/// <param name="FillMax">Zeros that are written ahead at once, at most, so that a sync has no more than the records to wait for; 0 where records are long.</param>
internal sealed record WriterOptions(VolumeKind Kind, long ExtentLength, long BatchLengthMax, int FillMax = 0);

/// <summary>Appends records to volumes: what arrived while the drives synced shares the next sync (group commit). One loop, one writer.</summary>
/// <remarks>
/// Order: write on every drive → sync on every drive → enough succeeded → index → acknowledge. The next batch begins only then, so what is acknowledged is never behind
/// something torn. A drive that fails, or is two seconds later than enough others, is suspect: the volume is closed, and the next one does without it.
/// A sync that failed is never repeated on the same file.
/// </remarks>
internal sealed class VolumeWriter : IAsyncDisposable
{
    private const int RecordsPerBatchMax = 512;
    private const int StaggeringMax = 128 * ErasureCode.ShardsMax;

    private static readonly byte[] _zeros = new byte[1 << 20];

    /// <summary>How long whoever was just acknowledged is waited for, at least and at most; between, a quarter of what the last batch took.</summary>
    private static readonly (TimeSpan Min, TimeSpan Max) _gatherLimit = (TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(5));

    private readonly DriveSet _set;
    private readonly WriterOptions _options;
    private readonly PodIndex _index;
    private readonly TimeProvider _time;
    private readonly Channel<Append> _queue = Channel.CreateBounded<Append>(RecordsPerBatchMax);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _memoryLock = new();
    private readonly VolumeCreation _creation;
    private readonly DriveAnswers _answers;
    private readonly Task _loop;
    private byte[]? _freeMemory;
    private Gathering? _gathering;
    private OpenVolume? _current;

    /// <param name="set">Where it writes.</param>
    /// <param name="index">Where what it wrote is looked up.</param>
    /// <param name="options">What it writes.</param>
    /// <param name="steps">What runs its steps: whoever reads goes before.</param>
    /// <param name="time">Clock.</param>
    public VolumeWriter(DriveSet set, PodIndex index, WriterOptions options, GivingWay steps, TimeProvider time)
    {
        (_set, _index, _options, _time) = (set, index, options, time);
        _answers = new DriveAnswers(time);
        _creation = new VolumeCreation(set, index, options, _answers, time);
        _loop = steps.RunAsync(RunAsync);
    }

    /// <summary>Writes a record durably. Once it has begun it is not abandoned: the content is in use until this returns.</summary>
    public async Task AppendAsync(Append append, CancellationToken cancellation)
    {
        await _queue.Writer.WriteAsync(append, cancellation);
        if (Volatile.Read(ref _gathering) is { } gathering && _queue.Reader.Count >= gathering.Expected)
        {
            gathering.Complete.TrySetResult();
        }

        await append.Done;
    }

    /// <summary>Does something between two batches, and goes on without drives that cannot be written any more.</summary>
    public async Task WhilePausedAsync(Func<Task> work, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            await work();
            if (_current is { } current && current.Extents.Any(extent => !extent.Drive.CanWrite))
            {
                await CloseAsync();
            }
        }
        finally
        {
            _turn.Release();
        }
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

        _turn.Dispose();
    }

    private async Task RunAsync()
    {
        var (expected, took) = (0, TimeSpan.Zero);
        while (await _queue.Reader.WaitToReadAsync())
        {
            await GatherAsync(expected, took / 4);
            var began = _time.GetTimestamp();
            var batch = TakeBatch();
            var (acknowledged, wasCut) = (batch.Count, _queue.Reader.Count > 0);
            await _turn.WaitAsync();
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
            finally
            {
                _turn.Release();
            }

            // A batch that was full has left some behind, who need not wait for others.
            (expected, took) = (wasCut ? 0 : Math.Min(RecordsPerBatchMax, acknowledged + _queue.Reader.Count), _time.GetElapsedTime(began));
        }
    }

    /// <summary>Whoever was acknowledged a moment ago comes with the next record in a moment: one sync for all of them instead of two for a half each.</summary>
    private async Task GatherAsync(int expected, TimeSpan wanted)
    {
        if (_queue.Reader.Count >= expected)
        {
            return;
        }

        var gathering = new Gathering(expected, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

        // A full fence: either whoever appends sees that it is waited for, or what was appended is seen here.
        Interlocked.Exchange(ref _gathering, gathering);
        if (_queue.Reader.Count < expected)
        {
            var limit = wanted < _gatherLimit.Min ? _gatherLimit.Min : wanted > _gatherLimit.Max ? _gatherLimit.Max : wanted;
            await Task.WhenAny(gathering.Complete.Task, Task.Delay(limit, _time, CancellationToken.None));
        }

        Volatile.Write(ref _gathering, null);
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
        var (data, parity) = _set.CodeOf(_options.Kind);
        return (long)(data + parity) * RecordHeader.RecordLengthOf((append.Content.Length + data - 1) / data);
    }

    private async Task CommitAsync(List<Append> batch)
    {
        for (var attempts = 0; batch.Count > 0;)
        {
            var length = RecordLength(batch[0]);
            if (_current?.HasRoomFor(length, 1) == false)
            {
                await CloseAsync();
            }

            var volume = _current ??= await _creation.CreateAsync(length);
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
            if (count > 0 && !volume.HasRoomFor(length, count + 1))
            {
                return count;
            }
        }

        return batch.Count;
    }

    private int RecordLength(Append append)
    {
        var (data, _) = _set.CodeOf(_options.Kind);
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
        var fill = open.TakeFill(length);
        var extents = open.Extents.Where(extent => extent.Drive.CanWrite).ToList();
        var isShort = extents.Count < open.Extents.Count;
        var writes = extents.ConvertAll(extent => (extent.Drive, Task: WriteAsync(extent, open.Volume.Id, stripe.Piece(extent.Shard), end, fill)));
        _ = Task.WhenAll(writes.Select(write => write.Task)).ContinueWith(_ => ReturnMemory(memory), TaskScheduler.Default);
        var succeeded = await _answers.WaitForEnoughAsync(writes, _set.FloorOf(open.Volume));
        var isAcknowledged = succeeded >= _set.FloorOf(open.Volume);
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

        if (succeeded < writes.Count || isShort)
        {
            await CloseAsync();
        }

        return isAcknowledged;
    }

    private static Task WriteAsync(OpenExtent extent, uint volume, ReadOnlyMemory<byte> piece, long end, int fill) => extent.Drive.RunAsync(() =>
    {
        var path = extent.Drive.Describe(volume);
        PosixFile.Write(extent.File, piece.Span, end, path);
        for (var filled = 0; filled < fill; filled += _zeros.Length)
        {
            PosixFile.Write(extent.File, _zeros.AsSpan(0, Math.Min(_zeros.Length, fill - filled)), end + piece.Length + filled, path);
        }

        PosixFile.SyncData(extent.File, path);
    });

    private async Task CloseAsync()
    {
        var closing = _current!;
        _current = null;
        await SealAsync(closing);
    }

    private async Task SealAsync(OpenVolume open)
    {
        var sequence = _set.NextSequence();
        var seals = open.Extents.Where(extent => extent.Drive.CanWrite).Select(extent =>
        {
            var drive = extent.Drive;
            var record = OpenVolume.ContentsRecord(open.Volume, extent.Shard, open.Rows, sequence, _time.GetUtcNow());
            return (drive, Task: drive.RunAsync(() => OpenVolume.SealExtent(extent.File, drive.Describe(open.Volume.Id), record, open.End, open.Volume.Generation)), extent.Shard);
        }).ToList();
        await _answers.WaitForEnoughAsync(seals.ConvertAll(seal => (seal.drive, seal.Task)), seals.Count);
        var whole = seals.Where(seal => seal.Task.IsCompletedSuccessfully).Select(seal => seal.Shard).ToHashSet();

        // Enough drives must have the contents for them to survive what the code survives; else the next start looks through the records themselves.
        var placed = open.Volume.Code.Total - open.Volume.MissingShards().Count();
        var isSealed = whole.Count >= Math.Min(placed, open.Volume.Code.Parity + 1);
        _index.Add(open.Volume.Id, [], open.End, isSealed);

        foreach (var shard in Enumerable.Range(0, open.Volume.Code.Total).Where(shard => open.Volume.SlotOf(shard) >= 0 && !whole.Contains(shard)))
        {
            _index.Doubt(open.Volume.Id, shard);
        }

        open.Volume.IsSealed = isSealed;
        open.Dispose();
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

    /// <summary>How many are waited for, and what whoever is the last of them ends.</summary>
    private sealed record Gathering(int Expected, TaskCompletionSource Complete);
}
