using Holdfast.Authority.Accounts;
using Holdfast.Authority.Alerting;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Quotas;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Contracts.Tests;

/// <summary>What people and programs are told, on every engine: once each, and not for nothing.</summary>
public abstract partial class DatabaseContract
{
    private static readonly MailSettings _mail = new("127.0.0.1", 25, "backup@example.org", "none");

    [Fact]
    public async Task An_alert_is_told_when_it_is_raised_when_it_gets_critical_and_when_it_is_over_and_never_twice()
    {
        var time = new ManualTime();
        var webhooks = new Webhooks(DirectoryDatabase, Directory, time);
        await webhooks.AddAsync(new AddWebhook("https://example.org/hook", [WebhookTopics.AlertRaised]), Cancellation);
        var alerts = new Alerts(DirectoryDatabase, new Outbox(DirectoryDatabase, _mail, time), webhooks, ["a@example.org", "b@example.org"], time);
        var (bad, worse) = (new Finding("d1", false, "d1 is 91 % full"), new Finding("d1", true, "d1 is 98 % full"));

        // What passes by itself within its patience is nobody's business.
        await alerts.TakeInAsync("space", TimeSpan.FromMinutes(2), [bad], Cancellation);
        time.Advance(TimeSpan.FromMinutes(6));
        await alerts.TakeInAsync("space", TimeSpan.FromMinutes(2), [], Cancellation);
        Assert.Empty((await alerts.ListAsync(true, Paging.Of(null, null), Cancellation)).Alerts);
        Assert.Empty(await SubjectsAsync());

        for (var minute = 0; minute < 4; minute++)
        {
            await alerts.TakeInAsync("space", TimeSpan.FromMinutes(2), [bad], Cancellation);
            Assert.Equal(minute < 2 ? 0 : 2, (await SubjectsAsync()).Count);
            time.Advance(TimeSpan.FromMinutes(1));
        }

        await alerts.TakeInAsync("space", TimeSpan.FromMinutes(2), [worse, worse], Cancellation);
        await alerts.TakeInAsync("space", TimeSpan.FromMinutes(2), [bad], Cancellation);
        Assert.Equal(4, (await SubjectsAsync()).Count);

        // Not found for a moment, it is not over; and another kind's look says nothing of it.
        time.Advance(TimeSpan.FromMinutes(4));
        await alerts.TakeInAsync("space", TimeSpan.FromMinutes(2), [], Cancellation);
        await alerts.TakeInAsync("drive", TimeSpan.Zero, [], Cancellation);
        var open = Assert.Single((await alerts.ListAsync(false, Paging.Of(null, null), Cancellation)).Alerts);
        Assert.Equal(("space", "d1", "d1 is 91 % full", null), (open.Kind, open.Subject, open.Message, open.ResolvedAt));
        time.Advance(TimeSpan.FromMinutes(2));
        for (var i = 0; i < 3; i++)
        {
            await alerts.TakeInAsync("space", TimeSpan.FromMinutes(2), [], Cancellation);
        }

        Assert.Empty((await alerts.ListAsync(false, Paging.Of(null, null), Cancellation)).Alerts);
        Assert.NotNull(Assert.Single((await alerts.ListAsync(true, Paging.Of(null, null), Cancellation)).Alerts).ResolvedAt);
        Assert.Equal(["Holdfast, critical: space d1", "Holdfast, critical: space d1", "Holdfast, over: space d1", "Holdfast, over: space d1", "Holdfast: space d1", "Holdfast: space d1"], (await SubjectsAsync()).Order(StringComparer.Ordinal));
        Assert.Equal(2, await CountAsync("deliveries"));
        Assert.Equal(2, await CountAsync("jobs WHERE kind = 'webhook'"));
    }

