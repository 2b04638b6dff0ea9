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
    private readonly EntryCounts _before;
    private readonly long _began;
    private EntryCounts _noted;
    private long _serial;
    private volatile Going _going = new(0, 0, 0, default, default);

    public TreePass(TreeRoot root, PermissionRules rules, Journal? journal, JournalState from, ThreadLimit threads, Action<byte[]>? wrong, TimeProvider time)
    {
        (_root, _journal, _from, _time) = (root, journal, from, time);
        _began = time.GetTimestamp();

        // What a directory that was half read gave is come by again, and is right by now.
        _before = from.Counts with { Right = from.Counts.Right - from.Position.Listed };
        EntryChanger Changer() => new(root, rules, journal, wrong);
        _changer = Changer();
        _workers = new BatchWorkers(root, Changer, Failed, threads, new ThreadTuning(Environment.ProcessorCount), time);
        _walk = new TreeWalk(root, from.Position, this);
    }

    /// <summary>A batch under way: how much of the tree is done before and with it, how many entries it has, and what had come of entries when it was begun.</summary>
    private sealed record Going(double From, double To, long Entries, EntryCounts Counts, EntryCounts Noted);

    /// <summary>Where the pass is, at this moment; any thread may ask.</summary>
    public PermissionProgress Progress
    {
        get
        {
            var (going, counts) = (_going, _workers.Counts);
            var share = going.From + ((going.To - going.From) * Math.Clamp((counts.Total - going.Counts.Total) / Math.Max(1.0, going.Entries), 0, 1));
            TimeSpan? left = share > 0.01 ? _time.GetElapsedTime(_began) * ((1 - share) / share) : null;
            return new PermissionProgress(_from.Step + 1, 0, _from.Pass, share, _workers.Threads, _before + counts + going.Noted, left);
        }
    }

    public int ThreadsMost => _workers.MostBusy;

    /// <summary>What could not be looked at in a dry run, which has no journal.</summary>
    public IReadOnlyList<EntryFailure> DryFailures => _dryFailures;

    /// <summary>Runs to the end of the tree.</summary>
    /// <param name="batchCapacity">How many entries are gone over together.</param>
    /// <param name="noting">Called before each time that the journal says how far it is.</param>
    /// <param name="shown">Called after each batch.</param>
    /// <param name="worked">How long the whole run took so far.</param>
    /// <param name="cancellation">Stops between two batches; the run can be resumed.</param>
    /// <returns>What came of the entries of this pass, those before a kill included.</returns>
    public EntryCounts Run(int batchCapacity, Action noting, Action shown, Func<TimeSpan> worked, CancellationToken cancellation)
    {
        var (filling, going) = (new EntryBatch(batchCapacity), new EntryBatch(batchCapacity));
        filling.Clear(++_serial);
        var more = _walk.Fill(filling, cancellation);
        while (true)
        {
            (filling, going) = (going, filling);
            going.Seal();
            var (wasMore, noted) = (more, _noted);
            _going = new Going(_going.To, going.Share, going.Files + going.Left, _workers.Counts, noted);
            _workers.Begin(going);
            if (more)
            {
                filling.Clear(++_serial);
                more = _walk.Fill(filling, cancellation);
            }

            _workers.Finish(cancellation);
            noting();
            _journal?.SyncKept(_root.Descriptor);
            var counts = _before + _workers.Counts + noted;
            _journal?.Batch(going.End, counts, (long)worked().TotalMilliseconds);
            shown();
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
}
