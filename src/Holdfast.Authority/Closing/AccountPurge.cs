using Holdfast.Authority.Accounts;
using Holdfast.Authority.Billing;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Moving;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Closing;

/// <summary>Deletes an account whose date has come, and whose days of grace the service was there for: no write to it any more → keyrings on the pod → keyrings in the database → everything else. Killed anywhere, it goes on.</summary>
/// <remarks>The pod keeps that it was closed, so that no rebuild and no older copy of the databases brings it back (format rule 20).</remarks>
internal sealed class AccountPurge(Closures closures, AccountDirectory directory, AccountStore store, Movers movers, AccountUsages usages, Invoicing invoicing, PodClient pod, TimeProvider time) : IJobKind
{
    public const string JobName = "closing";

    /// <summary>The pod wipes in the background; a drive that is away may be so for days.</summary>
    private static readonly TimeSpan _looksEvery = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan _seesEvery = TimeSpan.FromHours(1);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var account = AccountId.Parse(lease.Job.Subject);
        if (await closures.FindAsync(account, cancellation) is not { } closure)
        {
            // It was taken back.
            return null;
        }

        if (await directory.FindAsync(account, cancellation) is { } place)
        {
            var (due, now) = (DateTimeOffset.FromUnixTimeSeconds(closure.ClosesAt), time.GetUtcNow());
            if (place.State != AccountState.Purging && (await closures.SeeAsync(account, cancellation) > 0 || due > now))
            {
                // Hourly: each day must be seen.
                return due > now && due - now < _seesEvery ? due : now + _seesEvery;
            }

            if (await directory.CountReconcilingAsync(cancellation) > 0)
            {
                // An older copy was restored: nothing is deleted before it is known what came since.
                return time.GetUtcNow() + _looksEvery;
            }

            if (place.State != AccountState.Purging)
            {
                // What another store has of it goes first.
                await movers.SettleAsync(account, cancellation);
                place = await directory.FindAsync(account, cancellation) ?? place;
            }

            if (place.State != AccountState.Purging && !await closures.BeginAsync(place, await usages.CountAsync(place, cancellation), cancellation))
            {
                // It was taken back; or a move began just now.
                return await closures.FindAsync(account, cancellation) is null ? null : now + _looksEvery;
            }

            // From what is deleted behind it.
            await invoicing.IssueLastAsync(place, cancellation);
            await store.CloseAsync(place, cancellation);
            await pod.CloseAsync(account, cancellation);
            await store.PurgeAsync(place, cancellation);
            await closures.DeletedAsync(place, cancellation);
        }

        var left = (await pod.CloseAsync(account, cancellation)).RecordsLeft;
        await closures.LeftAsync(account, left, cancellation);
        return left == 0 ? null : time.GetUtcNow() + _looksEvery;
    }
}
