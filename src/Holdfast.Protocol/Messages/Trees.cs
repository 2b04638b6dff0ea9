namespace Holdfast.Protocol.Messages;

/// <summary>Asks for a change of permissions of a tree that is registered with a node. See docs/bulk-permissions.md.</summary>
/// <param name="Tree">Its name in the node's configuration.</param>
/// <param name="Mode">As chmod takes it.</param>
/// <param name="Owner">A user, by name or number.</param>
/// <param name="Group">A group, by name or number.</param>
/// <param name="AccessList">As setfacl --set takes it, or "none".</param>
/// <param name="Rules">The text of a file of rules.</param>
/// <param name="OwnerMap">The text of a map of owners.</param>
/// <param name="Threads">At most so many, 1 to 20; as many as pay unless given.</param>
/// <param name="IsDry">Only counts what would be changed.</param>
public sealed record StartPermissionChange(
    string Tree, string? Mode = null, string? Owner = null, string? Group = null, string? AccessList = null, string? Rules = null, string? OwnerMap = null, int? Threads = null, bool IsDry = false);

/// <summary>How many threads a change may have from now on.</summary>
/// <param name="Threads">1 to 20.</param>
public sealed record ChangeThreads(int Threads);

/// <summary>An entry that could not be changed.</summary>
/// <param name="Path">From the tree's root, as one can read it.</param>
/// <param name="PathBytes">The same, exactly.</param>
/// <param name="Errno">The error's number.</param>
/// <param name="Message">The error in words.</param>
public sealed record PermissionFailure(string Path, byte[] PathBytes, int Errno, string Message);

/// <summary>How far a change of permissions is.</summary>
/// <param name="Tree">The tree's name.</param>
/// <param name="State">waiting (for a node that has the tree), running, ended or failed.</param>
/// <param name="IsDry">Nothing is changed: entries that would be are counted.</param>
/// <param name="AskedAt">Unix seconds.</param>
/// <param name="EndedAt">Unix seconds; null before.</param>
/// <param name="Node">The node that works on it.</param>
/// <param name="Entries">Entries of the tree that this pass has gone over.</param>
/// <param name="Changed">Entries that were changed.</param>
/// <param name="Failed">Entries that this pass could not change.</param>
/// <param name="Pass">Which pass over the tree: the first changes, the others look whether anything was missed.</param>
/// <param name="Share">How much of this pass is done, from 0 to 1.</param>
/// <param name="SecondsLeft">How long this pass still takes; null before that can be told.</param>
/// <param name="Threads">Threads that work.</param>
/// <param name="ThreadsMax">Threads that it may have.</param>
/// <param name="IsVerified">A whole pass found everything right that did not fail.</param>
/// <param name="Failures">The first hundred entries that failed; all are in the journal on the node.</param>
/// <param name="Journal">The journal's path on the node.</param>
/// <param name="Failure">Why it did not end.</param>
public sealed record PermissionChangeStatus(
    string Tree, string State, bool IsDry, long AskedAt, long? EndedAt, string? Node, long Entries, long Changed, long Failed, int Pass, double Share, long? SecondsLeft, int Threads, int ThreadsMax, bool IsVerified,
    IReadOnlyList<PermissionFailure> Failures, string? Journal, string? Failure);

/// <summary>The latest change of each tree.</summary>
public sealed record PermissionChangeList(IReadOnlyList<PermissionChangeStatus> Changes);

/// <summary>What long work really took.</summary>
/// <param name="Kind">Which work.</param>
/// <param name="Subject">Of what.</param>
/// <param name="EndedAt">Unix seconds.</param>
/// <param name="Volume">How much there was: entries, rows.</param>
/// <param name="Changed">How much of it had to be changed.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Threads">How many threads worked at most.</param>
/// <param name="Medium">What it lies on.</param>
public sealed record Actual(string Kind, string Subject, long EndedAt, long Volume, long Changed, long Milliseconds, int Threads, string Medium);

/// <summary>A page; <paramref name="Next"/> is the cursor of the one behind it, or null.</summary>
public sealed record ActualList(IReadOnlyList<Actual> Actuals, string? Next);
