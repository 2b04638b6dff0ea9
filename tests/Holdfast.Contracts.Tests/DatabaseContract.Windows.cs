using Holdfast.Admission;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Probing;
using Holdfast.Authority.Windows;
using Holdfast.Authority.Measuring;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Contracts.Tests;

/// <content>Maintenance windows: whose writes count, and who is told.</content>
public abstract partial class DatabaseContract
{
    [Fact]
    public async Task A_window_is_written_only_under_its_jobs_lease_and_by_what_was_read()
    {
        var (time, table) = (new ManualTime(), new WindowTable(DirectoryDatabase, new ManualTime()));
        var jobs = new JobTable(DirectoryDatabase, "node", time);
        var (window, _) = await AddWindowAsync(table);
        Assert.True(await table.ChangeAsync(window.Id, [WindowStates.Planned], $"state = '{WindowStates.InProgress}', started_at = 1", "Begun.", new { }, Cancellation, alone: true));
        Assert.False(await table.ChangeAsync(window.Id, [WindowStates.Planned], $"state = '{WindowStates.Aborting}'", "Given up.", new { }, Cancellation));
        var step = (await table.FindAsync(window.Id, Cancellation))!.Value.Steps[0];
        var lease = (await jobs.ClaimAsync([WindowJob.JobName], Cancellation))!;
        var running = step with { State = StepStates.Running, StartedAt = 5 };
        await table.StepAsync(lease, window.Id, step, running, "The step begins.", Cancellation);

        // Read before, and written after somebody else did: nothing changes, and nothing is said to have happened.
        await table.StepAsync(lease, window.Id, step, step with { State = StepStates.Done }, "Done.", Cancellation);
        Assert.Equal(StepStates.Running, (await table.FindAsync(window.Id, Cancellation))!.Value.Steps[0].State);

        // The lease ran out, and another node has it.
        time.Advance(JobTable.LeaseLength * 2);
        var other = (await new JobTable(DirectoryDatabase, "other", time).ClaimAsync([WindowJob.JobName], Cancellation))!;
        await Assert.ThrowsAsync<LeaseLostException>(() => table.StepAsync(lease, window.Id, running, running with { State = StepStates.Done }, "Done.", Cancellation));
        await Assert.ThrowsAsync<LeaseLostException>(() => table.LiveAsync(lease, window.Id, 1, 2, "late", null, ("Drives", 99), Cancellation));
        await table.LiveAsync(other, window.Id, 1, 2, null, [new ProbeOutcome(ServiceComponents.Restores, 30, "gone"), new ProbeOutcome(ServiceComponents.SignIn, 10, null), new ProbeOutcome(ServiceComponents.Backups, 99, "closed")], null, Cancellation);
        await table.LiveAsync(other, window.Id, 1, 2, null, [new ProbeOutcome(ServiceComponents.Restores, 20, null), new ProbeOutcome(ServiceComponents.SignIn, 10, null)], null, Cancellation);
        var (now, steps) = (await table.FindAsync("latest", Cancellation))!.Value;
        Assert.Equal((4, 1, 30, StepStates.Running), (now.Probes, now.ProbesFailed, now.ProbeWorst, steps[0].State));

        // When the gate opens is said of the gate that was closed for this, and no other.
        var gate = new GateTable(DirectoryDatabase, "one", new NodeFacts("1/1", [], null), time);
        await gate.OpenAsync(Cancellation);
        Assert.True(await gate.ChangeAsync(GateMode.Closed, "Drives", 500, null, long.MaxValue / 2, [], null, Cancellation));
        await table.LiveAsync(other, window.Id, 1, 2, null, null, ("Discs", 1000), Cancellation);
        Assert.Equal(500, (await gate.ReadAsync(Cancellation)).OpensAt);
        await table.LiveAsync(other, window.Id, 1, 2, null, null, ("Drives", 1000), Cancellation);
        Assert.Equal(1000, (await gate.ReadAsync(Cancellation)).OpensAt);

        // Only a window that is paused is resumed, and one alone is in progress.
        Assert.False(await table.ResumeAsync(window.Id, running, running with { State = StepStates.Done }, "Skipped.", Cancellation));
        var (second, _) = await AddWindowAsync(table);
        Assert.False(await table.ChangeAsync(second.Id, [WindowStates.Planned], $"state = '{WindowStates.InProgress}'", "Begun.", new { }, Cancellation, alone: true));
        Assert.True(await table.ChangeAsync(window.Id, [WindowStates.InProgress], $"state = '{WindowStates.Paused}'", "Paused.", new { }, Cancellation));
        Assert.True(await table.ResumeAsync(window.Id, running, running with { State = StepStates.Done }, "Skipped.", Cancellation));
        Assert.Equal(["Planned by somebody.", "Begun.", "The step begins.", "A probe of restores failed: gone", "Paused.", "Skipped."], (await table.EventsAsync(window.Id, Cancellation)).Select(one => one.Event));
    }

