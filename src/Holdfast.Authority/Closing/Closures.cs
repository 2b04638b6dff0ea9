using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Notifying;
using Holdfast.Documents.Letters;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Closing;

/// <summary>Accounts that are being closed, and the record of each that was. Until its date an account restores as always, and one call keeps it.</summary>
internal sealed class Closures(IDatabase directory, OwnerMail owners, Webhooks webhooks, TimeSpan grace, TimeProvider time)
{
    private const int SecondsADay = 86400;

    private const string Columns =
        "account_id AS Id, name, asked_by AS AskedBy, asked_at AS AskedAt, closes_at AS ClosesAt, deleted_at AS DeletedAt, wiped_at AS WipedAt, records_left AS RecordsLeft, objects, bytes, snapshots, computers, days_left AS DaysLeft";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    private long Today => Now / SecondsADay;

    private long DaysLeft => (long)grace.TotalDays;

    /// <summary>Has an account closed when its grace has passed; asked again, the date stays.</summary>
    public Task<AccountSummary> AskAsync(AccountPlace place, string askedBy, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var (id, closesAt) = (place.Account.ToArray(), Now + (long)grace.TotalSeconds);
        if (await transaction.ExecuteAsync("UPDATE accounts SET closes_at = @closesAt WHERE account_id = @id AND closes_at IS NULL", new { id, closesAt }) == 1)
        {
            await transaction.ExecuteAsync("INSERT INTO closures (account_id, name, asked_by, asked_at, closes_at, days_left, day_seen) VALUES (@id, @name, @askedBy, @now, @closesAt, @daysLeft, @today)", new { id, place.Name, askedBy, Now, closesAt, DaysLeft, Today });
            await JobTable.EnqueueAsync(transaction, AccountPurge.JobName, place.Account.ToString(), time);
            await owners.TellAsync(transaction, id, Letter.Of(Outbox.Language, "closing", askedBy, place.Name, $"{DateTimeOffset.FromUnixTimeSeconds(closesAt):yyyy-MM-dd HH:mm}"));
            await webhooks.TellAsync(transaction, WebhookTopics.AccountClosing, (id, place.Name), new Dictionary<string, string> { ["asked_by"] = askedBy, ["closes_at"] = $"{closesAt}" });
        }

        var kept = await transaction.FindAsync<long>("SELECT closes_at FROM accounts WHERE account_id = @id", new { id });
        return new AccountSummary(place.Account.ToString(), place.Name, AccountState.Closing, 0, kept);
    }, cancellation);

    /// <summary>Keeps an account that was to be closed; once its deletion has begun that is the failure conflict.</summary>
    public Task TakeBackAsync(AccountPlace place, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var id = place.Account.ToArray();
        if (await transaction.ExecuteAsync("UPDATE accounts SET closes_at = NULL WHERE account_id = @id AND state <> '" + AccountState.Purging + "'", new { id }) == 0)
        {
            throw new HoldfastException(FailureTable.Conflict, $"The account '{place.Name}' is being deleted already.");
        }

        return await transaction.ExecuteAsync("DELETE FROM closures WHERE account_id = @id", new { id });
    }, cancellation);

    /// <summary>Makes sure of a job for every account that is to be closed, or not wiped yet: a copy of the databases has none.</summary>
    public Task ContinueAsync(CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        foreach (var id in await transaction.QueryAsync<byte[]>("SELECT account_id FROM closures WHERE wiped_at IS NULL"))
        {
            await JobTable.EnqueueAsync(transaction, AccountPurge.JobName, new AccountId(id).ToString(), time);
        }

        return 0;
    }, cancellation);

    /// <summary>After an older copy was restored: a reopening since is not in it, so dates begin anew, for whoever has to be asked again.</summary>
    public Task BeginAnewAsync(CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var closesAt = Now + (long)grace.TotalSeconds;
        const string Which = "closes_at IS NOT NULL AND closes_at < @closesAt AND state <> '" + AccountState.Purging + "'";
        await transaction.ExecuteAsync($"UPDATE closures SET closes_at = @closesAt, days_left = @daysLeft, day_seen = @today WHERE account_id IN (SELECT account_id FROM accounts WHERE {Which})", new { closesAt, DaysLeft, Today });
        return await transaction.ExecuteAsync($"UPDATE accounts SET closes_at = @closesAt WHERE {Which}", new { closesAt });
    }, cancellation);

    /// <summary>Counts a day that the service was there; how many the account has left. Days in which it was not, and those that a clock leapt over, are no grace.</summary>
    public Task<long> SeeAsync(AccountId account, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var id = account.ToArray();
        await transaction.ExecuteAsync("UPDATE closures SET days_left = days_left - 1, day_seen = @today WHERE account_id = @id AND days_left > 0 AND day_seen <> @today", new { id, Today });
        return await transaction.FindAsync<long>("SELECT days_left FROM closures WHERE account_id = @id", new { id });
    }, cancellation);

    /// <summary>Begins the deletion of an account whose date has come, and keeps what there was of it; false if it was taken back, or is not there any more.</summary>
    public Task<bool> BeginAsync(AccountPlace place, AccountUsages.Usage was, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var id = place.Account.ToArray();
        return await transaction.ExecuteAsync("UPDATE accounts SET state = '" + AccountState.Purging + "' WHERE account_id = @id AND closes_at <= @now AND move_state = 'none' AND home = @home AND epoch = @epoch", new { id, Now, place.Home, place.Epoch }) == 1
            && await transaction.ExecuteAsync("UPDATE closures SET objects = @objects, bytes = @bytes, snapshots = @snapshots, computers = @computers WHERE account_id = @id",
                new { id, was.Objects, was.Bytes, was.Snapshots, was.Computers }) == 1;
    }, cancellation);

    /// <summary>Nothing of an account can be found any more: its place is taken away.</summary>
    public Task DeletedAsync(AccountPlace place, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var id = place.Account.ToArray();
        await owners.TellAsync(transaction, id, Letter.Of(Outbox.Language, "closed", place.Name));
        await transaction.ExecuteAsync("DELETE FROM enrolment_codes WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM account_plans WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM quotas WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM gate_waits WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM drills WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM notices WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM webhooks WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM prepared_restores WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM browsing_sessions WHERE account_id = @id", new { id });
        await transaction.ExecuteAsync("DELETE FROM accounts WHERE account_id = @id", new { id });
        return await transaction.ExecuteAsync("UPDATE closures SET deleted_at = coalesce(deleted_at, @now) WHERE account_id = @id", new { id, Now });
    }, cancellation);

    /// <summary>Keeps how many records drives still have.</summary>
    public Task LeftAsync(AccountId account, long records, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE closures SET records_left = @records, wiped_at = CASE WHEN @records = 0 THEN coalesce(wiped_at, @now) ELSE wiped_at END WHERE account_id = @id", new { id = account.ToArray(), records, Now }), cancellation);

    /// <summary>An account that the pod was told to forget, as it says itself: all that is known of it after a loss of the databases.</summary>
    public Task KeepAsync(PodClosure closure, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var id = AccountId.Parse(closure.Account).ToArray();
        await transaction.ExecuteAsync(
            "INSERT INTO closures (account_id, name, asked_by, asked_at, closes_at, deleted_at) VALUES (@id, @account, 'the pod says so', @closedAt, @closedAt, @closedAt) ON CONFLICT (account_id) DO NOTHING",
            new { id, closure.Account, closure.ClosedAt });
        await JobTable.EnqueueAsync(transaction, AccountPurge.JobName, closure.Account, time);
        return 0;
    }, cancellation);

    public Task<ClosureSummary?> FindAsync(AccountId account, CancellationToken cancellation) => directory.AskAsync(async transaction =>
        await transaction.FindAsync<Row>($"SELECT {Columns} FROM closures WHERE account_id = @id", new { id = account.ToArray() }) is { } row ? Read(row) : null, cancellation);

    /// <summary>Closures by account.</summary>
    public Task<Page<ClosureSummary>> ListAsync(Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<Row>($"SELECT {Columns} FROM closures WHERE account_id > @after ORDER BY account_id LIMIT @rows",
            new { after = AccountId.TryParse(paging.After, out var after) ? after.ToArray() : [], rows = paging.Rows })).Select(Read)], closure => closure.Account), cancellation);

    private static ClosureSummary Read(Row row) => new(
        new AccountId(row.Id).ToString(), row.Name, row.AskedBy, row.AskedAt, row.ClosesAt, row.DeletedAt, row.WipedAt, row.RecordsLeft, row.Objects, row.Bytes, row.Snapshots, row.Computers, row.DaysLeft);

    private sealed record Row(byte[] Id, string Name, string AskedBy, long AskedAt, long ClosesAt, long? DeletedAt, long? WipedAt, long? RecordsLeft, long Objects, long Bytes, long Snapshots, long Computers, long DaysLeft);
}
