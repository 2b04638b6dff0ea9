using System.Runtime.ExceptionServices;
using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions.Applying;

/// <summary>Told of an entry that could not be changed.</summary>
internal delegate void EntryFailed(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, Errno error);

/// <summary>
/// The threads that go over batches, never more than allowed, the one that walks included. They take some entries at a time, in the order of inodes; after a batch's files come the directories that the walk left. A thread that
/// is not needed waits.
/// </summary>
internal sealed class BatchWorkers : IDisposable
{
    private const int Slice = 256;
    private const int DirectoriesOpen = 16;
    private const int StackLength = 256 << 10;
    private const int PressedTries = 50;

    private static readonly TimeSpan _window = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _pressedWait = TimeSpan.FromMilliseconds(20);

    private readonly Func<EntryChanger> _changers;
    private readonly TreeRoot _root;
    private readonly EntryFailed _failed;
    private readonly SharedDirectories _shared;
    private readonly ThreadLimit _limit;
    private readonly ThreadTuning _tuning;
    private readonly TimeProvider _time;
    private readonly bool _isRoot = PosixFile.IsRoot;
    private readonly List<Thread> _threads = [];
    private readonly object _sync = new();
    private readonly (EntryChanger Changer, DirectoryCache Cache) _own;

    private EntryBatch? _batch;
    private bool _isLeaving;
    private int _next;
    private int _busy;
    private int _mostBusy;
    private bool _stopped;
    private ExceptionDispatchInfo? _failure;
    private EntryCounts _counts;
    private long _windowBegan;
    private long _windowEntries;
    private int _pressure;

    public BatchWorkers(TreeRoot root, Func<EntryChanger> changers, EntryFailed failed, ThreadLimit limit, ThreadTuning tuning, TimeProvider time)
    {
        (_root, _changers, _failed, _limit, _tuning, _time) = (root, changers, failed, limit, tuning, time);
        _shared = new SharedDirectories(root);
        _own = (changers(), new DirectoryCache(root, _shared, DirectoriesOpen));
    }

    /// <summary>How many threads may work now.</summary>
    public int Threads => Math.Min(_limit.Available, _tuning.Threads);

    /// <summary>The most that worked at the same time.</summary>
    public int MostBusy => _mostBusy;

    /// <summary>What came of all batches so far.</summary>
    public EntryCounts Counts
    {
        get
        {
            lock (_sync)
            {
                return _counts;
            }
        }
    }

    /// <summary>Lets the other threads begin with a batch; the caller may do something else meanwhile.</summary>
    public void Begin(EntryBatch batch)
    {
        _shared.Begin(batch);
        lock (_sync)
        {
            (_batch, _isLeaving, _next) = (batch, false, 0);
            (_windowBegan, _windowEntries) = (_time.GetTimestamp(), 0);
            Monitor.PulseAll(_sync);
        }
    }

    /// <summary>Helps until the batch is done.</summary>
    /// <exception cref="PermissionException">It cannot go on: the journal's disk is full, or nothing can be written to the tree.</exception>
    public void Finish(CancellationToken cancellation)
    {
        using var stop = cancellation.UnsafeRegister(static workers => ((BatchWorkers)workers!).Stop(), this);
        Work(0);
        lock (_sync)
        {
            while (_busy > 0)
            {
                Monitor.Wait(_sync);
            }

            _batch = null;
            _shared.End();
            _failure?.Throw();
        }

        cancellation.ThrowIfCancellationRequested();
    }

    public void Dispose()
    {
        Stop();
        foreach (var thread in _threads)
        {
            thread.Join();
        }

        _own.Cache.Dispose();
        _shared.End();
    }

    private void Stop()
    {
        lock (_sync)
        {
            _stopped = true;
            Monitor.PulseAll(_sync);
        }
    }

