namespace Holdfast.Protocol.Messages;

/// <summary>Plans a move of accounts to another store. See docs/moving.md.</summary>
/// <param name="Target">The store, as the configuration calls it.</param>
/// <param name="Source">Only accounts that live in this store.</param>
/// <param name="Accounts">Only these accounts, by name.</param>
/// <param name="Rate">Rows a second in all; as fast as it goes unless given.</param>
/// <param name="AtOnce">Accounts at once; 4 unless given.</param>
/// <param name="KeepHours">How long the former stores keep their rows, so that there is a way back; 24 unless given.</param>
/// <param name="IsDry">Only looks whether it can be done, and how much it is.</param>
public sealed record PlanMove(string Target, string? Source = null, IReadOnlyList<string>? Accounts = null, long? Rate = null, int? AtOnce = null, int? KeepHours = null, bool IsDry = false);

/// <summary>An account whose move did not succeed yet.</summary>
/// <param name="Account">Its name, or its id if it is gone.</param>
/// <param name="State">Where its move stands.</param>
/// <param name="Tries">How often it was tried.</param>
/// <param name="Failure">What went wrong last.</param>
public sealed record MoveTrouble(string Account, string State, long Tries, string Failure);

/// <summary>How far a move of accounts is.</summary>
/// <param name="Id">The move's id; empty for a dry run.</param>
/// <param name="Target">The store.</param>
/// <param name="State">planned, running, paused, aborting, reversible (all have moved, and there is a way back) or ended.</param>
/// <param name="IsBack">They are on their way back.</param>
/// <param name="Rate">Rows a second, 0 for no limit.</param>
/// <param name="AtOnce">Accounts at once.</param>
/// <param name="PlannedAt">Unix seconds.</param>
/// <param name="StartedAt">Unix seconds; null before.</param>
/// <param name="WayBackUntil">Until when there is a way back, Unix seconds; null before all have moved.</param>
/// <param name="EndedAt">Unix seconds; null before.</param>
/// <param name="Accounts">How many accounts it is of.</param>
/// <param name="Waiting">Of these, how many have not moved.</param>
/// <param name="Moved">How many live in the target, and could go back.</param>
/// <param name="Returned">How many went back.</param>
/// <param name="Retired">How many live in the target for good.</param>
/// <param name="LeftOut">How many stay where they were: the move was given up, or they were deleted.</param>
/// <param name="NotPlanned">A plan's: accounts that another move has, or that are being deleted or compared with the pod.</param>
/// <param name="Rows">Rows that were copied; rows that were written meanwhile count again.</param>
/// <param name="RowsPerSecond">How fast, lately; null if it does not run.</param>
/// <param name="SecondsLeft">How long it still takes; null before that can be told.</param>
/// <param name="FreezeP99Ms">How long writers of an account waited, 99 of 100; null before one has moved.</param>
/// <param name="FreezeMaxMs">The longest.</param>
/// <param name="Troubles">The first twenty accounts with trouble.</param>
/// <param name="Failure">Why it does not go on.</param>
public sealed record MoveStatus(
    string Id, string Target, string State, bool IsBack, long Rate, int AtOnce, long PlannedAt, long? StartedAt, long? WayBackUntil, long? EndedAt, long Accounts, long Waiting, long Moved, long Returned, long Retired, long LeftOut, long NotPlanned,
    long Rows, double? RowsPerSecond, long? SecondsLeft, double? FreezeP99Ms, double? FreezeMaxMs, IReadOnlyList<MoveTrouble> Troubles, string? Failure);

/// <summary>Moves, the latest first.</summary>
public sealed record MoveList(IReadOnlyList<MoveStatus> Moves);

/// <summary>Moves the directory to the database that the configuration names as the next one.</summary>
/// <param name="PauseMostSeconds">Writes to it wait for no longer, 1 to 10; 5 unless given.</param>
/// <param name="IsDry">Only looks whether it can be done.</param>
public sealed record StartDirectoryMove(int? PauseMostSeconds = null, bool IsDry = false);

/// <summary>The latest move of the directory.</summary>
/// <param name="State">running, moved, failed (it stays where it was), aborted, or dry run.</param>
/// <param name="From">The id of the database that it leaves.</param>
/// <param name="To">The id of the database that it moves to.</param>
/// <param name="PauseMostSeconds">How long writes may wait.</param>
/// <param name="StartedAt">Unix seconds.</param>
/// <param name="EndedAt">Unix seconds; null while it runs.</param>
/// <param name="Rows">Rows that it has.</param>
/// <param name="Copied">Rows that were written to the other database; what was written meanwhile counts again.</param>
/// <param name="Passes">How often all was compared.</param>
/// <param name="PausedMs">How long writes waited; null before, or if who moved it was killed behind it.</param>
/// <param name="Progress">How far it is.</param>
/// <param name="Failure">What went wrong last.</param>
public sealed record DirectoryMoveStatus(
    string State, string From, string To, int PauseMostSeconds, long StartedAt, long? EndedAt, long Rows, long Copied, int Passes, double? PausedMs, string? Progress, string? Failure);
