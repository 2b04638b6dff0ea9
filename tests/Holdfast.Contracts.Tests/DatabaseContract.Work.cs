using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Closing;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Measuring;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Contracts.Tests;

/// <summary>Jobs, samples and the audit log on every engine.</summary>
public abstract partial class DatabaseContract
{
    [Fact]
    public async Task One_of_many_nodes_gets_a_job_and_the_same_is_not_asked_for_twice()
    {
        var time = new ManualTime();
        var tables = Enumerable.Range(0, 6).Select(node => new JobTable(DirectoryDatabase, $"node{node}", time)).ToList();
        var asked = await Task.WhenAll(tables.Select(table => Task.Run(() => table.EnqueueAsync("work", "a", Cancellation))));
        Assert.Single(asked.Select(job => job.Id).Distinct());
        var claims = await Task.WhenAll(tables.Select(table => Task.Run(() => table.ClaimAsync(["work"], Cancellation))));
        Assert.Single(claims, claim => claim is not null);
        Assert.Null(await tables[0].ClaimAsync(["work"], Cancellation));
        await tables[0].EnqueueAsync("other", "a", Cancellation);
        Assert.Null(await tables[0].ClaimAsync(["work"], Cancellation));
        Assert.Equal("other", (await tables[0].ClaimAsync(["work", "other"], Cancellation))!.Job.Kind);
    }

    [Fact]
    public async Task A_lease_that_ran_out_is_taken_over_and_what_is_written_under_it_changes_nothing()
    {
        var time = new ManualTime();
        var table = new JobTable(DirectoryDatabase, "node", time);
        await table.EnqueueAsync("work", "", Cancellation);
        var first = (await table.ClaimAsync(["work"], Cancellation))!;
        await first.SaveAsync("half", Cancellation);
        time.Advance(JobTable.LeaseLength - TimeSpan.FromSeconds(1));
        Assert.Null(await table.ClaimAsync(["work"], Cancellation));
        await first.SaveAsync("three quarters", Cancellation);
        time.Advance(JobTable.LeaseLength - TimeSpan.FromSeconds(1));
        Assert.Null(await table.ClaimAsync(["work"], Cancellation));
        time.Advance(TimeSpan.FromSeconds(2));
        var second = (await table.ClaimAsync(["work"], Cancellation))!;
        Assert.Equal(("three quarters", 2, first.Job.Token + 1), (second.Job.Progress, second.Job.Attempts, second.Job.Token));
        await Assert.ThrowsAsync<LeaseLostException>(() => first.SaveAsync("late", Cancellation));
        Assert.Null(await table.RenewAsync(first.Job, null, gotOn: true, Cancellation));
        Assert.False(await table.EndAsync(first.Job, Cancellation));
        Assert.False(await table.ReturnAsync(first.Job, time.GetUtcNow(), "late", Cancellation));
        Assert.Equal("three quarters", (await table.FindLatestAsync("work", Cancellation))!.Progress);
        Assert.True(await table.EndAsync(second.Job, Cancellation));
        Assert.NotNull((await table.FindLatestAsync("work", Cancellation))!.EndedAt);
        Assert.NotEqual(second.Job.Id, (await table.EnqueueAsync("work", "", Cancellation)).Id);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_keeps_no_job_from_going_on()
    {
        var time = new ManualTime();
        var table = new JobTable(DirectoryDatabase, "node", time);
        await table.EnqueueAsync("work", "", Cancellation, time.GetUtcNow() - TimeSpan.FromDays(2));
        var dead = (await table.ClaimAsync(["work"], Cancellation))!;
        time.Advance(-TimeSpan.FromDays(1));
        var second = (await table.ClaimAsync(["work"], Cancellation))!;
        Assert.Equal(dead.Job.Token + 1, second.Job.Token);
        Assert.Null(await table.ClaimAsync(["work"], Cancellation));
        await Assert.ThrowsAsync<LeaseLostException>(() => dead.SaveAsync("late", Cancellation));
        Assert.True(await table.EndAsync(second.Job, Cancellation));

        // Nor does one that was to be run tomorrow, by a clock that was a year ahead.
        time.Advance(TimeSpan.FromDays(365));
        await table.EnqueueAsync("work", "daily", Cancellation, time.GetUtcNow() + TimeSpan.FromDays(1));
        Assert.Null(await table.ClaimAsync(["work"], Cancellation));
        time.Advance(-TimeSpan.FromDays(365));
        Assert.Equal("daily", (await table.ClaimAsync(["work"], Cancellation))!.Job.Subject);
    }

    [Fact]
    public async Task Only_days_that_the_service_was_there_are_grace_of_an_account_that_is_closed()
    {
        var time = new ManualTime();
        var closures = new Closures(DirectoryDatabase, new OwnerMail(DirectoryDatabase, new Outbox(DirectoryDatabase, null, time), time, NullLogger.Instance), new Webhooks(DirectoryDatabase, Directory, time), TimeSpan.FromDays(30), time);
        var place = await AdmitAsync("a");
        await closures.AskAsync(place, "me", Cancellation);
        time.Advance(TimeSpan.FromDays(400));
        for (var hour = 0; hour < 3; hour++)
        {
            Assert.Equal(29, await closures.SeeAsync(place.Account, Cancellation));
        }

        time.Advance(-TimeSpan.FromDays(400));
        for (var left = 28; left >= 0; left--)
        {
            time.Advance(TimeSpan.FromDays(1));
            Assert.Equal(left, await closures.SeeAsync(place.Account, Cancellation));
        }

        time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(0, await closures.SeeAsync(place.Account, Cancellation));
    }

    [Fact]
    public async Task What_fails_is_tried_again_later_and_shown_as_stuck_and_getting_on_forgets_that()
    {
        var time = new ManualTime();
        var table = new JobTable(DirectoryDatabase, "node", time);
        await table.EnqueueAsync("work", "", Cancellation);
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            var lease = (await table.ClaimAsync(["work"], Cancellation))!;
            Assert.Equal(attempt, lease.Job.Attempts);
            Assert.True(await table.ReturnAsync(lease.Job, time.GetUtcNow().AddSeconds(100), "broken", Cancellation));
            Assert.Null(await table.ClaimAsync(["work"], Cancellation));
            time.Advance(TimeSpan.FromSeconds(100));
        }

        var stuck = (await table.ListAsync(Paging.Of(null, null), Cancellation)).Items[0];
        Assert.Equal((true, "broken"), (stuck.IsStuck, stuck.Failure));
        var last = (await table.ClaimAsync(["work"], Cancellation))!;
        await last.SaveAsync("on", Cancellation);
        Assert.False((await table.FindLatestAsync("work", Cancellation))!.IsStuck);
    }

