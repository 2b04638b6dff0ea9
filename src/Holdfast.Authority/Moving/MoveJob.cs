using System.Runtime.CompilerServices;
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
/// Moves the accounts of a plan, some at a time: unsettled ones of anybody first, then one account after the other, with indexes that are made meanwhile; what fails is tried again in a while. Killed anywhere, another node goes on. Once all have moved it
/// waits until the way back is over, then deletes what the former stores have.
/// </summary>
internal sealed class MoveJob(MoveTable table, Movers movers, StoreCheck check, Actuals actuals, TimeProvider time) : IJobKind
{
    public const string JobName = "move";

    private const int AccountsAtOnce = 200;

    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _triesAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _waitsMost = TimeSpan.FromMinutes(1);

    public string Name => JobName;

    public bool IsLong => true;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        await movers.SettleUnsettledAsync(cancellation);
        if (await table.FindAsync(lease.Job.Subject, cancellation) is not { } move)
        {
            return null;
        }

        switch (move.State)
        {
            case MoveStates.Running when move.IsBack == 0:
                return await RunAsync(lease, move, [(MovedStates.Waiting, MoveAsync)], cancellation);
            case MoveStates.Running:
                return await RunAsync(lease, move, [(MovedStates.Waiting, GiveUpAsync), (MovedStates.Moved, ReturnAsync)], cancellation);
            case MoveStates.Aborting:
                return await RunAsync(lease, move, [(MovedStates.Waiting, GiveUpAsync), (MovedStates.Moved, StayAsync)], cancellation);
            case MoveStates.Reversible when move.WayBackUntil <= time.GetUtcNow():
                return await RunAsync(lease, move, [(MovedStates.Moved, RetireAsync)], cancellation);
            case MoveStates.Reversible or MoveStates.Paused:
                // Looked at now and then: a clock may leap, and a word that came just now was not heard.
                return time.GetUtcNow() + _waitsMost;
            default:
                return null;
        }
    }

    private async Task<DateTimeOffset?> RunAsync(JobLease lease, PlannedMove move, IReadOnlyList<(string From, AccountStep Step)> steps, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var run = new Run(move, steps[^1].From, time);
        var watching = WatchAsync(lease, run, stop);
        run.Indexes = MakeIndexesAsync(move, stop.Token);
        try
        {
            foreach (var (from, step) in steps)
            {
                await Parallel.ForEachAsync(AccountsAsync(run, from, stop.Token), new ParallelOptions { MaxDegreeOfParallelism = (int)move.AtOnce, CancellationToken = stop.Token }, (account, token) => StepAsync(run, from, account, step, token));
            }

            await run.Indexes;

            // What they have against it is in their rows; others may have this node's time meanwhile.
            return run.Failed > 0 ? time.GetUtcNow() + _triesAgain : await EndAsync(lease, run, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            // The operator decided otherwise.
            return time.GetUtcNow();
        }
        finally
        {
            await stop.CancelAsync();
            await run.Indexes.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await watching;
        }
    }

    /// <summary>All that are in a state, one after the other, as they are when their turn comes near: a large one keeps no others waiting.</summary>
    private async IAsyncEnumerable<PlannedAccount> AccountsAsync(Run run, string state, [EnumeratorCancellation] CancellationToken cancellation)
    {
        byte[] last = [];
        for (var accounts = await NextAsync(); accounts.Count > 0; accounts = await NextAsync())
        {
            foreach (var account in accounts)
            {
                // Without indexes each would be copied, and no more.
                await (run.Indexes.IsFaulted ? run.Indexes : Task.CompletedTask);
                yield return account;
            }

            last = accounts[^1].Id;
        }

        Task<IReadOnlyList<PlannedAccount>> NextAsync() => table.AccountsAsync(run.Move.Id, state, last, AccountsAtOnce, cancellation);
    }

    private async ValueTask StepAsync(Run run, string from, PlannedAccount planned, AccountStep step, CancellationToken cancellation)
    {
        var (account, watch, to, failure) = (new AccountId(planned.Id), new MoveWatch(run.WaitAsync) { Ready = run.Indexes }, from, (string?)null);
        var isDone = false;
        try
        {
            (to, failure, isDone) = await DoAsync(step, run.Move, planned, account, watch, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested || run.Indexes.IsCanceled)
        {
            failure = "It was stopped, and goes on later.";
        }
        catch (OperationCanceledException)
        {
            failure = "Writers would have waited for longer than they may: it was given up, and is tried again.";
        }
#pragma warning disable CA1031 // Whatever one account has: its row says it, and the others go on.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception.Message;
        }

        // Also if it was stopped: what became of it is so.
        await table.KeepAsync(run.Move.Id, account, to, watch, failure, CancellationToken.None);
        run.Did(watch.Rows, isDone);

        // The next one does not begin before this one's rows have taken their time.
        await watch.PaceAsync(cancellation);
    }

    private async Task<(string State, string? Failure, bool IsDone)> DoAsync(AccountStep step, PlannedMove move, PlannedAccount planned, AccountId account, MoveWatch watch, CancellationToken cancellation)
    {
        try
        {
            return await step(move, planned, account, await movers.Ledger.ReadAsync(account, cancellation), watch, cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.NotFound)
        {
            return (MovedStates.LeftOut, exception.Message, true);
        }
    }

    private async Task<(string, string?, bool)> MoveAsync(PlannedMove move, PlannedAccount planned, AccountId account, MoveRow row, MoveWatch watch, CancellationToken cancellation) => await movers.New().MoveAsync(account, move.Target, watch, cancellation) switch
    {
        MoveOutcome.Moved => (MovedStates.Moved, null, true),
        MoveOutcome.GivenUp => (MovedStates.Waiting, watch.Reason ?? "It was given up.", false),
        _ => (MovedStates.Waiting, "Another mover works on it.", false),
    };

    private async Task<(string, string?, bool)> GiveUpAsync(PlannedMove move, PlannedAccount planned, AccountId account, MoveRow row, MoveWatch watch, CancellationToken cancellation)
    {
        if (row.Home == planned.Source && row.Other == move.Target)
        {
            await movers.New().AbortAsync(account, cancellation);
            row = await movers.Ledger.ReadAsync(account, cancellation);
        }

        return row.State is not (MoveState.None or MoveState.Reverse) ? (MovedStates.Waiting, "It is given up later.", false) : (row.Home == move.Target ? MovedStates.Moved : MovedStates.LeftOut, null, true);
    }

    private async Task<(string, string?, bool)> ReturnAsync(PlannedMove move, PlannedAccount planned, AccountId account, MoveRow row, MoveWatch watch, CancellationToken cancellation)
    {
        if (row.Home == planned.Source)
        {
            // The way there and back is over: nobody asks for it a third time.
            await movers.SettleAsync(account, cancellation);
            return (MovedStates.Returned, null, true);
        }

        if (row.Home != move.Target)
        {
            return (MovedStates.Retired, $"It lives in '{row.Home}' by now.", true);
        }

        // Where a try was given up the former rows are gone: all is copied then.
        var outcome = row.State == MoveState.Reverse ? await movers.New().ReverseAsync(account, watch, cancellation) : await movers.New().MoveAsync(account, planned.Source, watch, cancellation);
        if (outcome != MoveOutcome.Moved)
        {
            return (MovedStates.Moved, watch.Reason ?? "Another mover works on it.", false);
        }

        await movers.SettleAsync(account, cancellation);
        return (MovedStates.Returned, null, true);
    }

    /// <summary>One that has moved stays; if it was on its way back already there is none any more.</summary>
    private async Task<(string, string?, bool)> StayAsync(PlannedMove move, PlannedAccount planned, AccountId account, MoveRow row, MoveWatch watch, CancellationToken cancellation)
    {
        if (row.Home == planned.Source)
        {
            await movers.SettleAsync(account, cancellation);
            return (MovedStates.Returned, null, true);
        }

        if (row.State == MoveState.Copying && row.Other == planned.Source)
        {
            await movers.New().AbortAsync(account, cancellation);
            row = await movers.Ledger.ReadAsync(account, cancellation);
        }

        return row.State == MoveState.Reverse ? (MovedStates.Moved, null, true) : row.State == MoveState.None ? (MovedStates.Retired, null, true) : (MovedStates.Moved, "It is looked at later.", false);
    }

    /// <summary>Only its own way back: another move may have the account by now.</summary>
    private async Task<(string, string?, bool)> RetireAsync(PlannedMove move, PlannedAccount planned, AccountId account, MoveRow row, MoveWatch watch, CancellationToken cancellation)
    {
        if (row.Home != move.Target || row.Other != planned.Source)
        {
            return (MovedStates.Retired, null, true);
        }

        if (row.State is not (MoveState.Reverse or MoveState.Retiring))
        {
            return (MovedStates.Moved, "It is looked at later.", false);
        }

        await movers.SettleAsync(account, cancellation);
        return (MovedStates.Retired, null, true);
    }

    /// <summary>Says how far it is, and hears whether the operator decided otherwise.</summary>
    private async Task WatchAsync(JobLease lease, Run run, CancellationTokenSource stop)
    {
        var done = 0L;
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
                    var progress = JsonSerializer.Serialize(run.Progress(left), MovingJson.Default.MoveProgress);
                    await (run.Done + run.Rows > done ? lease.SaveAsync(progress, stop.Token) : lease.ShowAsync(progress, stop.Token));
                    done = run.Done + run.Rows;
                }
#pragma warning disable CA1031 // Whatever the directory says: the next look is in a second; the lease decides how long that may go on.
                catch (Exception exception) when (exception is not (OperationCanceledException or LeaseLostException))
#pragma warning restore CA1031
                {
                    // An operator's word is heard then.
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
        await Task.WhenAll(stores.Select(store => VersionIndexes.MakeAsync(check.StoreOf(store), cancellation)));
    }

    private async Task<DateTimeOffset?> EndAsync(JobLease lease, Run run, CancellationToken cancellation)
    {
        var move = run.Move;
        // What was held back says nothing of how fast it can go.
        if (move.State is MoveStates.Running && run.Rows > 0 && move.Rate == 0)
        {
            await actuals.KeepAsync(lease.Job.Id + (move.IsBack == 0 ? "" : "-back"), new Actual("move", $"{string.Join('+', await table.SourcesAsync(move.Id, cancellation))} to {move.Target}{(move.IsBack == 0 ? "" : " and back")}", time.GetUtcNow().ToUnixTimeSeconds(),
                run.Rows, run.Done, (long)run.Worked.TotalMilliseconds, (int)move.AtOnce, check.StoreOf(move.Target) is PostgresDatabase ? "PostgreSQL" : "SQLite"), cancellation);
        }

        var isReversible = (move.State == MoveStates.Aborting || (move.State == MoveStates.Running && move.IsBack == 0)) && (await table.CountsAsync(move.Id, cancellation)).ContainsKey(MovedStates.Moved);
        if (!isReversible)
        {
            await ForgetAsync(move, cancellation);
        }

        return await table.EndAsync(move, isReversible ? MoveStates.Reversible : MoveStates.Ended, cancellation) && !isReversible ? null : time.GetUtcNow();
    }

    /// <summary>What the former stores had of keys is gone from their disks, as far as engines can; and what was made for the move.</summary>
    private async Task ForgetAsync(PlannedMove move, CancellationToken cancellation)
    {
        foreach (var store in (await table.FindAsync(move.Id, cancellation))?.Indexed.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            await check.StoreOf(store).ForgetDeletedAsync(["keyrings"], cancellation);
            await VersionIndexes.DropAsync(check.StoreOf(store), async () => (await table.IndexedAsync(move.Id, cancellation)).Contains(store), cancellation);
        }
    }

    /// <summary>What is done with one account; its state from then on, what it has against it, and whether that is all.</summary>
    private delegate Task<(string State, string? Failure, bool IsDone)> AccountStep(PlannedMove move, PlannedAccount planned, AccountId account, MoveRow row, MoveWatch watch, CancellationToken cancellation);

    /// <summary>What this run of the job did so far.</summary>
    private sealed class Run(PlannedMove move, string from, TimeProvider time)
    {
        private readonly long _began = time.GetTimestamp();
        private readonly TokenBucket? _pace = move.Rate > 0 ? new TokenBucket(move.Rate, move.Rate, time) : null;
        private readonly Lock _lock = new();

        public PlannedMove Move { get; } = move;

        /// <summary>What is made while the first rows are copied.</summary>
        public Task Indexes { get; set; } = Task.CompletedTask;

        /// <summary>Accounts in this state are what is left to do.</summary>
        public string From { get; } = from;

        public long Rows { get; private set; }

        public long Done { get; private set; }

        /// <summary>Accounts that are to be tried again.</summary>
        public long Failed { get; private set; }

        public TimeSpan Worked => time.GetElapsedTime(_began);

        public void Did(long rows, bool isDone)
        {
            lock (_lock)
            {
                (Rows, Done, Failed) = (Rows + rows, Done + (isDone ? 1 : 0), Failed + (isDone ? 0 : 1));
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
