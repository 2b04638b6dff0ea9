using Holdfast.Permissions.Applying;
using Holdfast.Permissions.Estimating;
using Holdfast.Permissions.Journaling;
using Holdfast.Permissions.Rules;
using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions;

/// <summary>
/// A bulk change of permissions: <b>walk</b> the tree into batches → <b>sort</b> each by inode → <b>look, decide and change</b> with few threads, writing nothing that is right → <b>note</b> in the journal how far it is →
/// <b>walk again</b> until a pass changes nothing. Killed at any point it goes on where it was.
/// </summary>
public sealed class PermissionChange : IDisposable
{
    /// <summary>A tree in which more than so many passes find something is being changed by others all the time.</summary>
    private const int PassesMost = 5;

    private readonly TreeRoot _root;
    private readonly Journal? _journal;
    private readonly JournalState _begun;
    private readonly IReadOnlyList<PermissionRules> _steps;
    private readonly TimeProvider _time;

    private volatile PermissionProgress _progress;

    private PermissionChange(TreeRoot root, Journal? journal, JournalState begun, TimeProvider time)
    {
        (_root, _journal, _begun, _time) = (root, journal, begun, time);
        _steps = begun.Settings.Steps();
        _progress = new PermissionProgress(begun.Step + 1, _steps.Count, begun.Pass, 0, 0, begun.Counts, null);
    }

    public PermissionProgress Progress => _progress;

    /// <summary>What the tree lies on.</summary>
    public Medium Medium => Medium.Of(_root);

    /// <summary>For tests: many batches in a small tree.</summary>
    internal int BatchCapacity { get; set; } = EntryBatch.DefaultCapacity;

    /// <summary>Told after each batch where it is.</summary>
    internal Action<PermissionProgress>? Shown { get; set; }

    /// <summary>What is changed, in the words it was begun with.</summary>
    public PermissionSettings Settings => _begun.Settings;

    /// <summary>Begins a run.</summary>
    /// <param name="settings">What is to be changed, and where.</param>
    /// <param name="journalPath">Where it is written down how far it came.</param>
    /// <param name="restart">Forgets a run that was begun and not ended, or one that must not be repeated.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="PermissionException">The tree or the settings cannot be used, or there is another run of the tree.</exception>
    public static PermissionChange Begin(PermissionSettings settings, string journalPath, bool restart, TimeProvider time)
    {
        _ = settings.Steps();
        return Open(settings.Tree, settings.CrossMounts, Journal.Open(journalPath), (root, journal) =>
        {
            if (!restart)
            {
                CheckBefore(journal.Read(), settings);
            }

            var state = new JournalState { Settings = settings, Root = root.Status.Inode, Began = time.GetUtcNow().ToUnixTimeSeconds() };
            journal.Begin(state);
            return new PermissionChange(root, journal, state, time);
        });
    }