    [Fact]
    public async Task Owners_are_told_of_computers_at_14_21_28_days_and_once_each_and_not_after_a_leap_of_the_clock()
    {
        var (time, place) = (new ManualTime(), await AdmitAsync("a"));
        await OwnAsync("a", ("p1", "owner"), ("p2", "member"), ("p3", "billing"));
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        await Store.WriteAsync(place, transaction => transaction.ExecuteAsync(
            "INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, last_backup_at, version) VALUES (@account, 1, @name, @hash, 'Add', 0, @now, @now, @version)", new { name = "lap\r\ntop", hash = new byte[32], now }), Cancellation);
        var outbox = new Outbox(DirectoryDatabase, _mail, time);
        var subscriptions = new Subscriptions(DirectoryDatabase, outbox);
        var digest = new Digest(DirectoryDatabase, Directory, Store, new AccountUsages(Directory, Store, time), new QuotaTable(DirectoryDatabase, new AccountPlans(DirectoryDatabase, time, NullLogger.Instance), time), subscriptions, new Webhooks(DirectoryDatabase, Directory, time), time, NullLogger.Instance);
        var jobs = new JobTable(DirectoryDatabase, "node", time);
        await jobs.EnqueueAsync(Digest.JobName, "", Cancellation);
        async Task DayAsync(int days = 1)
        {
            time.Advance(TimeSpan.FromDays(days));
            var lease = (await jobs.ClaimAsync([Digest.JobName], Cancellation))!;
            await jobs.ReturnAsync(lease.Job, (await digest.RunAsync(lease, Cancellation))!.Value, null, Cancellation);
        }

        var told = new List<int>();
        for (var day = 1; day <= 30; day++)
        {
            await DayAsync();
            told.Add(await CountAsync("outbox"));
        }

        // Two people, on the days 14, 21 and 28 since the last backup (the first day is only looked at).
        Assert.Equal([0, 2, 4, 6], told.Distinct());
        Assert.Equal([14, 21, 28], Enumerable.Range(1, 29).Where(i => told[i] > told[i - 1]).Select(i => i + 1));
        var mail = (await DirectoryDatabase.ReadAsync(transaction => transaction.QueryAsync<(string Recipient, string Body, string? Unsubscribe)>("SELECT recipient, body, unsubscribe FROM outbox ORDER BY mail_id"), Cancellation)).Take(2).ToList();
        Assert.Equal(["p1@example.org", "p2@example.org"], mail.Select(one => one.Recipient).Order(StringComparer.Ordinal));
        Assert.Contains("lap  top has not backed up for 14 days", mail[0].Body, StringComparison.Ordinal);

        // One takes themselves off by the link; it backs up, and is away again: that is another time.
        await subscriptions.UnsubscribeAsync(mail.Single(one => one.Recipient == "p2@example.org").Unsubscribe!, Cancellation);
        await Assert.ThrowsAsync<HoldfastException>(() => subscriptions.UnsubscribeAsync("nonsense", Cancellation));
        await SetAsync("last_backup_at = @now", time.GetUtcNow().ToUnixTimeSeconds());
        await DayAsync();
        for (var day = 0; day < 14; day++)
        {
            await DayAsync();
        }

        Assert.Equal(7, await CountAsync("outbox"));

        // A clock that leaps a year ahead tells nobody anything that day.
        await SetAsync("last_backup_at = @now", time.GetUtcNow().ToUnixTimeSeconds());
        await DayAsync(365);
        time.Advance(-TimeSpan.FromDays(365));
        await DayAsync();
        await DayAsync();
        Assert.Equal(7, await CountAsync("outbox"));

        // A backup that failed since the last good one is told once, and the week after again.
        await SetAsync("failed_at = @now, failure = 'quota_exceeded'", time.GetUtcNow().ToUnixTimeSeconds());
        for (var day = 0; day < 3; day++)
        {
            await DayAsync();
        }

        Assert.Equal(8, await CountAsync("outbox"));
        await Directory.SuspendAsync("a", true, Cancellation);
        await SetAsync("failed_at = @now", time.GetUtcNow().ToUnixTimeSeconds() + (30 * 86_400));
        await DayAsync();
        Assert.Equal(8, await CountAsync("outbox"));

        async Task SetAsync(string what, long at) => await Store.WriteAsync(place, transaction => transaction.ExecuteAsync($"UPDATE devices SET {what}, version = @version WHERE account_id = @account", new { now = at }), Cancellation);
    }

