using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Windows;

/// <summary>What a round of probes came to.</summary>
internal sealed record ProbeResult(int Tried, long WorstMilliseconds, IReadOnlyList<string> Failures);

/// <summary>Does what restores and sign-ins need, while a window runs: a random account is found, a pack of it looked up where the account is now, and its bytes read from the pod under a grant; and somebody is looked for who signs in.</summary>
internal sealed class WindowProbe(IDatabase directory, AccountDirectory accounts, AccountStore store, PodClient pod, Func<byte[]> random, TimeProvider time)
{
    private const long ReadLength = 64 * 1024;

    /// <summary>Who waits longer takes it for refused.</summary>
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(10);

    public async Task<ProbeResult> TryAsync(CancellationToken cancellation)
    {
        var (failures, worst, tried) = (new List<string>(), 0L, 0);
        async Task TryOneAsync(string what, Func<CancellationToken, Task> workAsync)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(_timeout);
            var began = time.GetTimestamp();
            tried++;
            try
            {
                await workAsync(limit.Token);
            }
#pragma warning disable CA1031 // Whatever it is, somebody outside would have met it too: it is counted, and kept with the window.
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
            {
                failures.Add($"A probe of {what} failed: {exception.Message}");
            }

            worst = Math.Max(worst, (long)time.GetElapsedTime(began).TotalMilliseconds);
        }

        await TryOneAsync("restores", RestoreAsync);
        await TryOneAsync("sign-ins", token => directory.AskAsync(transaction => transaction.FindAsync<string>("SELECT person_id FROM people WHERE email_key = @email", new { email = "NOBODY@INVALID" }), token));
        return new ProbeResult(tried, worst, failures);
    }

    private async Task RestoreAsync(CancellationToken cancellation)
    {
        var from = random();
        var id = await directory.AskAsync(transaction => transaction.FindAsync<byte[]>("SELECT account_id FROM accounts WHERE account_id >= @from ORDER BY account_id LIMIT 1", new { from }), cancellation)
            ?? await directory.AskAsync(transaction => transaction.FindAsync<byte[]>("SELECT account_id FROM accounts ORDER BY account_id LIMIT 1"), cancellation);
        if (id is null || await accounts.FindAsync(new AccountId(id), cancellation) is not { } place)
        {
            return;
        }

        var (number, length) = await store.AskAsync(place, transaction => transaction.FindAsync<(long, long)>("SELECT number, length FROM objects WHERE account_id = @account AND receipt IS NOT NULL AND state = 'live' ORDER BY number DESC LIMIT 1"), cancellation);
        if (number > 0)
        {
            await pod.GetAsync(new ObjectName(place.Account, ObjectSpace.Numbered, (uint)number), 0, Math.Min(length, ReadLength), cancellation);
        }
    }
}