    /// <summary>Goes on with a run that was killed.</summary>
    /// <exception cref="PermissionException">There is none, or it was of another tree.</exception>
    public static PermissionChange Resume(string tree, string journalPath, TimeProvider time)
    {
        if (!File.Exists(journalPath))
        {
            throw new PermissionException(PermissionProblem.NoJournal, $"There is no run of {tree} to go on with: begin one with `holdfast permissions apply`.");
        }

        var journal = Journal.Open(journalPath);
        try
        {
            var state = journal.Read();
            if (state is null or { IsFinished: true })
            {
                throw new PermissionException(PermissionProblem.NoJournal, $"The last change of {tree} has ended: there is nothing to go on with. `holdfast permissions verify` looks whether all is right.");
            }

            return Open(tree, state.Settings.CrossMounts, journal, (root, _) =>
            {
                if (root.Status.Inode != state.Root)
                {
                    throw new PermissionException(PermissionProblem.ForeignJournal, $"The journal {journalPath} is of another tree: {state.Settings.Tree}, whose root was inode {state.Root}; {tree} is inode {root.Status.Inode}. Give the right tree or --journal, or begin with `holdfast permissions apply --restart`.");
                }

                journal.CutOff();
                return new PermissionChange(root, journal, state, time);
            });
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Looks what a change would do, and changes nothing.</summary>
    public static PermissionChange Try(PermissionSettings settings, TimeProvider time)
    {
        _ = settings.Steps();
        var root = TreeRoot.Open(settings.Tree, settings.CrossMounts);
        return new PermissionChange(root, null, new JournalState { Settings = settings, Root = root.Status.Inode, Began = 0 }, time);
    }

    /// <summary>Runs to the end, on this thread and others.</summary>
    /// <param name="threads">How many there may be; may change meanwhile.</param>
    /// <param name="wrong">In a dry run, told of every entry that is not as it should be: its path from the root.</param>
    /// <param name="cancellation">Stops between two batches; the run can be resumed.</param>
    /// <exception cref="PermissionException">It cannot go on: the journal's disk is full, or nothing can be written to the tree. It can be resumed.</exception>
    public PermissionReport Run(ThreadLimit threads, Action<byte[]>? wrong, CancellationToken cancellation)
    {
        GiveBack(_begun.Kept);
        var began = _time.GetTimestamp();
        TimeSpan Worked() => TimeSpan.FromMilliseconds(_begun.Worked) + _time.GetElapsedTime(began);

        var (state, most) = (_begun, 0);
        while (true)
        {
            if (_journal is not null && state.Position.IsBegin)
            {
                state = state with { PassOffset = _journal.PassBegan(state) };
            }

            using var pass = new TreePass(_root, _steps[state.Step], _journal, state, threads, wrong, _time);
            var counts = pass.Run(BatchCapacity, Show, Worked, cancellation);
            most = Math.Max(most, pass.ThreadsMost);
            state = state with { Changed = state.Changed + counts.Changed, Missed = state.Missed + (state.Pass > 1 ? counts.Changed : 0) };
            if (_journal is not null && counts.Changed > 0)
            {
                // What the journal says is done must be, after a power cut too.
                Check(EntryCalls.SyncFileSystem(_root.Descriptor), "sync");
            }

            // A pass that changed nothing has looked at everything and found it right: the first one too.
            var isVerified = _journal is not null && counts is { Changed: 0, Vanished: 0 };
            var isLastPass = _journal is null || isVerified || state.Pass == PassesMost;
            if (isLastPass && (_journal is null || state.Step == _steps.Count - 1))
            {
                _journal?.Finished();
                return new PermissionReport(counts.Total, state.Changed, state.Missed, counts, _journal?.Failures(state.PassOffset) ?? pass.DryFailures, isVerified, state.Pass, most, Worked());
            }

            state = state with { Step = isLastPass ? state.Step + 1 : state.Step, Pass = isLastPass ? 1 : state.Pass + 1, Position = WalkPosition.Begin, Counts = default };
        }
    }

    public void Dispose()
    {
        _journal?.Dispose();
        _root.Dispose();
    }

    private void Show(PermissionProgress progress)
    {
        _progress = progress with { Steps = _steps.Count };
        Shown?.Invoke(_progress);
    }

    private static void CheckBefore(JournalState? known, PermissionSettings settings)
    {
        if (known is { IsFinished: false })
        {
            throw new PermissionException(PermissionProblem.Unfinished, $"A change of {known.Settings.Tree} was begun and has not ended: `holdfast permissions resume {known.Settings.Tree}` goes on with it; --restart forgets it.");
        }

        if (known is not null && known.Settings == settings && settings.IsOnce)
        {
            throw new PermissionException(PermissionProblem.Unfinished, $"{settings.Tree} was changed by this map already, and the map sends numbers on that it sends others to: again, it would send those on too. --restart does it all the same.");
        }
    }

    private static PermissionChange Open(string tree, bool crossMounts, Journal journal, Func<TreeRoot, Journal, PermissionChange> open)
    {
        TreeRoot? root = null;
        try
        {
            root = TreeRoot.Open(tree, crossMounts);
            return open(root, journal);
        }
        catch
        {
            root?.Dispose();
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Between a change of owner and giving back what that takes away, the run may have been killed.</summary>
    private void GiveBack(IReadOnlyList<KeptPrivilege> kept)
    {
        foreach (var privilege in kept)
        {
            if (_root.OpenDirectory(privilege.Directory, out var directory) != Errno.None)
            {
                continue;
            }

            if (EntryCalls.Hold(directory, [.. privilege.Name, 0], out var held) == Errno.None)
            {
                if (EntryCalls.Status(held, out var status) == Errno.None && status.Inode == privilege.Inode)
                {
                    Check(EntryChanger.GiveBack(held, privilege.Mode, privilege.Capability), TreeRoot.Describe(privilege.Name));
                }

                EntryCalls.Close(held);
            }

            EntryCalls.Close(directory);
        }
    }

    private void Check(Errno error, string what)
    {
        if (error != Errno.None)
        {
            throw new PosixException(what, _root.Path, error);
        }
    }
}