    [Fact]
    public async Task A_quota_that_runs_out_is_told_at_each_step_and_a_webhook_of_one_account_hears_of_that_one_alone()
    {
        var (time, place, other) = (new ManualTime(), await AdmitAsync("a"), await AdmitAsync("b"));
        await OwnAsync("a", ("p1", "owner"));
        var (webhooks, quotas, usages) = (new Webhooks(DirectoryDatabase, Directory, time), new QuotaTable(DirectoryDatabase, new AccountPlans(DirectoryDatabase, time, NullLogger.Instance), time), new AccountUsages(Directory, Store, time));
        await webhooks.AddAsync(new AddWebhook("http://127.0.0.1:9/hook", Account: "b"), Cancellation);
        await Assert.ThrowsAsync<HoldfastException>(() => webhooks.AddAsync(new AddWebhook("http://example.org/hook"), Cancellation));
        await Assert.ThrowsAsync<HoldfastException>(() => webhooks.AddAsync(new AddWebhook("https://example.org/hook", ["everything"]), Cancellation));
        foreach (var account in new[] { place, other })
        {
            await quotas.ChangeAsync(account, null, new ChangeQuota(10_000_000), Cancellation);
        }

        var outbox = new Outbox(DirectoryDatabase, _mail, time);
        var digest = new Digest(DirectoryDatabase, Directory, Store, usages, quotas, new Subscriptions(DirectoryDatabase, outbox), webhooks, time, NullLogger.Instance);
        var jobs = new JobTable(DirectoryDatabase, "node", time);
        await jobs.EnqueueAsync(Digest.JobName, "", Cancellation);
        foreach (var (bytes, mails) in new[] { (7_000_000, 0), (7_900_000, 0), (8_000_000, 1), (8_900_000, 1), (9_600_000, 2), (10_000_000, 3), (11_000_000, 3) })
        {
            time.Advance(TimeSpan.FromDays(1));
            await Store.WriteAsync(place, transaction => transaction.ExecuteAsync("INSERT INTO account_usage (account_id, day, bytes, objects, snapshots, computers, version) VALUES (@account, @day, @bytes, 1, 1, 1, @version)", new { day = time.GetUtcNow().ToUnixTimeSeconds() / 86_400, bytes }), Cancellation);
            var lease = (await jobs.ClaimAsync([Digest.JobName], Cancellation))!;
            await jobs.ReturnAsync(lease.Job, (await digest.RunAsync(lease, Cancellation))!.Value, null, Cancellation);
            Assert.Equal(mails, await CountAsync("outbox"));
        }

        Assert.Equal(0, await CountAsync("deliveries"));
    }

    [Fact]
    public async Task Drives_space_certificates_and_stuck_jobs_are_found_when_they_should_be()
    {
        var (time, samples, usage) = (new ManualTime(), new Samples(DirectoryDatabase), new PodUsage(0, 0, []));
        var pod = new PodPlace(() => "http://pod", () => "http://pod", null, null!, () => null!, [], (_, _) => Task.CompletedTask, _ => usage is null ? throw new HttpRequestException("away") : Task.FromResult(usage));
        var (space, drives, away) = (new SpaceAlerts(pod, samples, time), new DriveAlerts(pod), new PodAwayAlerts(pod));
        var today = time.GetUtcNow().ToUnixTimeSeconds() / 86_400;
        async Task<string> SpaceAsync(long usedBefore, long used)
        {
            await samples.KeepAsync(today - 20, [("drive_bytes_used", "/d", usedBefore)], Cancellation);
            usage = new PodUsage(0, 0, [new PodDrive("/d", 1000, 1000 - used, true, null), new PodDrive("/unknown", null, null, true, null)]);
            return string.Join(' ', (await space.LookAsync(Cancellation)).Select(finding => $"{(finding.IsCritical ? "critical" : "warning")} {finding.Message}"));
        }

        // Of 1000: not growing; full in 35 days, in 20, in 5; nearly full whatever it does.
        Assert.Equal("", await SpaceAsync(500, 500));
        Assert.Equal("", await SpaceAsync(400, 600 - (600 % 20)));
        Assert.StartsWith("warning 60 % of /d is used; as it fills it is full in 20 days", await SpaceAsync(200, 600), StringComparison.Ordinal);
        Assert.StartsWith("critical 80 % of /d is used; as it fills it is full in 5 days", await SpaceAsync(0, 800), StringComparison.Ordinal);
        Assert.StartsWith("warning 90 % of /d is used.", await SpaceAsync(950, 900), StringComparison.Ordinal);
        Assert.StartsWith("critical 98 % of /d is used.", await SpaceAsync(980, 980), StringComparison.Ordinal);

        usage = new PodUsage(0, 0, [new PodDrive("/d", 1, 1, true, null), new PodDrive("/e", null, null, false, "Missing: its mark is not there")]);
        Assert.Contains("Missing: its mark is not there", Assert.Single(await drives.LookAsync(Cancellation)).Message, StringComparison.Ordinal);
        Assert.Empty(await away.LookAsync(Cancellation));
        usage = null;
        Assert.True(Assert.Single(await away.LookAsync(Cancellation)).IsCritical);
        await Assert.ThrowsAsync<HttpRequestException>(() => drives.LookAsync(Cancellation));

        foreach (var (days, expected) in new (double?, string)[] { (null, ""), (60, ""), (20.5, "False 20 more days"), (6.9, "True 6 more days"), (-1, "True has run out") })
        {
            var findings = await new CertificateAlerts(() => days is { } left ? time.GetUtcNow().AddDays(left) : null, time).LookAsync(Cancellation);
            Assert.Equal(expected.Length > 0, findings.Count == 1);
            Assert.True(expected.Length == 0 || ($"{findings[0].IsCritical}" == expected.Split(' ')[0] && findings[0].Message.Contains(expected[(expected.IndexOf(' ', StringComparison.Ordinal) + 1)..], StringComparison.Ordinal)), expected);
        }

        var jobs = new JobTable(DirectoryDatabase, "node", time);
        await jobs.EnqueueAsync("work", "a", Cancellation);
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            Assert.Empty(await new JobAlerts(jobs).LookAsync(Cancellation));
            await jobs.ReturnAsync((await jobs.ClaimAsync(["work"], Cancellation))!.Job, time.GetUtcNow(), "broken", Cancellation);
        }

