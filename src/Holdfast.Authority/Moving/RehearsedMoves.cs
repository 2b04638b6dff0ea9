using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Measuring;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Moving;

/// <summary>
/// Moves a sample of real accounts by the engine that would move all of them, into a scratch store beside the target: copied, compared, sealed, digested. Nobody's account is touched, and nothing is left. Between pieces it rests
/// as long as it worked.
/// </summary>
/// <param name="directory">The directory.</param>
/// <param name="check">The stores.</param>
/// <param name="sources">Where the stores are, by name.</param>
/// <param name="random">From where accounts are taken.</param>
/// <param name="time">The clock.</param>
internal sealed class RehearsedMoves(IDatabase directory, StoreCheck check, IReadOnlyDictionary<string, string> sources, Func<byte[]> random, TimeProvider time)
{
    private const int AccountsMost = 200;
    private const long RowsMost = 200_000;

    private static readonly TimeSpan _worksMost = TimeSpan.FromSeconds(30);

    /// <summary>Moves some accounts of one store, or of all others, to a scratch store beside the target.</summary>
    /// <returns>What that came to; null if there is no account to try it with.</returns>
    public async Task<Measured?> RunAsync(string target, string? source, int atOnce, CancellationToken cancellation)
    {
        await ScratchStore.RemoveLeftAsync(sources[target], check.StoreOf(target), cancellation);
        var accounts = await SampleAsync(target, source, cancellation);
        if (accounts.Count == 0)
        {
            return null;
        }

        await using var scratch = await ScratchStore.OpenAsync(sources[target], check.StoreOf(target), cancellation);
        await VersionIndexes.MakeAsync(scratch.Database, cancellation);
        var turns = new MoveTurns(Environment.ProcessorCount, time);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (gate, rows, moved, worked, lastFailure) = (new Lock(), 0L, 0, TimeSpan.Zero, (string?)null);
        var threads = Math.Min(atOnce, accounts.Count);
        try
        {
            await Parallel.ForEachAsync(accounts, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = enough.Token }, async (account, token) =>
            {
                var (since, failure) = (time.GetTimestamp(), (string?)null);
                var watch = new MoveWatch(RestAsync);
                try
                {
                    failure = await MoveAsync(account.Id, account.Home, target, scratch.Database, turns, watch, token) == MoveOutcome.Moved ? null : watch.Reason ?? "It was given up.";
                    await watch.PaceAsync(token);
                }
                catch (OperationCanceledException) when (!enough.IsCancellationRequested)
                {
                    failure = "Its writers would have waited for longer than they may.";
                }
                catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
                {
                    failure = "It is larger than the sample.";
                }
#pragma warning disable CA1031 // Whatever one account has: the others are tried.
                catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
                {
                    failure = exception.Message;
                }

                lock (gate)
                {
                    (moved, lastFailure) = (moved + (failure is null ? 1 : 0), failure ?? lastFailure);
                }

                // Customers have the other half of the time; what was done counts even of an account that is larger than the sample.
                async Task RestAsync(int copied, CancellationToken rest)
                {
                    var took = time.GetElapsedTime(since);
                    lock (gate)
                    {
                        (rows, worked) = (rows + copied, worked + took);
                        if (rows >= RowsMost || worked >= _worksMost * threads)
                        {
                            enough.Cancel();
                        }
                    }

                    await Task.Delay(took, time, rest);
                    since = time.GetTimestamp();
                }
            });
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // It is enough.
        }

        return rows == 0 ? throw new HoldfastException(FailureTable.MoveRefused, $"Nothing of the sample could be moved: {lastFailure}")
            : new Measured(rows, worked / threads, threads, $"{string.Join('+', accounts.Select(account => account.Home).Distinct().Order(StringComparer.Ordinal))} to {target}", $"{moved} accounts, {rows} rows, beside '{target}'");
    }

    private Task<MoveOutcome> MoveAsync(AccountId account, string home, string target, IDatabase scratch, MoveTurns turns, MoveWatch watch, CancellationToken cancellation)
    {
        var ledger = new RehearsedLedger(new MoveRow(home, 1, MoveState.None, null, 0, null));
        var sides = new Dictionary<string, IMoveSide> { [home] = new RehearsedSource(new AccountSide(check.StoreOf(home))), [target] = new AccountSide(scratch) };
        return new Mover(ledger, sides, $"rehearsal:{Guid.NewGuid():N}", MoverSettings.Default, time, turns).MoveAsync(account, target, watch, cancellation);
    }

    /// <summary>The file that a store is; null if it is a server's, or not known.</summary>
    public string? FileOf(string store) => sources.TryGetValue(store, out var source) ? ScratchStore.FileOf(source) : null;

    /// <summary>Accounts one after the other, from a random one on; of all that are not being moved.</summary>
    private async Task<IReadOnlyList<(AccountId Id, string Home)>> SampleAsync(string target, string? source, CancellationToken cancellation)
    {
        var from = random();
        const string Where = "home <> @target AND (@source = '' OR home = @source) AND move_state = 'none' AND reconciling = 0";
        return await directory.ReadAsync(async transaction =>
        {
            var some = new List<(byte[] Id, string Home)>();
            foreach (var side in (string[])[">=", "<"])
            {
                some.AddRange(await transaction.QueryAsync<(byte[], string)>($"SELECT account_id, home FROM accounts WHERE account_id {side} @from AND {Where} ORDER BY account_id LIMIT {AccountsMost}", new { from, target, source = source ?? "" }));
            }

            return (IReadOnlyList<(AccountId, string)>)[.. some.Take(AccountsMost).Select(row => (new AccountId(row.Id), row.Home))];
        }, cancellation);
    }
}
