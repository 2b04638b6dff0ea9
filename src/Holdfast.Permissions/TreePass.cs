using Holdfast.Permissions.Applying;
using Holdfast.Permissions.Journaling;
using Holdfast.Permissions.Rules;
using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions;

/// <summary>One pass over the tree: while a batch is gone over, the next one is filled.</summary>
internal sealed class TreePass : IWalkNotes, IDisposable
{
    private readonly TreeRoot _root;
    private readonly Journal? _journal;
    private readonly JournalState _from;
    private readonly TimeProvider _time;
    private readonly BatchWorkers _workers;
    private readonly EntryChanger _changer;
    private readonly TreeWalk _walk;
    private readonly List<EntryFailure> _dryFailures = [];
    private EntryCounts _noted;
    private long _serial;

    public TreePass(TreeRoot root, PermissionRules rules, Journal? journal, JournalState from, ThreadLimit threads, Action<byte[]>? wrong, TimeProvider time)
    {
        (_root, _journal, _from, _time) = (root, journal, from, time);
        EntryChanger Changer() => new(root, rules, journal, wrong);
        _changer = Changer();
        _workers = new BatchWorkers(root, Changer, Failed, threads, new ThreadTuning(Environment.ProcessorCount), time);
        _walk = new TreeWalk(root, from.Position, this);
    }

    public int ThreadsMost => _workers.MostBusy;

    /// <summary>What could not be looked at in a dry run, which has no journal.</summary>
    public IReadOnlyList<EntryFailure> DryFailures => _dryFailures;

    /// <summary>Runs to the end of the tree.</summary>
    /// <param name="batchCapacity">How many entries are gone over together.</param>
    /// <param name="show">Told after each batch where it is.</param>
    /// <param name="worked">How long the whole run took so far.</param>
    /// <param name="cancellation">Stops between two batches; the run can be resumed.</param>
    /// <returns>What came of the entries of this pass, those before a kill included.</returns>
    public EntryCounts Run(int batchCapacity, Action<PermissionProgress> show, Func<TimeSpan> worked, CancellationToken cancellation)
    {
        var began = _time.GetTimestamp();
        var (filling, going) = (new EntryBatch(batchCapacity), new EntryBatch(batchCapacity));
        filling.Clear(++_serial);
        var more = _walk.Fill(filling, cancellation);

        // What a directory that was half read gave is come by again, and is right by now.
        var before = _from.Counts with { Right = _from.Counts.Right - _from.Position.Listed };
        EntryCounts counts;
        while (true)
        {
            (filling, going) = (going, filling);
            going.Seal();
            _workers.Begin(going);
            var (wasMore, noted) = (more, _noted);
            if (more)
            {
                filling.Clear(++_serial);
                more = _walk.Fill(filling, cancellation);
            }

            _workers.Finish(cancellation);
            _journal?.SyncKept(_root.Descriptor);
            counts = before + _workers.Counts + noted;
            _journal?.Batch(going.End, counts, (long)worked().TotalMilliseconds);
            show(Progress(counts, going.Share, _time.GetElapsedTime(began)));
            if (!wasMore)
            {
                return counts;
            }
        }
    }

    public void NotListed(ReadOnlySpan<byte> path, Errno error)
    {
        _noted += new EntryCounts(0, 0, 0, 0, 1);
        Failed(path, [], error);
    }

    public void MountPoint(ReadOnlySpan<byte> path) => _noted += new EntryCounts(0, 0, 0, 1, 0);

    public void Vanished(ReadOnlySpan<byte> path) => _noted += new EntryCounts(0, 0, 1, 0, 0);

    public bool TryOpenUp(ReadOnlySpan<byte> parent, ReadOnlySpan<byte> name)
    {
        if (_journal is null || _root.OpenDirectory(parent, out var directory) != Errno.None)
        {
            return false;
        }

        var outcome = _changer.Change(directory, parent, [.. name, 0], isDirectory: true, out _);
        EntryCalls.Close(directory);
        if (outcome == EntryOutcome.Changed)
        {
            // It is counted where it is left, as right by then: here as what it was.
            _noted += new EntryCounts(-1, 1, 0, 0, 0);
        }

        return outcome == EntryOutcome.Changed;
    }

    public void Dispose()
    {
        _walk.Dispose();
        _workers.Dispose();
    }

    private void Failed(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, Errno error)
    {
        if (_journal is not null)
        {
            _journal.Failure(directory, name, error);
            return;
        }

        lock (_dryFailures)
        {
            _dryFailures.Add(new EntryFailure(EntryFailure.Join(directory, name), error));
        }
    }

    private PermissionProgress Progress(EntryCounts counts, double share, TimeSpan elapsed)
    {
        TimeSpan? left = share > 0.01 ? elapsed * ((1 - share) / share) : null;
        return new PermissionProgress(_from.Step + 1, 0, _from.Pass, share, _workers.Threads, counts, left);
    }
}
