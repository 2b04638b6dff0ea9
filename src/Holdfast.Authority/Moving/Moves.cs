using System.Text.Json;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Moving;

/// <summary>Moves of accounts that operators plan: looked at as a whole before the first is copied, then run as a job.</summary>
internal sealed class Moves(IDatabase directory, MoveTable table, StoreCheck check, LiveNodes nodes, JobTable jobs, TimeProvider time)
{
    private const int AtOnceDefault = 4;
    private const int AtOnceMax = 16;
    private const int NamesMax = 10_000;
    private const int Shown = 100;

    private static readonly TimeSpan _keepDefault = TimeSpan.FromDays(1);

    /// <summary>Who may move: nothing else is under way with them, and no other move that runs has them.</summary>
    private const string IsFree =
        $"move_state = 'none' AND state <> '{AccountState.Purging}' AND reconciling = 0 AND NOT EXISTS (SELECT 1 FROM move_accounts o JOIN moves v ON v.move_id = o.move_id WHERE o.account_id = accounts.account_id AND v.state NOT IN ('planned', 'ended'))";

    /// <summary>Looks whether a move can be done, and writes down what it is of, unless <see cref="PlanMove.IsDry"/>.</summary>
    public async Task<MoveStatus> PlanAsync(PlanMove asked, CancellationToken cancellation)
    {
        var (atOnce, keep) = (asked.AtOnce ?? AtOnceDefault, asked.KeepHours is { } hours ? TimeSpan.FromHours(hours) : _keepDefault);
        if (atOnce is < 1 or > AtOnceMax || asked.Rate is <= 0 || keep < TimeSpan.Zero || keep > TimeSpan.FromDays(365) || asked.Accounts?.Count > NamesMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A move is of 1 to {AtOnceMax} accounts at once, at a rate of at least one row a second, keeps the way back for no more than a year, and names no more than {NamesMax} accounts.");
        }

        check.StoreOf(asked.Target);
        var now = time.GetUtcNow();
        var id = Guid.CreateVersion7(now).ToString();
        var (accounts, sources, notPlanned) = await SelectAsync(asked, cancellation);
        if (accounts.Count == 0)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"There is no account to move to '{asked.Target}'{(notPlanned > 0 ? $": {notPlanned} are being moved already, deleted, or compared with the pod" : "")}.");
        }

        await CheckAsync(sources, asked.Target, cancellation);
        await check.CheckAbsentAsync(asked.Target, accounts.Keys.ToHashSet(), cancellation);
        var move = new PlannedMove
        {
            Id = asked.IsDry ? "" : id, Target = asked.Target, State = MoveStates.Planned, Rate = asked.Rate ?? 0, AtOnce = atOnce, KeepSeconds = (long)keep.TotalSeconds, PlannedAt = now.ToUnixTimeSeconds(), NotPlanned = notPlanned,
        };
        if (asked.IsDry)
        {
            return new MoveStatus("", move.Target, move.State, false, move.Rate, atOnce, move.PlannedAt, null, null, null, accounts.Count, accounts.Count, 0, 0, 0, 0, notPlanned, 0, null, null, null, null, [], null);
        }

        await directory.WriteAsync(async transaction =>
        {
            transaction.IsPatient = true;
            await transaction.ExecuteAsync(
                """
                INSERT INTO moves (move_id, target, state, is_back, rate, at_once, keep_seconds, planned_at, not_planned) VALUES (@id, @target, @state, 0, @rate, @atOnce, @keepSeconds, @plannedAt, @notPlanned)
                """, new { move.Id, move.Target, move.State, move.Rate, move.AtOnce, move.KeepSeconds, move.PlannedAt, move.NotPlanned });
            foreach (var piece in accounts.Chunk(SqlParameters.ListMax))
            {
                await transaction.ExecuteEachAsync("INSERT INTO move_accounts (move_id, account_id, source, epoch, state) VALUES (@id, @account, @source, @epoch, 'waiting')",
                    [.. piece.Select(account => (object)new { id, account = account.Key.ToArray(), source = account.Value.Home, epoch = account.Value.Epoch })]);
            }

            return 0;
        }, cancellation);
        return await StatusAsync(move, cancellation);
    }

    /// <summary>Starts a plan, if everything is still as it was when it was made.</summary>
    public async Task<MoveStatus> StartAsync(string asked, CancellationToken cancellation)
    {
        var move = await FindAsync(asked, cancellation);
        var id = move.Id;
        if (move.State != MoveStates.Planned)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"The move {id} is {move.State}, and was started before.");
        }

        await CheckAsync(await table.SourcesAsync(id, cancellation), move.Target, cancellation);
        return await ChangeAsync(id, [MoveStates.Planned], MoveStates.Running, ", started_at = @now", "is not planned any more", cancellation, async transaction =>
        {
            transaction.IsPatient = true;
            var stale = await transaction.FindAsync<long>(
                $"SELECT count(*) FROM move_accounts m WHERE m.move_id = @id AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.account_id = m.account_id AND home = m.source AND accounts.epoch = m.epoch AND {IsFree})", new { id });
            if (stale > 0)
            {
                throw new HoldfastException(FailureTable.MoveRefused, $"The plan is stale: {stale} of its accounts moved, were deleted, or began to since it was made.");
            }
        });
    }

    /// <summary>Begins no other account; what is being copied goes on from there later.</summary>
    public Task<MoveStatus> PauseAsync(string id, CancellationToken cancellation) => ChangeAsync(id, [MoveStates.Running], MoveStates.Paused, "", "does not run", cancellation);

    public Task<MoveStatus> ResumeAsync(string id, CancellationToken cancellation) => ChangeAsync(id, [MoveStates.Paused], MoveStates.Running, "", "is not paused", cancellation);

    /// <summary>Moves no other account, there or back; those that have moved stay where they are, and may go back.</summary>
    public async Task<MoveStatus> AbortAsync(string id, CancellationToken cancellation) => (await FindAsync(id, cancellation)).State == MoveStates.Planned
        ? await ChangeAsync(id, [MoveStates.Planned], MoveStates.Ended, ", ended_at = @now", "was started just now: give it up again", cancellation)
        : await ChangeAsync(id, [MoveStates.Running, MoveStates.Paused], MoveStates.Aborting, "", "cannot be given up any more", cancellation);

    /// <summary>Moves all accounts back that have moved, while there is a way.</summary>
    public Task<MoveStatus> ReverseAsync(string id, CancellationToken cancellation) =>
        ChangeAsync(id, [MoveStates.Running, MoveStates.Paused, MoveStates.Reversible], MoveStates.Running, ", is_back = 1", "has no way back any more", cancellation);

    /// <summary>Has all moves looked at that have not ended.</summary>
    public Task ContinueAsync(CancellationToken cancellation) => table.ContinueAsync(cancellation);

    /// <summary>How far a move is; the latest, if no id is given.</summary>
    public async Task<MoveStatus> StatusAsync(string id, CancellationToken cancellation) => await StatusAsync(await FindAsync(id, cancellation), cancellation);

    /// <summary>Moves, the latest first.</summary>
    public async Task<MoveList> ListAsync(CancellationToken cancellation)
    {
        var all = new List<MoveStatus>();
        foreach (var move in await table.ListAsync(Shown, cancellation))
        {
            all.Add(await StatusAsync(move, cancellation));
        }

        return new MoveList(all);
    }

    /// <summary>Fails unless all stores, and all nodes, can go along.</summary>
    private async Task CheckAsync(IReadOnlyList<string> sources, string target, CancellationToken cancellation)
    {
        foreach (var source in sources)
        {
            await check.CheckAsync(source, target, cancellation);
        }

        if (await nodes.UnableAsync(facts => facts.Stores.Contains(target), cancellation) is { Count: > 0 } unable)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"Nodes could not serve accounts in '{target}', because they are of another version, or their configuration does not name it: {string.Join(", ", unable)}. (One that was killed is forgotten after a minute.)");
        }
    }

    /// <summary>Accounts that may move, by id; where they live; and how many may not.</summary>
    private Task<(Dictionary<AccountId, (string Home, long Epoch)> Accounts, IReadOnlyList<string> Sources, long NotPlanned)> SelectAsync(PlanMove asked, CancellationToken cancellation) => directory.ReadAsync(async transaction =>
    {
        transaction.IsPatient = true;
        var (accounts, notPlanned) = (new Dictionary<AccountId, (string Home, long Epoch)>(), 0L);
        const string Found = $"SELECT account_id, home, epoch, CASE WHEN {IsFree} THEN 1 ELSE 0 END FROM accounts WHERE home <> @target AND (@source = '' OR home = @source)";
        foreach (var name in asked.Accounts ?? [""])
        {
            var rows = await transaction.QueryAsync<(byte[] Id, string Home, long Epoch, long IsFree)>(asked.Accounts is null ? Found : $"{Found} AND name = @name", new { asked.Target, source = asked.Source ?? "", name });
            if (asked.Accounts is not null && rows.Count == 0)
            {
                throw new HoldfastException(FailureTable.NotFound, $"There is no account '{name}'{(asked.Source is null ? "" : $" in '{asked.Source}'")} that does not live in '{asked.Target}' already.");
            }

            foreach (var row in rows)
            {
                if (row.IsFree == 1)
                {
                    accounts[new AccountId(row.Id)] = (row.Home, row.Epoch);
                }
                else
                {
                    notPlanned++;
                }
            }
        }

        return (accounts, (IReadOnlyList<string>)[.. accounts.Values.Select(place => place.Home).Distinct()], notPlanned);
    }, cancellation);

    private async Task<MoveStatus> ChangeAsync(string asked, IReadOnlyList<string> from, string to, string more, string otherwise, CancellationToken cancellation, Func<DatabaseTransaction, Task>? checkAsync = null)
    {
        var id = (await FindAsync(asked, cancellation)).Id;
        if (!await table.ChangeAsync(id, from, to, more, cancellation, checkAsync ?? (to == MoveStates.Running ? _ => Task.CompletedTask : null)))
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"The move {id} is {(await FindAsync(id, cancellation)).State}: it {otherwise}.");
        }

        return await StatusAsync(id, cancellation);
    }

    private async Task<PlannedMove> FindAsync(string id, CancellationToken cancellation) =>
        (id == "latest" ? await table.FindLatestAsync(cancellation) : await table.FindAsync(id, cancellation))
        ?? throw new HoldfastException(FailureTable.NotFound, id == "latest" ? "No move was planned yet." : $"There is no move {id}.");

    private async Task<MoveStatus> StatusAsync(PlannedMove move, CancellationToken cancellation)
    {
        var (counts, job) = (await table.CountsAsync(move.Id, cancellation), await jobs.FindLatestAsync(MoveJob.JobName, cancellation, move.Id));
        var (freezes, progress) = (await table.FreezesAsync(move.Id, cancellation), job?.Progress is { } text ? JsonSerializer.Deserialize(text, MovingJson.Default.MoveProgress) : null);
        long Count(string state) => counts.GetValueOrDefault(state).Accounts;
        return new MoveStatus(move.Id, move.Target, move.State, move.IsBack != 0, move.Rate, (int)move.AtOnce, move.PlannedAt, move.StartedAt, move.State == MoveStates.Reversible ? move.WayBackUntil?.ToUnixTimeSeconds() : null, move.EndedAt,
            counts.Values.Sum(count => count.Accounts), Count(MovedStates.Waiting), Count(MovedStates.Moved), Count(MovedStates.Returned), Count(MovedStates.Retired), Count(MovedStates.LeftOut), move.NotPlanned, counts.Values.Sum(count => count.Rows),
            move.State == MoveStates.Running ? progress?.RowsPerSecond : null, move.State == MoveStates.Running ? progress?.SecondsLeft : null, freezes.P99 / 1000.0, freezes.Max / 1000.0,
            [.. (await table.TroublesAsync(move.Id, cancellation)).Select(trouble => new MoveTrouble(trouble.Name, trouble.State, trouble.Tries, trouble.Failure))], job?.EndedAt is null ? job?.Failure : null);
    }
}