        Assert.Contains("broken", Assert.Single(await new JobAlerts(jobs).LookAsync(Cancellation)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clock_that_leaps_counts_nothing_on_a_day_that_is_not_there_yet()
    {
        var (time, place) = (new ManualTime(), await AdmitAsync("a"));
        var pod = new PodPlace(() => "", () => "", null, null!, () => null!, [], (_, _) => Task.CompletedTask, _ => Task.FromResult(new PodUsage(0, 0, [])));
        var growth = new GrowthSampling(Directory, DirectoryDatabase, Store, new AccountUsages(Directory, Store, time), new Samples(DirectoryDatabase), pod, new Dictionary<string, string>(), time, NullLogger.Instance);
        var jobs = new JobTable(DirectoryDatabase, "node", time);
        await jobs.EnqueueAsync(GrowthSampling.JobName, "", Cancellation);
        async Task<List<long>> RunAsync(long computer)
        {
            await Store.WriteAsync(place, transaction => InsertDeviceAsync(transaction, (uint)computer, "c"), Cancellation);
            await jobs.HurryAsync(GrowthSampling.JobName, "", Cancellation);
            var lease = (await jobs.ClaimAsync([GrowthSampling.JobName], Cancellation))!;
            await jobs.ReturnAsync(lease.Job, (await growth.RunAsync(lease, Cancellation))!.Value, null, Cancellation);
            return [.. await Store.ReadAsync(place, transaction => transaction.QueryAsync<long>("SELECT day FROM account_usage WHERE account_id = @account ORDER BY day"), Cancellation)];
        }

        var today = time.GetUtcNow().ToUnixTimeSeconds() / 86_400;
        Assert.Equal([today], await RunAsync(1));
        time.Advance(TimeSpan.FromDays(400));
        Assert.Equal([today], await RunAsync(2));
        Assert.Equal(0, await CountAsync($"samples WHERE day > {today}"));
        time.Advance(TimeSpan.FromDays(-399));
        Assert.Equal([today, today + 1], await RunAsync(3));

        // An outage of a week: an hour later it is believed.
        time.Advance(TimeSpan.FromDays(7));
        Assert.Equal([today, today + 1], await RunAsync(4));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal([today, today + 1, today + 8], await RunAsync(5));
    }

    private async Task<List<string>> SubjectsAsync() => [.. await DirectoryDatabase.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT subject FROM outbox"), Cancellation)];

    private async Task<int> CountAsync(string from) => (int)await DirectoryDatabase.AskAsync(transaction => transaction.FindAsync<long>($"SELECT count(*) FROM {from}"), Cancellation);

    private Task<int> OwnAsync(string account, params (string Person, string Role)[] people) => DirectoryDatabase.WriteAsync(async transaction =>
    {
        await transaction.ExecuteAsync("INSERT INTO organisations (organisation_id, name, created_at) VALUES (@account, @account, 0)", new { account });
        foreach (var (person, role) in people)
        {
            await transaction.ExecuteAsync("INSERT INTO people (person_id, email, email_key, name, security_stamp, two_factor, created_at, version) VALUES (@person, @email, @email, @person, '', 0, 0, '')", new { person, email = $"{person}@example.org" });
            await transaction.ExecuteAsync("INSERT INTO members (organisation_id, person_id, role, created_at) VALUES (@account, @person, @role, 0)", new { account, person, role });
        }

        return await transaction.ExecuteAsync("UPDATE accounts SET organisation_id = @account WHERE name = @account", new { account });
    }, Cancellation);
}
