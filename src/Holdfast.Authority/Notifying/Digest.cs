using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Quotas;
using Holdfast.Billing;
using Holdfast.Documents.Letters;
using Holdfast.Documents.Texts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Notifying;

/// <summary>Once a day, in the morning (UTC): owners and members are told of computers that are behind, backups that fail and quotas that run out; one mail an account, and only if something is new or worse.</summary>
internal sealed partial class Digest(IDatabase directory, AccountDirectory accounts, AccountStore store, AccountUsages usages, QuotaTable quotas, Subscriptions subscriptions, Webhooks webhooks, TimeProvider time, ILogger logger) : IJobKind
{
    public const string JobName = "digest";

    /// <summary>A day that is further on than that from the last was leapt to by a clock, or the service was away and its computers could not back up: it is looked at the day after.</summary>
    private const long LeapDays = 2;

    /// <summary>Behind a day on which nobody was told.</summary>
    private const char Skipped = '!';

    private static readonly TimeSpan _morning = TimeSpan.FromHours(6);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var today = time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;
        var (before, skipped) = (lease.Job.Progress?.TrimEnd(Skipped) ?? "", string.Create(CultureInfo.InvariantCulture, $"{today}{Skipped}"));
        var isAfterLeap = lease.Job.Progress == skipped || !long.TryParse(before, NumberStyles.None, CultureInfo.InvariantCulture, out var last) || today - last is < 0 or > LeapDays;
        if (isAfterLeap)
        {
            await lease.SaveAsync(skipped, cancellation);
        }
        else
        {
            foreach (var (account, attentions) in await FindAsync(cancellation))
            {
                await TryTellAsync(account, attentions, cancellation);
            }

            await lease.SaveAsync(today.ToString(CultureInfo.InvariantCulture), cancellation);
        }

