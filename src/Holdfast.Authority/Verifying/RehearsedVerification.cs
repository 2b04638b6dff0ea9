using System.Runtime.CompilerServices;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Verifying;

/// <summary>Has the pod read some objects of some accounts and compare every hash in them, as a verification has it with all. Between objects it rests as long as it worked.</summary>
internal sealed class RehearsedVerification(IDatabase directory, AccountDirectory accounts, AccountStore store, PodClient pod, Func<byte[]> random, TimeProvider time)
{
    private const int AccountsMost = 50;
    private const int ObjectsMost = 50;

    private static readonly TimeSpan _worksMost = TimeSpan.FromSeconds(20);

    /// <returns>What that came to; null if nothing is stored.</returns>
    public async Task<Measured?> RunAsync(CancellationToken cancellation)
    {
        var from = random();
        var (bytes, objects, failed, worked) = (0L, 0, 0, TimeSpan.Zero);
        foreach (var id in await directory.ReadAsync(async transaction => (IReadOnlyList<byte[]>)
        [
            .. await transaction.QueryAsync<byte[]>($"SELECT account_id FROM accounts WHERE account_id >= @from ORDER BY account_id LIMIT {AccountsMost}", new { from }),
            .. await transaction.QueryAsync<byte[]>($"SELECT account_id FROM accounts WHERE account_id < @from ORDER BY account_id LIMIT {AccountsMost}", new { from }),
        ], cancellation))
        {
            if (worked >= _worksMost || await accounts.FindAsync(new AccountId(id), cancellation) is not { } place)
            {
                continue;
            }

            try
            {
                await foreach (var (length, took) in ReadSomeAsync(place, _worksMost - worked, cancellation))
                {
                    (bytes, objects, worked) = (bytes + length, objects + 1, worked + took);
                }
            }
            catch (HoldfastException)
            {
                // What is damaged, or away, a verification finds: here the others say how fast it will be.
                failed++;
            }
        }

        return bytes == 0 ? null : new Measured(bytes, worked, 0, "", $"{objects} objects, {bytes} bytes{(failed > 0 ? $"; {failed} accounts could not be read" : "")}");
    }

    /// <summary>Objects of an account from anywhere on: what was written last a pod may remember. How long each is, and how long it took.</summary>
    private async IAsyncEnumerable<(long Length, TimeSpan Took)> ReadSomeAsync(AccountPlace place, TimeSpan most, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var share = random()[0] / 256.0;
        var left = most;
        foreach (var (number, length) in await store.ReadAsync(place, async transaction =>
        {
            var last = await transaction.FindAsync<long?>("SELECT number FROM objects WHERE account_id = @account AND receipt IS NOT NULL AND state = 'live' ORDER BY number DESC LIMIT 1") ?? 0;
            return await transaction.QueryAsync<(long, long)>($"SELECT number, length FROM objects WHERE account_id = @account AND number >= @first AND receipt IS NOT NULL AND state = 'live' ORDER BY number LIMIT {ObjectsMost}", new { first = (long)(share * last) });
        }, cancellation))
        {
            var began = time.GetTimestamp();
            if (left <= TimeSpan.Zero || await pod.StatAsync(new ObjectName(place.Account, ObjectSpace.Numbered, (uint)number), cancellation) is null)
            {
                continue;
            }

            var took = time.GetElapsedTime(began);
            left -= took;
            yield return (length, took);
            await Task.Delay(took, time, cancellation);
        }
    }
}
