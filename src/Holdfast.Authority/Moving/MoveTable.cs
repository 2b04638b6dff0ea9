using Holdfast.Authority.Databases;
using Holdfast.Authority.DirectoryMoving;
using Holdfast.Authority.Jobs;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>States of a move of many accounts.</summary>
internal static class MoveStates
{
    public const string Planned = "planned";
    public const string Running = "running";
    public const string Paused = "paused";
    public const string Aborting = "aborting";

    /// <summary>All have moved, and the former stores keep their rows for a while.</summary>
    public const string Reversible = "reversible";

    public const string Ended = "ended";
}

/// <summary>States of an account within a move.</summary>
internal static class MovedStates
{
    public const string Waiting = "waiting";
    public const string Moved = "moved";
    public const string Returned = "returned";
    public const string Retired = "retired";
    public const string LeftOut = "left_out";
}

/// <summary>Moves of many accounts, and where each of their accounts stands: what a job that was killed goes on from.</summary>
internal sealed class MoveTable(IDatabase directory, TimeProvider time)
{
    private const string Columns =
        "move_id AS Id, target, state, is_back AS IsBack, rate, at_once AS AtOnce, keep_seconds AS KeepSeconds, planned_at AS PlannedAt, started_at AS StartedAt, moved_at AS MovedAt, ended_at AS EndedAt, not_planned AS NotPlanned, indexed";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public Task<PlannedMove?> FindAsync(string id, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.FindAsync<PlannedMove>($"SELECT {Columns} FROM moves WHERE move_id = @id", new { id }), cancellation);

    public Task<PlannedMove?> FindLatestAsync(CancellationToken cancellation) => directory.AskAsync(transaction => transaction.FindAsync<PlannedMove>($"SELECT {Columns} FROM moves WHERE move_id < '~' ORDER BY move_id DESC LIMIT 1"), cancellation);

    /// <summary>The latest first.</summary>
    public Task<IReadOnlyList<PlannedMove>> ListAsync(int most, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<PlannedMove>($"SELECT {Columns} FROM moves WHERE move_id < '~' ORDER BY move_id DESC LIMIT {most}"), cancellation);

    /// <summary>Changes a move's state, with what else that says, if it is still in one of these, and has its job look at it.</summary>
    /// <param name="id">The move.</param>
    /// <param name="from">Its states.</param>
    /// <param name="to">The state from then on.</param>
    /// <param name="more">What else is set.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <param name="checkAsync">Looks, in the same transaction, and throws if it may not be; no other move begins meanwhile.</param>
    public async Task<bool> ChangeAsync(string id, IReadOnlyList<string> from, string to, string more, CancellationToken cancellation, Func<DatabaseTransaction, Task>? checkAsync = null) => await directory.WriteAsync(async transaction =>
    {
        if (checkAsync is not null)
        {
            await DirectoryMoveTable.RefuseWhileRunningAsync(transaction);
            await checkAsync(transaction);
        }

        var changed = await transaction.ExecuteAsync($"UPDATE moves SET state = @to{more} WHERE move_id = @id AND state IN ({string.Join(", ", from.Select(state => $"'{state}'"))})", new { id, to, Now });
        await JobTable.EnqueueAsync(transaction, MoveJob.JobName, id, time);
        await transaction.ExecuteAsync("UPDATE jobs SET due_at = @now, failure = NULL WHERE kind = @kind AND subject = @id AND state = 'waiting'", new { kind = MoveJob.JobName, id, Now });
        return changed;
    }, cancellation) == 1;

    /// <summary>Ends what a job had to do, unless the operator decided otherwise meanwhile.</summary>
    public async Task<bool> EndAsync(PlannedMove move, string to, CancellationToken cancellation) => await directory.WriteAsync(transaction => transaction.ExecuteAsync(
        """
        UPDATE moves SET state = @to, is_back = CASE WHEN @to = 'reversible' THEN 0 ELSE is_back END, moved_at = CASE WHEN @to = 'reversible' THEN coalesce(moved_at, @now) ELSE moved_at END,
            ended_at = CASE WHEN @to = 'ended' THEN @now ELSE ended_at END
        WHERE move_id = @id AND state = @state AND is_back = @isBack
        """, new { move.Id, move.State, move.IsBack, to, Now }), cancellation) == 1;