    [Fact]
    public async Task Owners_are_told_of_a_window_once_each_whoever_is_interrupted()
    {
        var time = new ManualTime();
        await AdmitAsync("a");
        await OwnAsync("a", [.. Enumerable.Range(0, 450).Select(person => ($"p{person:000}", person % 50 == 7 ? "member" : "owner"))]);
        await DirectoryDatabase.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE people SET time_zone = 'Asia/Tokyo' WHERE email = 'p003@example.org'"), Cancellation);
        var webhooks = new Webhooks(DirectoryDatabase, Directory, time);
        await webhooks.AddAsync(new AddWebhook("https://example.org/hook", [WebhookTopics.WindowChanged]), Cancellation);
        var notices = new WindowNotices(new Circulars(DirectoryDatabase, new Outbox(DirectoryDatabase, _mail, time)), webhooks, time);
        var window = (await AddWindowAsync(new WindowTable(DirectoryDatabase, time))).Window with { BackBy = 1_800_000_000, CaughtUpBy = 1_800_090_000 };

        // Begun by two at once, and one of them stopped somewhere.
        using var stop = new CancellationTokenSource();
        var telling = Task.Run(() => notices.TellAsync(window, WindowNotices.Announced, "Restores work.\nYou need not do anything.", stop.Token), Cancellation);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => telling);
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => notices.TellAsync(window, WindowNotices.Announced, "Restores work.\nYou need not do anything.", Cancellation), Cancellation)));
        await notices.TellAsync(window, WindowNotices.Announced, null, Cancellation);
        var mail = await DirectoryDatabase.ReadAsync(transaction => transaction.QueryAsync<(string Recipient, string Body)>("SELECT recipient, body FROM outbox"), Cancellation);
        Assert.Equal((441, 441), (mail.Count, mail.Select(one => one.Recipient).Distinct().Count()));
        Assert.All(mail.Where(one => one.Recipient != "p003@example.org"), one => Assert.Contains("Restores work.\n\nYou need not do anything.\n\nBackups pause until 2027-01-15 08:00 UTC", one.Body, StringComparison.Ordinal));
        Assert.Contains("until 2027-01-15 17:00 (Asia/Tokyo, 08:00 UTC)", mail.Single(one => one.Recipient == "p003@example.org").Body, StringComparison.Ordinal);
        await notices.TellAsync(window, WindowNotices.Over, null, Cancellation);
        Assert.Equal(882, await CountAsync("outbox"));
        Assert.Equal(2, await CountAsync("deliveries"));

        // A node that sends no mail tells nobody, unless another one does: then it leaves what is to be sent to that.
        var (silent, other) = (new Outbox(DirectoryDatabase, null, time), new WindowNotices(new Circulars(DirectoryDatabase, new Outbox(DirectoryDatabase, null, time)), new Webhooks(DirectoryDatabase, Directory, time), time));
        await silent.RenewAsync(Cancellation);
        await other.TellAsync(window, WindowNotices.Begins, null, Cancellation);
        Assert.Equal(882, await CountAsync("outbox"));
        await new Outbox(DirectoryDatabase, _mail, time).RenewAsync(Cancellation);
        await other.TellAsync(window, WindowNotices.GivenUp, null, Cancellation);
        Assert.Equal(1323, await CountAsync("outbox"));

        // One that has not said so for a day is not there any more.
        time.Advance(TimeSpan.FromDays(2));
        Assert.False(await silent.IsSentAsync(Cancellation));
    }

    [Fact]
    public async Task Two_windows_are_not_at_once_also_if_one_of_them_is_late()
    {
        var time = new ManualTime();
        var (table, jobs) = (new WindowTable(DirectoryDatabase, time), new JobTable(DirectoryDatabase, "node", time));
        var (first, second) = ((await AddWindowAsync(table)).Window, (await AddWindowAsync(table)).Window);
        const long From = 1_799_990_000, Hour = 3600;
        Task CheckAsync(long from, long until) => DirectoryDatabase.WriteAsync(async transaction =>
        {
            await table.CheckAloneAsync(transaction, second.Id, from, until);
            return 0;
        }, Cancellation);

        // What is only planned is in nobody's way.
        await CheckAsync(From, From + Hour);
        Assert.True(await table.ChangeAsync(first.Id, [WindowStates.Planned], $"state = '{WindowStates.Announced}', announced_at = 1, back_by = {From + Hour}, caught_up_by = {From + Hour}", "Announced.", new { }, Cancellation));
        Assert.Contains("'New disks'", (await Assert.ThrowsAsync<HoldfastException>(() => CheckAsync(From + Hour - 1, From + (2 * Hour)))).Message, StringComparison.Ordinal);
        await CheckAsync(From + Hour, From + (2 * Hour));
        await CheckAsync(From - Hour, From);

        // Under way it is where it really is: begun before its time, and later over.
        Assert.True(await table.ChangeAsync(first.Id, [WindowStates.Announced], $"state = '{WindowStates.InProgress}', started_at = {From - Hour}", "Begun.", new { }, Cancellation, alone: true));
        var lease = (await jobs.ClaimAsync([WindowJob.JobName], Cancellation))!;
        var late = time.GetUtcNow().ToUnixTimeSeconds() + (5 * Hour);
        await table.LiveAsync(lease, first.Id, late, late, null, null, null, Cancellation);
        Assert.Contains("by what is known now", (await Assert.ThrowsAsync<HoldfastException>(() => CheckAsync(late - 1, late + Hour))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<HoldfastException>(() => CheckAsync(From - 1, From));
        await CheckAsync(late, late + Hour);
    }

    [Fact]
    public async Task Estimates_read_the_latest_runs_of_each_kind_of_work_however_many_there_are_of_another()
    {
        var actuals = new Actuals(DirectoryDatabase);
        Task KeepAsync(string id, string kind) => actuals.KeepAsync(id, new Actual(kind, "x", 1, 2, 2, 3, 1, ""), Cancellation);
        await KeepAsync("1", "move");
        for (var run = 0; run < 20; run++)
        {
            await KeepAsync($"2{run:00}", "verify");
        }

        await KeepAsync("3", "nobody asks");
        Assert.Equal(["move", "verify", "verify", "verify"], (await actuals.LatestAsync(["move", "verify"], 3, Cancellation)).Select(actual => actual.Kind));
    }

    private async Task<(Window Window, PlanStep Step)> AddWindowAsync(WindowTable table)
    {
        var step = new PlanStep("gate", "gate", new Dictionary<string, string>(), []);
        var window = new Window { Id = Guid.CreateVersion7().ToString(), Name = "New disks", Plan = "", State = WindowStates.Planned, StartsAt = 1_799_990_000, PlannedBy = "somebody" };
        await table.AddAsync(window, [step], Cancellation);
        return (window, step);
    }
}