        return DateTimeOffset.FromUnixTimeSeconds((today + 1) * Month.SecondsPerDay) + _morning;
    }

    /// <summary>Whatever one account's trouble is, the others are told.</summary>
    private async Task TryTellAsync(AccountId account, List<Attention> attentions, CancellationToken cancellation)
    {
        try
        {
            // One that is not to back up now is behind for a reason that its owners know.
            if (await accounts.FindAsync(account, cancellation) is { IsSuspended: false, IsOverdue: false, ClosesAt: null, State: AccountState.Open } place)
            {
                await directory.WriteAsync(transaction => TellAsync(transaction, place, attentions), cancellation);
            }
        }
        catch (HoldfastException exception)
        {
            LogNotTold(exception, account);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The owners of account {Account} could not be told of what needs looking after; they are tomorrow.")]
    private partial void LogNotTold(Exception exception, AccountId account);

    /// <summary>All that is to be looked after, by account.</summary>
    private async Task<Dictionary<AccountId, List<Attention>>> FindAsync(CancellationToken cancellation)
    {
        var (now, found) = (time.GetUtcNow().ToUnixTimeSeconds(), new Dictionary<AccountId, List<Attention>>());
        void Add(AccountId account, Attention? attention)
        {
            // One that moves between two stores' reads is in both.
            if (attention is not null && !(found.TryGetValue(account, out var known) && known.Any(other => (other.Computer, other.Topic) == (attention.Computer, attention.Topic))))
            {
                (found.TryGetValue(account, out var list) ? list : found[account] = []).Add(attention);
            }
        }

        foreach (var row in (await store.TryReadAllAsync(transaction =>
        {
            transaction.IsPatient = true;
            return transaction.QueryAsync<Row>(
                $"""
                SELECT account_id AS Account, computer, name, coalesce(last_backup_at, created_at) AS Since, failed_at AS FailedAt, failure FROM devices
                WHERE revoked = 0 AND deleted = 0 AND retired_at IS NULL AND rights <> 'Waiting' AND (coalesce(last_backup_at, created_at) < @since OR failed_at > coalesce(last_backup_at, created_at)) AND {AccountTables.AtHome}
                """, new { since = now - Month.SecondsPerDay });
        }, cancellation)).SelectMany(rows => rows))
        {
            Add(new AccountId(row.Account), Attention.OfMissing(row.Computer, row.Name, row.Since, now));
            if (row.FailedAt > row.Since && row.FailedAt <= now && row.Failure is { } code)
            {
                Add(new AccountId(row.Account), Attention.OfFailed(row.Computer, row.Name, row.Since, row.FailedAt.Value, FailureTable.All.TryGetValue(code, out var kind) ? kind.Guidance : code));
            }
        }

        var used = await usages.LastAsync(cancellation);
        foreach (var (account, bytes) in await quotas.OfAccountsAsync(cancellation))
        {
            Add(account, used.TryGetValue(account, out var usage) ? Attention.OfQuota(new QuotaState(bytes, usage.Bytes)) : null);
        }

        foreach (var computers in (await quotas.OfComputersAsync(cancellation)).GroupBy(row => new AccountId(row.Account)))
        {
            if (await accounts.FindAsync(computers.Key, cancellation) is not { } place)
            {
                continue;
            }

            var (stored, names) = (await usages.OfComputersAsync(place, cancellation), await usages.NamesAsync(place, cancellation));
            foreach (var (_, computer, bytes) in computers)
            {
                Add(computers.Key, Attention.OfQuota(new QuotaState(bytes, stored.GetValueOrDefault((uint)computer), IsOfComputer: true), computer, names.GetValueOrDefault((uint)computer) ?? $"{computer}"));
            }
        }

        return found;
    }

    private async Task<int> TellAsync(DatabaseTransaction transaction, AccountPlace place, List<Attention> attentions)
    {
        // Locks the account's row: whoever else does this job comes behind, and finds it told.
        var (id, now) = (place.Account.ToArray(), time.GetUtcNow().ToUnixTimeSeconds());
        await transaction.ExecuteAsync("UPDATE accounts SET name = name WHERE account_id = @id", new { id });
        var told = (await transaction.QueryAsync<(long Computer, string Topic, long Since, long Level, long ToldAt)>("SELECT computer, topic, since, level, told_at FROM notices WHERE account_id = @id", new { id }))
            .ToDictionary(row => (row.Computer, row.Topic));
        if (!attentions.Any(attention => !told.TryGetValue((attention.Computer, attention.Topic), out var before) || attention.IsNewSince(before.Since, before.Level, before.ToldAt, now)))
        {
            return 0;
        }

        var words = Wording.Of(Outbox.Language);
        var lines = attentions.OrderBy(attention => attention.Computer).ThenBy(attention => attention.Topic, StringComparer.Ordinal).Select(attention => words[attention is { Topic: Attention.Quota, Computer: > 0 } ? "digest_quota_of_computer" : $"digest_{attention.Topic}", [.. attention.Values.Select(Letter.OnOneLine)]]).ToList();
        await subscriptions.TellAsync(transaction, id, Subscriptions.Digest, Letter.OfParagraphs(Outbox.Language, "digest", lines, place.Name));
        await webhooks.TellAsync(transaction, WebhookTopics.ComputersNeedAttention, (id, place.Name), new Dictionary<string, string>
        {
            ["missing"] = Among(attentions, Attention.Missing), ["failed"] = Among(attentions, Attention.Failed), ["quota_percent"] = attentions.FirstOrDefault(attention => attention is { Topic: Attention.Quota, Computer: 0 })?.Values[0] ?? "",
        });
        await transaction.ExecuteEachAsync(
            """
            INSERT INTO notices (account_id, computer, topic, since, level, told_at) VALUES (@id, @computer, @topic, @since, @level, @now)
            ON CONFLICT (account_id, computer, topic) DO UPDATE SET since = excluded.since, level = excluded.level, told_at = excluded.told_at
            """, attentions.Select(attention => new { id, attention.Computer, attention.Topic, attention.Since, attention.Level, now }));
        return attentions.Count;
    }

    private static string Among(List<Attention> attentions, string topic) => string.Join(", ", attentions.Where(attention => attention.Topic == topic).Select(attention => attention.Computer));

    private sealed record Row
    {
        public byte[] Account { get; init; } = [];

        public long Computer { get; init; }

        public string Name { get; init; } = "";

        public long Since { get; init; }

        public long? FailedAt { get; init; }

        public string? Failure { get; init; }
    }
}