    /// <summary>Takes slices until there are none (the caller's thread), or for ever (the others).</summary>
    private void Work(int index)
    {
        var (changer, cache) = index == 0 ? _own : (_changers(), new DirectoryCache(_root, _shared, DirectoriesOpen));
        try
        {
            while (Take(index) is var (batch, isLeaving, first, count) && count > 0)
            {
                var counts = default(EntryCounts);
                try
                {
                    counts = Process(batch, isLeaving, first, count, changer, cache);
                }
#pragma warning disable CA1031 // Whatever it is, the thread that called throws it, and all stop.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    Fail(exception);
                }

                Done(counts, count);
            }
        }
        finally
        {
            if (index > 0)
            {
                cache.Dispose();
            }
        }
    }

    private (EntryBatch Batch, bool IsLeaving, int First, int Count) Take(int index)
    {
        lock (_sync)
        {
            while (!_stopped)
            {
                if (_batch is { } batch && index < Threads)
                {
                    StartThreads();
                    var total = _isLeaving ? batch.Left : batch.Files;
                    // Directories go bottom up, by one thread, where a parent's new mode could keep this process out.
                    var mayTake = !_isLeaving || _isRoot || index == 0;
                    if (_next < total && mayTake)
                    {
                        var taken = (batch, _isLeaving, _next, Math.Min(Slice, total - _next));
                        _next += taken.Item4;
                        _mostBusy = Math.Max(_mostBusy, ++_busy);
                        return taken;
                    }

                    if (_next >= total && !_isLeaving && _busy == 0)
                    {
                        (_isLeaving, _next) = (true, 0);
                        Monitor.PulseAll(_sync);
                        continue;
                    }

                    if (_next >= total && _isLeaving && index == 0)
                    {
                        return default;
                    }
                }
                else if (index == 0 && _batch is null)
                {
                    return default;
                }

                Monitor.Wait(_sync);
            }

            return default;
        }
    }

    private void StartThreads()
    {
        while (_threads.Count + 1 < Threads)
        {
            var index = _threads.Count + 1;
            var thread = new Thread(() => Work(index), StackLength) { IsBackground = true, Name = $"permissions {index}" };
            try
            {
                thread.Start();
            }
            catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
            {
                // The machine gives no more: those there are go on.
                _tuning.Retreat();
                return;
            }

            _threads.Add(thread);
        }
    }

    private void Done(EntryCounts counts, int entries)
    {
        lock (_sync)
        {
            _counts += counts;
            _busy--;
            _windowEntries += entries;
            var elapsed = _time.GetElapsedTime(_windowBegan);
            if (elapsed >= _window && !_isLeaving)
            {
                _tuning.Measured(_windowEntries / elapsed.TotalSeconds, _limit.Value);
                (_windowBegan, _windowEntries) = (_time.GetTimestamp(), 0);
            }

            Monitor.PulseAll(_sync);
        }
    }

    private void Fail(Exception exception)
    {
        lock (_sync)
        {
            _failure ??= ExceptionDispatchInfo.Capture(exception);
            _stopped = true;
        }
    }

    private EntryCounts Process(EntryBatch batch, bool isLeaving, int first, int count, EntryChanger changer, DirectoryCache cache)
    {
        if (Volatile.Read(ref _pressure) > 0)
        {
            cache.Clear();
        }

        var (right, changed, vanished, mounts, failed) = (0L, 0L, 0L, 0L, 0L);
        for (var place = first; place < first + count; place++)
        {
            var entry = isLeaving ? batch.LeftDirectory(place) : batch.File(place);
            switch (Change(batch, entry, isLeaving, changer, cache, out var error))
            {
                case EntryOutcome.Right: right++; break;
                case EntryOutcome.Changed: changed++; break;
                case EntryOutcome.Vanished: vanished++; break;
                case EntryOutcome.MountPoint: mounts++; break;
                default:
                    failed++;
                    _failed(batch.DirectoryPath(entry.Directory), entry.Name[..^1], error);
                    break;
            }
        }

        return new EntryCounts(right, changed, vanished, mounts, failed);
    }

    private EntryOutcome Change(EntryBatch batch, BatchEntry entry, bool isLeaving, EntryChanger changer, DirectoryCache cache, out Errno error)
    {
        for (var tries = 0; ; tries++)
        {
            error = cache.Open(batch, entry.Directory, out var directory);
            if (error is Errno.NoEntry or Errno.NotDirectory or Errno.TooManyLinks or Errno.CrossDevice or Errno.StaleHandle)
            {
                // The whole directory was moved or deleted: where it is now, the next pass comes by.
                return EntryOutcome.Vanished;
            }

            var outcome = error == Errno.None ? changer.Change(directory, batch.DirectoryPath(entry.Directory), entry.Name, isLeaving, out error) : EntryOutcome.Failed;
            if (error == Errno.ReadOnlyFileSystem)
            {
                throw new PermissionException(PermissionProblem.ReadOnly, $"Nothing can be changed in {_root.Path}: its file system is read-only. Mount it for writing, then `holdfast permissions resume`.");
            }

            if (error != Errno.TooManyOpenFiles || tries == PressedTries)
            {
                return outcome;
            }

            MakeRoom(cache);
        }
    }

    /// <summary>Descriptors ran out: everybody closes what it has, and one thread goes on until there are some.</summary>
    private void MakeRoom(DirectoryCache cache)
    {
        Interlocked.Increment(ref _pressure);
        cache.Clear();
        lock (_sync)
        {
            _tuning.Retreat();
            if (!_stopped)
            {
                Monitor.Wait(_sync, _pressedWait);
            }
        }

        Interlocked.Decrement(ref _pressure);
    }
}