    [Fact]
    public async Task A_runner_does_what_is_due_and_gives_back_what_it_is_stopped_in()
    {
        var table = new JobTable(DirectoryDatabase, "node", TimeProvider.System);
        var kind = new Counting();
        var runner = new JobRunner(table, [kind], TimeProvider.System, NullLogger.Instance);
        runner.Start();
        await table.EnqueueAsync("counting", "", Cancellation);
        await kind.Begun.Task.WaitAsync(Cancellation);
        Assert.Equal("running", (await table.FindLatestAsync("counting", Cancellation))!.State);
        await runner.DisposeAsync();
        var given = (await table.FindLatestAsync("counting", Cancellation))!;
        Assert.Equal(("waiting", 0, "1", null), (given.State, given.LeaseUntil, given.Progress, given.Failure));
        var next = new Counting { IsPatient = false };
        await using var other = new JobRunner(table, [next], TimeProvider.System, NullLogger.Instance);
        other.Start();
        await next.Begun.Task.WaitAsync(Cancellation);
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while ((await table.FindLatestAsync("counting", Cancellation))!.EndedAt is null)
        {
            await pause.WaitForNextTickAsync(Cancellation);
        }

        Assert.Equal("2", (await table.FindLatestAsync("counting", Cancellation))!.Progress);
    }

