using System.Text.Json;
using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Moving;

/// <summary>
/// Moves the accounts of a plan, some at a time: unsettled ones of anybody first, then indexes, then one account after the other; what fails is tried again behind the others. Killed anywhere, another node goes on. Once all have moved it
/// waits until the way back is over, then deletes what the former stores have.
/// </summary>
internal sealed class MoveJob(MoveTable table, Movers movers, StoreCheck check, Actuals actuals, TimeProvider time) : IJobKind
{
    public const string JobName = "move";

    private const int AccountsAtOnce = 200;

    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _triesAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _waitsMost = TimeSpan.FromHours(12);

    public string Name => JobName;

    public bool IsLong => true;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await table.FindAsync(lease.Job.Subject, cancellation) is not { } move)
        {
            return null;
        }

        await movers.SettleUnsettledAsync(cancellation);
        switch (move.State)
        {
            case MoveStates.Running:
                return await RunAsync(lease, move, move.IsBack == 0 ? MovedStates.Waiting : MovedStates.Moved, cancellation);
            case MoveStates.Aborting:
                return await RunAsync(lease, move, MovedStates.Waiting, cancellation);
            case MoveStates.Reversible when move.WayBackUntil > time.GetUtcNow():
                // Looked at now and then: a clock may leap.
                return move.WayBackUntil < time.GetUtcNow() + _waitsMost ? move.WayBackUntil : time.GetUtcNow() + _waitsMost;
            case MoveStates.Reversible:
                return await RunAsync(lease, move, MovedStates.Moved, cancellation);
            default:
                return null;
        }
    }

    private async Task<DateTimeOffset?> RunAsync(JobLease lease, PlannedMove move, string from, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var run = new Run(move, from, time);
        var watching = WatchAsync(lease, run, stop);
        try
        {
            await MakeIndexesAsync(move, stop.Token);
            while (!stop.IsCancellationRequested)
            {
                var accounts = await table.AccountsAsync(move.Id, from, AccountsAtOnce, stop.Token);
                if (accounts.Count == 0)
                {
                    return await EndAsync(lease, run, cancellation);
                }

                var before = run.Done;
                await Parallel.ForEachAsync(accounts, new ParallelOptions { MaxDegreeOfParallelism = (int)move.AtOnce, CancellationToken = stop.Token }, (account, token) => StepAsync(run, account, token));
                if (run.Done == before)
                {
                    // Nobody got on: what they have against it is in their rows.
                    await Task.Delay(_triesAgain, time, stop.Token);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            // The operator decided otherwise.
        }
        finally
        {
            await stop.CancelAsync();
            await watching;
        }

        return time.GetUtcNow();
    }

    private async ValueTask StepAsync(Run run, PlannedAccount planned, CancellationToken cancellation)
    {
        var (account, watch, to, failure) = (new AccountId(planned.Id), new MoveWatch(run.WaitAsync), run.From, (string?)null);
        try
        {
            (to, failure) = await DoAsync(run, planned, account, watch, cancellation);
        }
        catch (HoldfastException exception)
        {
            failure = exception.Message;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            failure = "Writers would have waited for longer than they may: it was given up, and is tried again.";
        }

        await table.KeepAsync(run.Move.Id, account, to, watch, failure, cancellation);
        run.Did(watch.Rows, to != run.From);
    }

    private async Task<(string State, string? Failure)> DoAsync(Run run, PlannedAccount planned, AccountId account, MoveWatch watch, CancellationToken cancellation)
    {
        MoveRow row;
        try
        {
            row = await movers.Ledger.ReadAsync(account, cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.NotFound)
        {
            return (MovedStates.LeftOut, exception.Message);
        }

        var mover = movers.New();
        switch (run.Move.State)
        {
            case MoveStates.Aborting:
                if (row.State == MoveState.Copying && row.Other == run.Move.Target)
                {
                    await mover.AbortAsync(account, cancellation);
                }

                row = await movers.Ledger.ReadAsync(account, cancellation);
                return (row.Home == run.Move.Target ? MovedStates.Moved : MovedStates.LeftOut, null);
            case MoveStates.Reversible:
                await mover.RetireAsync(account, cancellation);
                return (await movers.Ledger.ReadAsync(account, cancellation)).State == MoveState.Reverse ? (run.From, "It could not be retired yet.") : (MovedStates.Retired, null);
            case MoveStates.Running when run.Move.IsBack != 0:
                var back = row.Home == planned.Source ? MoveOutcome.Moved : row is { State: MoveState.Copying } && row.Other == planned.Source
                    ? await mover.MoveAsync(account, planned.Source, watch, cancellation) : await mover.ReverseAsync(account, watch, cancellation);
                if (back == MoveOutcome.Moved)
                {
                    // The way there and back is over: nobody asks for it a third time.
                    await movers.SettleAsync(account, cancellation);
                    return (MovedStates.Returned, null);
                }

                return back == MoveOutcome.GivenUp ? (MovedStates.Retired, $"It stays where it is: {watch.Reason}") : (run.From, "Another mover works on it.");
            default:
                return await mover.MoveAsync(account, run.Move.Target, watch, cancellation) switch
                {
                    MoveOutcome.Moved => (MovedStates.Moved, null),
                    MoveOutcome.GivenUp => (run.From, watch.Reason ?? "It was given up."),
                    _ => (run.From, "Another mover works on it."),
                };
        }
    }

    /// <summary>Says how far it is, and hears whether the operator decided otherwise.</summary>
    private async Task WatchAsync(JobLease lease, Run run, CancellationTokenSource stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_looksEvery, time, stop.Token);
                try
                {
                    if (await table.FindAsync(run.Move.Id, stop.Token) is not { } now || (now.State, now.IsBack) != (run.Move.State, run.Move.IsBack))
                    {
                        break;
                    }

                    var left = (await table.CountsAsync(run.Move.Id, stop.Token)).GetValueOrDefault(run.From).Accounts;
                    await lease.SaveAsync(JsonSerializer.Serialize(run.Progress(left), MovingJson.Default.MoveProgress), stop.Token);
                }
                catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable)
                {
                    // The next look is in a second; the lease decides how long that may go on.
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return;
        }
        catch (LeaseLostException)
        {
            // Another node has it: what is under way here is stopped, and would change nothing.
        }

        await stop.CancelAsync();
    }

    private async Task MakeIndexesAsync(PlannedMove move, CancellationToken cancellation)
    {
        if (move.State != MoveStates.Running)
        {
            return;
        }

        List<string> stores = [.. await table.SourcesAsync(move.Id, cancellation), move.Target];
        await table.SetIndexedAsync(move.Id, string.Join(',', stores), cancellation);
        foreach (var store in stores)
        {
            await VersionIndexes.MakeAsync(check.StoreOf(store), cancellation);
        }
    }

    private async Task<DateTimeOffset?> EndAsync(JobLease lease, Run run, CancellationToken cancellation)
    {
        var move = run.Move;
        if (move.State is MoveStates.Running && run.Rows > 0)
        {
            await actuals.KeepAsync(lease.Job.Id + (move.IsBack == 0 ? "" : "-back"), new Actual("move", $"{string.Join('+', await table.SourcesAsync(move.Id, cancellation))} to {move.Target}{(move.IsBack == 0 ? "" : " and back")}", time.GetUtcNow().ToUnixTimeSeconds(),
                run.Rows, run.Done, (long)run.Worked.TotalMilliseconds, (int)move.AtOnce, check.StoreOf(move.Target) is PostgresDatabase ? "PostgreSQL" : "SQLite"), cancellation);
        }

        var isReversible = move.State != MoveStates.Reversible && move.IsBack == 0 && (await table.CountsAsync(move.Id, cancellation)).ContainsKey(MovedStates.Moved);
        if (isReversible)
        {
            await table.ChangeAsync(move.Id, [move.State], MoveStates.Reversible, ", moved_at = coalesce(moved_at, @now)", cancellation);
            return time.GetUtcNow();
        }

        // What the former stores had of keys is gone from their disks, as far as engines can; and what was made for the move.
        var others = await table.IndexedAsync(move.Id, cancellation);
        foreach (var store in move.Indexed.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            await check.StoreOf(store).ForgetDeletedAsync(["keyrings"], cancellation);
            if (!others.Contains(store))
            {
                await VersionIndexes.DropAsync(check.StoreOf(store), cancellation);
            }
        }

        await table.ChangeAsync(move.Id, [move.State], MoveStates.Ended, ", ended_at = @now", cancellation);
        return null;
    }

    /// <summary>What this run of the job did so far.</summary>
    private sealed class Run(PlannedMove move, string from, TimeProvider time)
    {
        private readonly long _began = time.GetTimestamp();
        private readonly TokenBucket? _pace = move.Rate > 0 ? new TokenBucket(move.Rate, move.Rate, time) : null;
        private readonly Lock _lock = new();

        public PlannedMove Move { get; } = move;

        /// <summary>Accounts in this state are worked on.</summary>
        public string From { get; } = from;

        public long Rows { get; private set; }

        public long Done { get; private set; }

        public TimeSpan Worked => time.GetElapsedTime(_began);

        public void Did(long rows, bool isDone)
        {
            lock (_lock)
            {
                (Rows, Done) = (Rows + rows, Done + (isDone ? 1 : 0));
            }
        }

        public Task WaitAsync(int rows, CancellationToken cancellation)
        {
            lock (_lock)
            {
                return _pace?.Take(rows) is { } wait && wait > TimeSpan.Zero ? Task.Delay(wait, time, cancellation) : Task.CompletedTask;
            }
        }

        public MoveProgress Progress(long left) => new(Rows / Math.Max(0.001, Worked.TotalSeconds), Done > 0 ? (long)(left * Worked.TotalSeconds / Done) : null);
    }
}
