using Holdfast.Authority.Admitting;
using Holdfast.Authority.Incidents;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Probing;
using Holdfast.Protocol.Messages;

namespace Holdfast.Contracts.Tests;

/// <content>What the service measures of itself, and who waited.</content>
public abstract partial class DatabaseContract
{
    [Fact]
    public async Task What_probes_find_counts_by_day_and_what_lasts_is_an_incident()
    {
        var time = new ManualTime();
        var incidents = new IncidentTable(DirectoryDatabase, new Webhooks(DirectoryDatabase, Directory, time), time);
        var probes = new ProbeTable(DirectoryDatabase, incidents, time);
        async Task ProbeAsync(double secondsLater, string? restores)
        {
            time.Advance(TimeSpan.FromSeconds(secondsLater));
            await probes.KeepAsync([new ProbeOutcome(ServiceComponents.Restores, 5, restores), new ProbeOutcome(ServiceComponents.SignIn, 7, null)], Cancellation);
        }

        Task<IReadOnlyList<IncidentStatus>> IncidentsAsync() => DirectoryDatabase.ReadAsync(transaction => IncidentTable.SinceAsync(transaction, 0, 10), Cancellation);
        Task<IReadOnlyDictionary<long, long>> DaysAsync(string component) => DirectoryDatabase.ReadAsync(transaction => ProbeTable.DaysAsync(transaction, component, 0), Cancellation);

        // A failure that passes is counted, and nobody's news.
        await ProbeAsync(0, null);
        await ProbeAsync(30, "no pod");
        await ProbeAsync(30, null);
        Assert.Empty(await IncidentsAsync());
        Assert.Equal(30, (await DaysAsync(ServiceComponents.Restores)).Values.Sum());
        Assert.Equal(0, (await DaysAsync(ServiceComponents.SignIn)).Values.Sum());

        // One that lasts is an incident from where it began, once, and over when it is; why is for operators.
        for (var probe = 0; probe < 5; probe++)
        {
            await ProbeAsync(30, "no pod");
        }

        var began = time.GetUtcNow().ToUnixTimeSeconds() - 120;
        var open = Assert.Single(await IncidentsAsync());
        Assert.Equal((began, null, "restores", "outage"), (open.BeganAt, open.ClosedAt, Assert.Single(open.Components), open.Impact));
        Assert.Equal([true, false], open.Events.Select(one => one.IsPublic));
        await ProbeAsync(30, null);
        Assert.Equal(began + 150, Assert.Single(await IncidentsAsync()).ClosedAt);
        Assert.Equal(30 + 150, (await DaysAsync(ServiceComponents.Restores)).Values.Sum());

        // A clock that leaps while the node is there is no gap.
        await ProbeAsync(3600, null);
        Assert.Single(await IncidentsAsync());

        // Nobody was there for three days: another node knows behind it, on each of them.
        probes = new ProbeTable(DirectoryDatabase, incidents, time);
        await ProbeAsync(3 * 86_400, null);
        var gap = (await IncidentsAsync())[0];
        Assert.Equal((3 * 86_400, 3), (gap.ClosedAt - gap.BeganAt, gap.Components.Count));
        var days = await DaysAsync(ServiceComponents.SignIn);
        Assert.Equal((4, (3 * 86_400) - 30), (days.Count, days.Values.Sum()));
        Assert.Equal(2, days.Values.Count(away => away == 86_400));

        // A clock that went back takes nothing away, and opens nothing.
        await ProbeAsync(-3600, null);
        Assert.Equal(2, (await IncidentsAsync()).Count);
        Assert.Equal((3 * 86_400) - 30, (await DaysAsync(ServiceComponents.SignIn)).Values.Sum());
    }

    [Fact]
    public async Task Who_waits_for_a_turn_is_counted_from_the_first_time_until_it_is_let_in()
    {
        var time = new ManualTime();
        var (one, two) = ((await AdmitAsync("a")).Account, (await AdmitAsync("b")).Account);
        var gate = new GateTable(DirectoryDatabase, "node", new NodeFacts("1/1", [], null), time);
        await gate.OpenAsync(Cancellation);
        var began = time.GetUtcNow().ToUnixTimeMilliseconds();
        BackupMoment At(Holdfast.Format.Objects.AccountId account, uint computer, long seconds) => new(account, computer, began + (1000 * seconds));
        async Task TellAsync(IReadOnlyList<BackupMoment> waiting, params IReadOnlyList<BackupMoment> entered) => await gate.TellAsync(new GateNews(0, 0, 0, 0) { Waiting = waiting, Entered = entered }, Cancellation);
        await TellAsync([At(one, 1, 0), At(one, 2, 10), At(two, 1, 20)]);
        await TellAsync([At(one, 1, 30)]);
        await TellAsync([], At(one, 1, 100), At(one, 2, 310), At(two, 7, 310));
        var from = began / 1000;
        Assert.Equal(new GateWaits(2, 3, 1, 200, 300), await gate.WaitsAsync(from, from + 1000, Cancellation));

        // The next time is another wait.
        await TellAsync([At(one, 1, 2000)]);
        Assert.Equal(3, (await gate.WaitsAsync(from, from + 1000, Cancellation)).Computers);
        Assert.Equal(new GateWaits(1, 1, 1, 0, 0), await gate.WaitsAsync(from + 1000, from + 3000, Cancellation));
    }
}