    [Fact]
    public async Task Usage_and_samples_are_kept_once_a_day_and_thinned_out()
    {
        var (a, b) = (await AdmitAsync("a"), await AdmitAsync("b"));
        var usages = new AccountUsages(Directory, Store, TimeProvider.System);
        await InsertObjectsAsync(a, 3);
        Assert.Equal(new AccountUsages.Usage(0, 0, 0, 0), await usages.KeepAsync(9, Cancellation));
        await InsertSnapshotAsync(a, 1, 3, 10 * Day - 1);
        Assert.Equal(new AccountUsages.Usage(0, 0, 0, 0), await usages.KeepAsync(9, Cancellation));
        Assert.Equal(new AccountUsages.Usage(300, 3, 1, 0), await usages.KeepAsync(10, Cancellation));
        await Store.WriteAsync(b, transaction => InsertDeviceAsync(transaction, 1, "x"), Cancellation);
        await usages.KeepAsync(10, Cancellation);
        await usages.KeepAsync(11, Cancellation);
        var list = (await usages.ListAsync(null, Paging.Of(null, null), Cancellation)).Items;
        Assert.Equal([("a", 10L, 300L, 3L, 0L), ("b", 10L, 0L, 0L, 1L)], list.Select(usage => (usage.Name, usage.Day!.Value, usage.Bytes, usage.Objects, usage.Computers)));
        Assert.Equal([9L, 10L], await Store.ReadAsync(a, transaction => transaction.QueryAsync<long>("SELECT day FROM account_usage WHERE account_id = @account"), Cancellation));

        var samples = new Samples(DirectoryDatabase);
        for (var day = 0; day <= 1000; day++)
        {
            await samples.KeepAsync(day, [("m", "s", day), ("n", "", 1)], Cancellation);
        }

        await samples.KeepAsync(1000, [("m", "s", 7)], Cancellation);
        var kept = new List<Protocol.Messages.GrowthSample>();
        for (Page<Protocol.Messages.GrowthSample>? page = null; page is null || page.Next is not null; kept.AddRange(page.Items))
        {
            page = await samples.ListAsync("m", Paging.Of(page?.Next, 13), Cancellation);
        }

        Assert.Equal(kept.OrderBy(sample => sample.Day).Select(sample => sample.Day).Distinct(), kept.Select(sample => sample.Day));
        Assert.Equal(61, kept.Count(sample => sample.Day >= 940));
        Assert.InRange(kept.Count, 61 + 47, 61 + 52 + 23);
        Assert.Equal(7, kept[^1].Value);
    }

    [Fact]
    public async Task The_audit_log_has_no_gaps_whoever_writes_and_a_change_is_found()
    {
        var audit = new AuditLog(DirectoryDatabase, TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(0, 20).Select(number => Task.Run(() => audit.AppendAsync("me", "do", $"{number}", Cancellation))));
        var entries = (await audit.ListAsync(Paging.Of(null, null), Cancellation)).Items;
        Assert.Equal(Enumerable.Range(1, 20).Select(number => (long)number), entries.Select(entry => entry.Number));
        var before = new byte[32];
        foreach (var entry in entries)
        {
            Assert.Equal(entry.HashBehind(before), entry.Hash);
            Assert.NotEqual((entry with { Subject = entry.Subject + "x" }).HashBehind(before), entry.Hash);
            before = entry.Hash;
        }
    }

    [Fact]
    public async Task Sizes_name_the_tables_of_the_kind()
    {
        var place = await AdmitAsync("a");
        await InsertObjectsAsync(place, 5);
        var sizes = await Store.SizesAsync(Cancellation);
        Assert.Equal(["one", "two"], sizes.Select(size => size.Home));
        Assert.Contains(sizes[0].Size.Tables, table => table.Table == "objects");
        Assert.DoesNotContain(sizes[0].Size.Tables, table => table.Table is "operators" or "holdfast_schema");
        Assert.True(sizes[0].Size.Bytes > 0);
    }

