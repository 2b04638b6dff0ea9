using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Probing;

/// <summary>What a probe of a component came to.</summary>
/// <param name="Component">One of <see cref="ServiceComponents"/>.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Failure">Why it failed; null if it did not.</param>
internal sealed record ProbeOutcome(string Component, long Milliseconds, string? Failure);

/// <summary>
/// Does what customers need. Restores: a random account is found, the latest segment of its index looked up where the account is now, as every restore begins, and its bytes read from the pod under a grant. Signing in: the page for it is asked for through the node's
/// own door, and somebody is looked for who signs in. Backups: a random account's store answers, and so does the pod that would take them.
/// </summary>
/// <param name="directory">The directory.</param>
/// <param name="accounts">Where accounts are.</param>
/// <param name="store">Their stores.</param>
/// <param name="pod">The pod.</param>
/// <param name="door">Asks for the page at which people sign in, as they would; null where there is no door.</param>
/// <param name="random">From where accounts are looked for.</param>
/// <param name="time">The clock.</param>
internal sealed class ServiceProbe(IDatabase directory, AccountDirectory accounts, AccountStore store, PodClient pod, Func<CancellationToken, Task>? door, Func<byte[]> random, TimeProvider time)
{
    private const long ReadLength = 64 * 1024;

    /// <summary>Of one that is being deleted, or compared with the pod, nothing need be there.</summary>
    private const string IsThere = $"state <> '{AccountState.Purging}' AND reconciling = 0";

    /// <summary>Who waits longer takes it for refused.</summary>
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(10);

    public async Task<IReadOnlyList<ProbeOutcome>> TryAsync(CancellationToken cancellation) =>
    [
        await TryOneAsync(ServiceComponents.Restores, WorkClass.Restore, RestoreAsync, cancellation),
        await TryOneAsync(ServiceComponents.SignIn, WorkClass.Interactive, SignInAsync, cancellation),
        await TryOneAsync(ServiceComponents.Backups, WorkClass.Interactive, BackUpAsync, cancellation),
    ];

    /// <summary>In the class of those for whom it stands: what waits behind all backups would say nothing of a restore.</summary>
    private async Task<ProbeOutcome> TryOneAsync(string component, WorkClass workClass, Func<CancellationToken, Task> workAsync, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_timeout);
        Work.Current = new Work(workClass, "");
        var (began, failure) = (time.GetTimestamp(), (string?)null);
        try
        {
            await workAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            failure = $"It took longer than {_timeout.TotalSeconds} seconds.";
        }
#pragma warning disable CA1031 // Whatever it is, somebody outside would have met it too: it is counted, and kept.
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            failure = exception.Message;
        }

        return new ProbeOutcome(component, (long)time.GetElapsedTime(began).TotalMilliseconds, failure);
    }

    private async Task RestoreAsync(CancellationToken cancellation)
    {
        if (await FindAsync(cancellation) is not { } place)
        {
            return;
        }

        var (number, length) = await store.AskAsync(place, transaction => transaction.FindAsync<(long, long)>("SELECT number, length FROM objects WHERE account_id = @account AND type = 2 AND state = 'live' ORDER BY number DESC LIMIT 1"), cancellation);
        if (number > 0)
        {
            await pod.GetAsync(new ObjectName(place.Account, ObjectSpace.Numbered, (uint)number), 0, Math.Min(length, ReadLength), cancellation);
        }
    }

    private async Task SignInAsync(CancellationToken cancellation)
    {
        await (door?.Invoke(cancellation) ?? Task.CompletedTask);
        await directory.AskAsync(transaction => transaction.FindAsync<string>("SELECT person_id FROM people WHERE email_key = @email", new { email = "NOBODY@INVALID" }), cancellation);
    }

    private async Task BackUpAsync(CancellationToken cancellation)
    {
        await pod.PressureAsync(cancellation);
        if (await FindAsync(cancellation) is { } place)
        {
            await store.AskAsync(place, transaction => transaction.FindAsync<string>("SELECT state FROM fence WHERE account_id = @account"), cancellation);
        }
    }

    private async Task<AccountPlace?> FindAsync(CancellationToken cancellation)
    {
        var from = random();
        var id = await directory.AskAsync(transaction => transaction.FindAsync<byte[]>($"SELECT account_id FROM accounts WHERE account_id >= @from AND {IsThere} ORDER BY account_id LIMIT 1", new { from }), cancellation)
            ?? await directory.AskAsync(transaction => transaction.FindAsync<byte[]>($"SELECT account_id FROM accounts WHERE account_id < @from AND {IsThere} ORDER BY account_id LIMIT 1", new { from }), cancellation);
        return id is null ? null : await accounts.FindAsync(new AccountId(id), cancellation);
    }
}