    /// <summary>Has all moves looked at that have not ended: after a start, or where a node was killed just behind a decision.</summary>
    public Task<int> ContinueAsync(CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        foreach (var id in await transaction.QueryAsync<string>($"SELECT move_id FROM moves WHERE state NOT IN ('{MoveStates.Planned}', '{MoveStates.Ended}')"))
        {
            await JobTable.EnqueueAsync(transaction, MoveJob.JobName, id, time);
        }

        return 0;
    }, cancellation);

    /// <summary>Writes down that indexes are made in a store, before they are; or that they are gone.</summary>
    public Task SetIndexedAsync(string id, string stores, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE moves SET indexed = @stores WHERE move_id = @id", new { id, stores }), cancellation);

    /// <summary>Stores in which moves that have not ended made indexes.</summary>
    public async Task<IReadOnlySet<string>> IndexedAsync(string but, CancellationToken cancellation) => (await directory.AskAsync(transaction => transaction.QueryAsync<string>(
        $"SELECT indexed FROM moves WHERE move_id <> @but AND state <> '{MoveStates.Ended}'", new { but }), cancellation)).SelectMany(stores => stores.Split(',')).ToHashSet();

    public Task<IReadOnlyList<string>> SourcesAsync(string id, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<string>("SELECT DISTINCT source FROM move_accounts WHERE move_id = @id", new { id }), cancellation);

    /// <summary>Some accounts of a move in a state, behind one of them.</summary>
    public Task<IReadOnlyList<PlannedAccount>> AccountsAsync(string id, string state, byte[] after, int most, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<PlannedAccount>(
        $"SELECT account_id AS Id, source FROM move_accounts WHERE move_id = @id AND state = @state AND account_id > @after ORDER BY account_id LIMIT {most}", new { id, state, after }), cancellation);

    /// <summary>Says what became of an account.</summary>
    public Task KeepAsync(string id, AccountId account, string state, MoveWatch watch, string? failure, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        """
        UPDATE move_accounts SET tries = CASE WHEN state = @state THEN tries + 1 ELSE 0 END, moved_rows = moved_rows + @rows, freeze_us = CASE WHEN freeze_us > CAST(@freeze AS BIGINT) THEN freeze_us ELSE coalesce(CAST(@freeze AS BIGINT), freeze_us) END, failure = @failure, state = @state
        WHERE move_id = @id AND account_id = @account
        """, new { id, account = account.ToArray(), state, watch.Rows, freeze = (long?)watch.Freeze?.TotalMicroseconds, failure }), cancellation);

    /// <summary>How many accounts are in which state, and rows that were copied.</summary>
    public async Task<IReadOnlyDictionary<string, (long Accounts, long Rows)>> CountsAsync(string id, CancellationToken cancellation) => (await directory.AskAsync(transaction => transaction.QueryAsync<(string State, long Accounts, long Rows)>(
        "SELECT state, count(*), CAST(sum(moved_rows) AS BIGINT) FROM move_accounts WHERE move_id = @id GROUP BY state", new { id }), cancellation)).ToDictionary(row => row.State, row => (row.Accounts, row.Rows));

    /// <summary>How long writers waited at most, and 99 of 100, in microseconds; null if none did.</summary>
    public Task<(long? P99, long? Max)> FreezesAsync(string id, CancellationToken cancellation) => directory.ReadAsync(async transaction =>
    {
        var count = await transaction.FindAsync<long>("SELECT count(*) FROM move_accounts WHERE move_id = @id AND freeze_us IS NOT NULL", new { id });
        var slowest = await transaction.QueryAsync<long>("SELECT freeze_us FROM move_accounts WHERE move_id = @id AND freeze_us IS NOT NULL ORDER BY freeze_us DESC LIMIT @most", new { id, most = (count / 100) + 1 });
        return slowest.Count == 0 ? ((long?)null, (long?)null) : (slowest[^1], slowest[0]);
    }, cancellation);

    public Task<IReadOnlyList<(string Name, string State, long Tries, string Failure)>> TroublesAsync(string id, CancellationToken cancellation) => directory.ReadAsync(async transaction =>
        (IReadOnlyList<(string, string, long, string)>)[.. (await transaction.QueryAsync<(byte[] Id, string? Name, string State, long Tries, string Failure)>(
            """
            SELECT m.account_id, a.name, m.state, m.tries, m.failure FROM move_accounts m LEFT JOIN accounts a ON a.account_id = m.account_id
            WHERE m.move_id = @id AND m.failure IS NOT NULL AND m.state IN ('waiting', 'moved', 'left_out', 'retired') ORDER BY m.tries DESC LIMIT 20
            """, new { id })).Select(row => (row.Name ?? new AccountId(row.Id).ToString(), row.State, row.Tries, row.Failure))], cancellation);
}

/// <summary>A move of many accounts, as the directory has it.</summary>
internal sealed record PlannedMove
{
    public string Id { get; init; } = "";

    public string Target { get; init; } = "";

    public string State { get; init; } = "";

    public long IsBack { get; init; }

    public long Rate { get; init; }

    public long AtOnce { get; init; }

    public long KeepSeconds { get; init; }

    public long PlannedAt { get; init; }

    public long? StartedAt { get; init; }

    public long? MovedAt { get; init; }

    public long? EndedAt { get; init; }

    public long NotPlanned { get; init; }

    public string Indexed { get; init; } = "";

    public DateTimeOffset? WayBackUntil => MovedAt is { } at ? DateTimeOffset.FromUnixTimeSeconds(at + KeepSeconds) : null;
}

/// <summary>An account of a move, and the store that it lived in when that was planned.</summary>
internal sealed record PlannedAccount
{
    public byte[] Id { get; init; } = [];

    public string Source { get; init; } = "";
}