    [Fact]
    public async Task Usage_is_derived_again_from_snapshots_records()
    {
        var random = new Random(8);
        var (a, b) = (await AdmitAsync("a"), await AdmitAsync("b"));
        var usages = new AccountUsages(Directory, Store, TimeProvider.System);
        var number = 0;
        const int FirstDay = 100, LastDay = 130;
        for (var day = FirstDay; day <= LastDay; day++)
        {
            // It is counted at some time of the day, between what is uploaded and what is committed.
            await usages.KeepAsync(day, Cancellation);
            foreach (var place in new[] { a, b }.Where(_ => random.Next(3) > 0))
            {
                var (computer, at) = (random.Next(1, 4), (day * Day) + random.Next((int)Day));
                await Store.WriteAsync(place, async transaction =>
                {
                    await transaction.ExecuteAsync(
                        "INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, version) VALUES (@account, @computer, 'x', @hash, 'Add', 0, @at, @version) ON CONFLICT (account_id, computer) DO UPDATE SET retired_at = coalesce(devices.retired_at, @at)",
                        new { computer, hash = Guid.NewGuid().ToByteArray(), at });
                    foreach (var length in Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(1, 1_000_000)))
                    {
                        number++;
                        await transaction.ExecuteAsync("INSERT INTO objects (account_id, number, session, computer, state, touched, type, length, receipt, version) VALUES (@account, @number, 1, @computer, @state, 1, 1, @length, @receipt, @version)",
                            new { number, computer, length, receipt = new byte[1], state = random.Next(2) == 0 ? "granted" : "live" });
                    }

                    return 0;
                }, Cancellation);
                if (random.Next(3) > 0)
                {
                    await InsertSnapshotAsync(place, computer, ++number, at);
                }
            }

            await usages.KeepAsync(day, Cancellation);
        }

        foreach (var place in new[] { a, b })
        {
            var days = await usages.DeriveAsync(place, FirstDay, LastDay, Cancellation);
            Assert.True(days.Select(day => day.Derived.Bytes).Distinct().Count() > 5);
            Assert.All(days, day => Assert.Equal(day.Derived, day.Kept! with { Day = day.Derived.Day }));
            Assert.Null((await usages.DeriveAsync(place, FirstDay - 1, FirstDay - 1, Cancellation))[0].Kept);

            // What is kept is only a copy: it may be lost.
            await Store.WriteAsync(place, transaction => transaction.ExecuteAsync("DELETE FROM account_usage WHERE account_id = @account"), Cancellation);
            var again = await usages.DeriveAsync(place, FirstDay, LastDay, Cancellation);
            Assert.Equal(days.Select(day => day.Derived), again.Select(day => day.Derived));
            Assert.All(again, day => Assert.Null(day.Kept));
        }
    }

    private const long Day = 86_400;

    private Task InsertSnapshotAsync(AccountPlace place, int computer, int number, long at) => Store.WriteAsync(place, transaction => transaction.ExecuteAsync(
        "INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version) VALUES (@account, @head, @computer, @number, @number, 'live', @head, @at, 1, @version)",
        new { head = Guid.NewGuid().ToByteArray(), computer, number, at }), Cancellation);

    private static Task InsertObjectsAsync(AccountStore store, AccountPlace place, int count) => store.WriteAsync(place, transaction => transaction.ExecuteEachAsync(
        "INSERT INTO objects (account_id, number, session, computer, state, touched, type, length, receipt, version) VALUES (@account, @number, 1, 1, 'live', 1, 1, 100, @receipt, @version)",
        Enumerable.Range(1, count).Select(number => new { number, receipt = new byte[1] })), Cancellation);

    private Task InsertObjectsAsync(AccountPlace place, int count) => InsertObjectsAsync(Store, place, count);

    /// <summary>Adds one to what was saved; the patient one then waits to be stopped.</summary>
    private sealed class Counting : IJobKind
    {
        public bool IsPatient { get; init; } = true;

        public TaskCompletionSource Begun { get; } = new();

        public string Name => "counting";

        public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
        {
            await lease.SaveAsync($"{int.Parse(lease.Job.Progress ?? "0", System.Globalization.CultureInfo.InvariantCulture) + 1}", cancellation);
            Begun.TrySetResult();
            if (IsPatient)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
            }

            return null;
        }
    }
}
