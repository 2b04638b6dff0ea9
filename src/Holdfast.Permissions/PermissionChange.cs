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

    /// <summary>Where nothing is written, large batches only keep the other threads waiting for the first one.</summary>
    private const int VerifyingCapacity = 128 << 10;

    private readonly TreeRoot _root;
    private readonly Journal? _journal;
    private readonly JournalState _begun;
    private readonly IReadOnlyList<PermissionRules> _steps;
    private readonly TimeProvider _time;

    private volatile TreePass? _pass;

    private PermissionChange(TreeRoot root, Journal? journal, JournalState begun, TimeProvider time)
    {
        (_root, _journal, _begun, _time) = (root, journal, begun, time);
        _steps = begun.Settings.Steps();
    }

    /// <summary>Where it is, at this moment.</summary>
    public PermissionProgress Progress => _pass is { } pass
        ? pass.Progress with { Steps = _steps.Count }
        : new PermissionProgress(_begun.Step + 1, _steps.Count, _begun.Pass, 0, 0, _begun.Counts, null);

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
    /// <param name="mapsPath">Where it is written down which maps the tree must not be changed by again.</param>
    /// <param name="restart">Forgets a run that was begun and not ended, or one that must not be repeated.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="PermissionException">The tree or the settings cannot be used, or there is another run of the tree.</exception>
    public static PermissionChange Begin(PermissionSettings settings, string journalPath, string mapsPath, bool restart, TimeProvider time)
    {
        settings = settings.Resolved();
        settings.Check();
        return Open(settings.Tree, settings.CrossMounts, () => Journal.Open(journalPath), (root, journal) =>
        {
            if (ReadBefore(journal, restart) is { IsFinished: false } known)
            {
                if (!restart)
                {
                    throw new PermissionException(PermissionProblem.Unfinished, $"A change of {known.Settings.Tree} was begun and has not ended: `holdfast permissions resume {known.Settings.Tree}` goes on with it; --restart forgets it.");
                }

                if (known.Root == root.Status.Inode)
                {
                    GiveBack(root, known.Kept);
                }
            }

            if (settings.MapOnce is { } map && !new AppliedMaps(mapsPath).TryAdd(map) && !restart)
            {
                throw new PermissionException(PermissionProblem.Unfinished, $"{settings.Tree} was changed by this map already, or began to be, and the map sends numbers on that it sends others to: again, it would send those on too. Is that meant, --restart does it, or take the map out of {mapsPath}.");
            }

            var state = new JournalState { Settings = settings, Root = root.Status.Inode };
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
            var state = journal.Read() ?? throw new PermissionException(PermissionProblem.NoJournal, $"There is no run of {tree} to go on with: its journal is empty. Begin one with `holdfast permissions apply`.");
            if (state.IsFinished)
            {
                throw new PermissionException(PermissionProblem.Ended, $"The last change of {tree} has ended: there is nothing to go on with. `holdfast permissions verify` looks whether all is right.");
            }

            return Open(tree, state.Settings.CrossMounts, () => journal, (root, _) =>
            {
                if (root.Status.Inode != state.Root)
                {
                    throw new PermissionException(PermissionProblem.ForeignJournal, $"The journal {journalPath} is of another tree: {state.Settings.Tree}, whose root was inode {state.Root}; {tree} is inode {root.Status.Inode}. Give the right tree or --journal, or begin with `holdfast permissions apply --restart`.");
                }

                // First what a kill took, durably; only then is it forgotten.
                GiveBack(root, state.Kept);
                journal.CutOff();
                return new PermissionChange(root, journal, state with { Kept = [] }, time);
            });
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>What a run that has ended did; null if there is no such run.</summary>
    public static PermissionReport? ReadEnded(string journalPath)
    {
        if (!File.Exists(journalPath))
        {
            return null;
        }

        using var journal = Journal.Open(journalPath);
        return journal.Read() is { IsFinished: true } state
            ? new PermissionReport(state.Counts.Total, state.Changed + state.Counts.Changed, state.Missed + (state.Pass > 1 ? state.Counts.Changed : 0), state.Counts, [.. journal.Failures(state.PassOffset)],
                IsVerified(state.Counts), IsHalted: false, state.Pass, 0, TimeSpan.FromMilliseconds(state.Worked))
            : null;
    }

    /// <summary>Looks what a change would do, and changes nothing.</summary>
    public static PermissionChange Try(PermissionSettings settings, TimeProvider time)
    {
        _ = settings.Steps();
        var root = TreeRoot.Open(settings.Tree, settings.CrossMounts);
        return new PermissionChange(root, null, new JournalState { Settings = settings, Root = root.Status.Inode }, time);
    }

    /// <summary>Runs to the end, on this thread and others.</summary>
    /// <param name="threads">How many there may be; may change meanwhile.</param>
    /// <param name="wrong">In a dry run, told of every entry that is not as it should be: its path from the root.</param>
    /// <param name="cancellation">Stops between two batches; the run can be resumed.</param>
    /// <exception cref="PermissionException">It cannot go on: the journal's disk is full, or nothing can be written to the tree. It can be resumed.</exception>
    public PermissionReport Run(ThreadLimit threads, Action<byte[]>? wrong, CancellationToken cancellation)
    {
        var began = _time.GetTimestamp();
        TimeSpan Worked() => TimeSpan.FromMilliseconds(_begun.Worked) + _time.GetElapsedTime(began);

        var (state, most) = (_begun, 0);
        using var sync = new TreeSync(_root, threads);
        if (state.Position.IsEnd && IsFirstOfTwo(state) && !IsDone(state.Counts))
        {
            // It was halted here: somebody may have mended what failed.
            state = state with { Pass = 1, Position = WalkPosition.Begin, Counts = default };
        }

        while (true)
        {
            if (_journal is not null && state.Position.IsBegin)
            {
                state = state with { PassOffset = _journal.PassBegan(state) };
            }

            using var pass = new TreePass(_root, _steps[state.Step], _journal, state, threads, wrong, _time);
            _pass = pass;
            var counts = pass.Run(state.Pass > 1 ? Math.Min(BatchCapacity, VerifyingCapacity) : BatchCapacity, sync.Finish, () => Shown?.Invoke(Progress), Worked, cancellation);
            most = Math.Max(most, pass.ThreadsMost);
            state = state with { Changed = state.Changed + counts.Changed, Missed = state.Missed + (state.Pass > 1 ? counts.Changed : 0) };
            if (_journal is not null && counts.Changed > 0)
            {
                // What the journal says is done must be, after a power cut too. That another pass has begun says nothing of the one before: it sees what was lost.
                sync.Begin();
            }

            // A pass that changed nothing has looked at everything and found it right: the first one too.
            var isVerified = _journal is not null && IsVerified(counts);
            var isLastPass = _journal is null || isVerified || state.Pass == PassesMost;

            // What the first step could not send away the second would take for what has arrived.
            var isHalted = isLastPass && _journal is not null && IsFirstOfTwo(state) && !IsDone(counts);
            if (isLastPass && (_journal is null || isHalted || state.Step == _steps.Count - 1))
            {
                sync.Finish();
                if (!isHalted)
                {
                    _journal?.Finished();
                }

                return new PermissionReport(counts.Total, state.Changed, state.Missed, counts, _journal?.Failures(state.PassOffset) ?? pass.DryFailures, isVerified && !isHalted, isHalted, state.Pass, most, Worked());
            }

            state = state with { Step = isLastPass ? state.Step + 1 : state.Step, Pass = isLastPass ? 1 : state.Pass + 1, Position = WalkPosition.Begin, Counts = default };
        }
    }

    public void Dispose()
    {
        _journal?.Dispose();
        _root.Dispose();
    }

    private static bool IsVerified(EntryCounts counts) => counts is { Changed: 0, Vanished: 0 };

    private static bool IsDone(EntryCounts counts) => counts is { Changed: 0, Vanished: 0, Failed: 0 };

    private bool IsFirstOfTwo(JournalState state) => _steps.Count == 2 && state.Step == 0;

    /// <summary>What the journal says; nothing if it is damaged and to be forgotten anyway.</summary>
    private static JournalState? ReadBefore(Journal journal, bool restart)
    {
        try
        {
            return journal.Read();
        }
        catch (PermissionException exception) when (restart && exception.Problem == PermissionProblem.DamagedJournal)
        {
            return null;
        }
    }

    /// <summary>The tree first: where it is not there no journal is made.</summary>
    private static PermissionChange Open(string tree, bool crossMounts, Func<Journal> openJournal, Func<TreeRoot, Journal, PermissionChange> open)
    {
        var root = TreeRoot.Open(tree, crossMounts);
        Journal? journal = null;
        try
        {
            journal = openJournal();
            return open(root, journal);
        }
        catch
        {
            root.Dispose();
            journal?.Dispose();
            throw;
        }
    }

    /// <summary>Between a change of owner and giving back what that takes away, the run may have been killed. What is gone since needs nothing.</summary>
    private static void GiveBack(TreeRoot root, IReadOnlyList<KeptPrivilege> kept)
    {
        PosixException? failed = null;
        foreach (var privilege in kept)
        {
            if (root.OpenDirectory(privilege.Directory, out var directory) != Errno.None)
            {
                continue;
            }

            if (EntryCalls.Hold(directory, [.. privilege.Name, 0], out var held) == Errno.None)
            {
                if (EntryCalls.Status(held, out var status) == Errno.None && status.Inode == privilege.Inode && EntryChanger.GiveBack(held, privilege.Mode, privilege.Capability) is var error && error != Errno.None)
                {
                    failed ??= new PosixException("give set-id bits or capabilities back to", TreeRoot.Describe(EntryFailure.Join(privilege.Directory, privilege.Name)), error);
                }

                EntryCalls.Close(held);
            }

            EntryCalls.Close(directory);
        }

        if (failed is not null)
        {
            // The journal still says what: mended, it is tried again.
            throw failed;
        }

        if (kept.Count > 0 && EntryCalls.SyncFileSystem(root.Descriptor) is var unsynced && unsynced != Errno.None)
        {
            throw new PosixException("sync", root.Path, unsynced);
        }
    }
}
