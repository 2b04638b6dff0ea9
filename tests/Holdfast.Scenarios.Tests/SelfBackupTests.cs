using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Client.Computers;
using Holdfast.Format.Accounts;

namespace Holdfast.Scenarios.Tests;

/// <summary>The machine of the authority is gone: an old copy of its databases comes back from the pod, and what came since as well.</summary>
public sealed class SelfBackupTests : Scenario
{
    private const string Password = "correct horse battery";

    private string[] Drives => [.. Enumerable.Range(0, 3).Select(slot => Path.Combine(Root, $"drive{slot}"))];

    private string KeyFile => Path.Combine(Root, "kept-elsewhere.key");

    private protected override async Task<Service> StartServiceAsync()
    {
        var data = Path.Combine(Root, "service");
        Assert.Equal(0, (await OperateAsync(["pod", "create", "--data", data, .. Drives.SelectMany(drive => new[] { "--drive", drive })])).ExitCode);
        return await Service.StartAsync(data, Cancellation);
    }

    [Fact]
    public async Task An_old_copy_comes_back_and_what_came_since_as_well()
    {
        // What the copy has: two computers with a backup, somebody else, a person.
        var (tree, more, latest) = (MakeTree("tree", seed: 1, files: 20), MakeTree("more", seed: 2, files: 10), MakeTree("latest", seed: 3, files: 10));
        var one = await EnrolAsync("one", "customer");
        var lost = await EnrolAsync("lost", "customer", await Service.NewCodeAsync("customer", Cancellation));
        var gone = await EnrolAsync("gone", "goes");
        await Service.NewAccountAsync("never used", Cancellation);
        foreach (var computer in new[] { one, lost, gone })
        {
            await computer.MustAsync(Cancellation, "backup", tree);
        }

        await InvitePersonAsync();
        Assert.Empty(JsonDocument.Parse((await Service.OperateAsync(["backup-self", "list", "--json"], Cancellation)).Output).RootElement.GetProperty("backups").EnumerateArray());
        var copied = await Service.OperateAsync(["backup-self"], Cancellation);
        Assert.True(copied.ExitCode == 0, copied.Error);
        await File.WriteAllTextAsync(KeyFile, (await Service.OperateAsync(["backup-self", "key"], Cancellation)).Output, Cancellation);
        Assert.Single(JsonDocument.Parse((await Service.OperateAsync(["backup-self", "list", "--json"], Cancellation)).Output).RootElement.GetProperty("backups").EnumerateArray());

        // What came since: a snapshot, a computer, a revocation, an account, and the end of one.
        await one.MustAsync(Cancellation, "backup", more);
        var later = await EnrolAsync("later", "customer", await Service.NewCodeAsync("customer", Cancellation));
        await later.MustAsync(Cancellation, "backup", latest);
        using (var opened = await OpenedComputer.OpenAsync(one, Cancellation))
        {
            await opened.SayAsync(StatementKind.ComputerRevoked, ComputerFile.Load(lost.Folders).Number, 0, Cancellation);
        }

        var fresh = await EnrolAsync("fresh", "after the copy");
        await fresh.MustAsync(Cancellation, "backup", latest);
        await CloseAtOnceAsync("goes");
        var highest = Service.Ask<long>("SELECT max(next_number) FROM fence");

        // The machine is gone, with its databases and keys; the drives are left.
        await Service.KillAsync(Cancellation);
        var data = Path.Combine(Root, "new");
        await TestDatabases.MakeAsync(data, Cancellation);
        string[] restore = ["restore-self", "--data", data, "--key-file", KeyFile, .. Drives.SelectMany(drive => new[] { "--drive", drive })];
        var restored = await OperateAsync(restore);
        Assert.True(restored.ExitCode == 0, restored.Output + restored.Error);
        Assert.Contains("2 accounts and", restored.Output, StringComparison.Ordinal);
        Assert.Contains("1 that were closed since are gone", restored.Output, StringComparison.Ordinal);
        Assert.Equal(11, (await OperateAsync(["restore-self", "--data", data, "--key-file", KeyFile])).ExitCode);
        await using var second = await Service.StartAsync(data, Service.Url, Cancellation, isFirst: false);

        // Restores work; once all is compared, everything is there, and nothing is sent twice.
        await one.RestoresIdenticallyAsync(more, Cancellation);
        await WaitUntilComparedAsync(second);
        Assert.Equal(4, (await one.MustAsync(Cancellation, "snapshots", "--quiet")).Output.TrimEnd().Split('\n').Length);
        await later.RestoresIdenticallyAsync(latest, Cancellation);
        await one.SendsNothingNewAsync(more, Cancellation);
        await later.SendsNothingNewAsync(latest, Cancellation);
        await one.RestoresIdenticallyAsync(more, Cancellation);
        await one.MustAsync(Cancellation, "check", "--read-data");
        Assert.True(second.Ask<long>("SELECT min(next_number) FROM fence WHERE account_id IN (SELECT account_id FROM objects)") >= 1 << 20);
        Assert.True(second.Ask<long>("SELECT max(next_number) FROM fence") < highest + (1 << 20) + 1000);

        // Names, people and tokens are the copy's; who was revoked stays so; the account that came since has its id for a name; the one that ended is gone.
        Assert.Contains("[token_invalid]", (await lost.RunAsync(Cancellation, "backup", more)).Error, StringComparison.Ordinal);
        var accounts = (await second.OperateAsync(["account", "list"], Cancellation)).Output;
        Assert.Contains("  customer", accounts, StringComparison.Ordinal);
        Assert.Contains("open      never used", accounts, StringComparison.Ordinal);
        Assert.DoesNotContain("goes", accounts, StringComparison.Ordinal);
        Assert.Contains($"{ComputerFile.Load(fresh.Folders).Account}  rebuilt", accounts, StringComparison.Ordinal);
        await fresh.RestoresIdenticallyAsync(latest, Cancellation);
        await fresh.SendsNothingNewAsync(latest, Cancellation);
        Assert.Equal(1, (await gone.RunAsync(Cancellation, "snapshots")).ExitCode);
        using (var anybody = new ApiCaller(second.Url))
        {
            Assert.Equal(200, (await anybody.PostAsync("/v1/sign-ins", new { email = "me@example.org", password = Password })).Status);
        }

        Assert.Equal(0, (await second.OperateAsync(["pod", "verify"], Cancellation)).ExitCode);
        await EnrolAsync(second, "another", await second.NewCodeAsync("never used", Cancellation));
    }

    [Fact]
    public async Task Until_an_account_is_compared_it_restores_and_backs_up_nothing_and_a_kill_changes_nothing()
    {
        var tree = MakeTree("tree", files: 10);
        var computers = new List<ClientComputer>();
        for (var i = 0; i < 4; i++)
        {
            computers.Add(await EnrolAsync($"computer{i}", $"customer {i}"));
            await computers[i].MustAsync(Cancellation, "backup", tree);
        }

        // As a restored copy leaves it: some objects came since. What is read is taken in, and nothing else is until the job has come.
        Service.DirectorySql("UPDATE accounts SET reconciling = 1");
        Assert.True(Service.Sql("DELETE FROM objects WHERE number % 2 = 0") > 100);
        var refused = await computers[0].RunAsync(Cancellation, "backup", tree);
        Assert.Equal(75, refused.ExitCode);
        Assert.Contains("[account_reconciling]", refused.Error, StringComparison.Ordinal);
        await computers[0].RestoresIdenticallyAsync(tree, Cancellation);
        computers[1].DeleteCache();
        await computers[1].RestoresIdenticallyAsync(tree, Cancellation);

        // What its rows say is not what the pod has: nothing is called damaged because of that.
        foreach (var verify in new string[][] { ["pod", "verify"], ["pod", "verify", "--account", "customer 0"] })
        {
            var verified = await Service.OperateAsync(verify, Cancellation);
            Assert.Equal(1, verified.ExitCode);
            Assert.Contains("is being compared with the pod: verify it later", verified.Output + verified.Error, StringComparison.Ordinal);
        }

        // The job comes with the next start, and goes on after a kill.
        await Service.StopAsync(Cancellation);
        Service.Sql("DELETE FROM objects WHERE number % 2 = 1 AND receipt IS NOT NULL");
        Service.Sql("DELETE FROM snapshot_pages");
        Service.Sql("UPDATE fence SET next_number = 1");
        await Service.RestartAsync(Cancellation);
        using (var look = new PeriodicTimer(TimeSpan.FromMilliseconds(1)))
        {
            while (Service.DirectorySql("UPDATE accounts SET name = name WHERE reconciling = 0") == 0)
            {
                await look.WaitForNextTickAsync(Cancellation);
            }
        }

        await Service.KillAsync(Cancellation);
        Service.DirectorySql("UPDATE jobs SET lease_until = 0");
        await Service.RestartAsync(Cancellation);
        await WaitUntilComparedAsync(Service);
        foreach (var computer in computers)
        {
            await computer.RestoresIdenticallyAsync(tree, Cancellation);
            await computer.SendsNothingNewAsync(tree, Cancellation);
        }
    }

    [Fact]
    public async Task Another_key_or_a_changed_copy_restores_nothing()
    {
        await Service.NewAccountAsync("customer", Cancellation);
        Assert.Equal(0, (await Service.OperateAsync(["backup-self"], Cancellation)).ExitCode);
        await Service.KillAsync(Cancellation);
        var data = Path.Combine(Root, "new");
        await TestDatabases.MakeAsync(data, Cancellation);
        var drawn = RandomNumberGenerator.GetBytes(32);
        await File.WriteAllTextAsync(KeyFile, $"holdfast-self-backup-{Convert.ToHexStringLower(drawn)}{Convert.ToHexStringLower(SHA256.HashData(drawn)[..4])}", Cancellation);
        string[] restore = ["restore-self", "--data", data, "--key-file", KeyFile, .. Drives.SelectMany(drive => new[] { "--drive", drive })];
        var other = await OperateAsync(restore);
        Assert.Equal(12, other.ExitCode);
        Assert.Contains("does not open with this key", other.Error, StringComparison.Ordinal);
        await File.WriteAllTextAsync(KeyFile, "holdfast-self-backup-0123", Cancellation);
        Assert.Equal(2, (await OperateAsync(restore)).ExitCode);
        Assert.NotEqual(0, (await OperateAsync(["run", "--data", data, "--listen", "http://127.0.0.1:0"])).ExitCode);
        await File.WriteAllTextAsync(KeyFile, (await Service.OperateAsync(["backup-self", "key"], Cancellation)).Output, Cancellation);
        var missing = await OperateAsync([.. restore, "--number", "7"]);
        Assert.Equal(10, missing.ExitCode);
        Assert.Contains("no self-backup 7", missing.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await OperateAsync(restore)).ExitCode);
        foreach (var name in new[] { "authority.key", "pod.key", "operator-token", "bootstrap-secret", "self-backup.key" })
        {
            Assert.Equal(await File.ReadAllTextAsync(Path.Combine(Service.Data, name), Cancellation), await File.ReadAllTextAsync(Path.Combine(data, name), Cancellation));
        }
    }

    [Fact]
    public async Task What_the_pod_lost_since_the_copy_is_noticed_and_sent_again()
    {
        var computer = await EnrolAsync("one", "customer");
        var tree = MakeTree("tree", files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        var pack = Service.Ask<long>("SELECT min(number) FROM objects WHERE type = 1 AND state = 'live'");
        await Service.StopAsync(Cancellation);
        await using (var pod = await Service.OpenPodAsync(Cancellation))
        {
            await Service.DeleteAsync(pod, new Protocol.Grants.ObjectName(ComputerFile.Load(computer.Folders).Account, Protocol.Grants.ObjectSpace.Numbered, (ulong)pack), Cancellation);
        }

        Service.DirectorySql("UPDATE accounts SET reconciling = 1");
        await Service.RestartAsync(Cancellation);
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var status = await Service.OperateAsync(["restore-self", "status"], Cancellation);
        while (!status.Output.Contains("it has ended", StringComparison.Ordinal))
        {
            await look.WaitForNextTickAsync(Cancellation);
            status = await Service.OperateAsync(["restore-self", "status"], Cancellation);
        }

        Assert.True(status.ExitCode == 3, status.Output);
        Assert.Contains("1 objects are not on the pod any more", status.Output, StringComparison.Ordinal);
        Assert.Contains("lacks", status.Output, StringComparison.Ordinal);
        Assert.Equal(1, Service.Ask<long>("SELECT count(*) FROM objects WHERE state = 'deleted' AND number = @pack", ("@pack", pack)));
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    private async Task InvitePersonAsync()
    {
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        using var anybody = new ApiCaller(Service.Url);
        var code = (await bootstrap.PostAsync("/v1/operators/invitations", new { email = "me@example.org", role = "support" })).Text("code");
        Assert.Equal(200, (await anybody.PostAsync("/v1/people", new { code, name = "me", password = Password })).Status);
    }

    /// <summary>As if its date had come.</summary>
    private async Task CloseAtOnceAsync(string name)
    {
        Service.DirectorySql($"UPDATE accounts SET closes_at = 1 WHERE name = '{name}'");
        Service.DirectorySql($"INSERT INTO closures (account_id, name, asked_by, asked_at, closes_at) SELECT account_id, name, 'me', 1, 1 FROM accounts WHERE name = '{name}'");
        await Service.StopAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (Service.DirectorySql($"UPDATE closures SET name = name WHERE deleted_at IS NOT NULL") == 0)
        {
            await look.WaitForNextTickAsync(Cancellation);
        }
    }

    private static async Task WaitUntilComparedAsync(Service service)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            var status = await service.OperateAsync(["restore-self", "status", "--json"], Cancellation);
            Assert.True(status.ExitCode == 0, status.Output + status.Error);
            if (!JsonDocument.Parse(status.Output).RootElement.GetProperty("is_running").GetBoolean())
            {
                return;
            }

            await look.WaitForNextTickAsync(Cancellation);
        }
    }

    private async Task<ClientComputer> EnrolAsync(Service service, string name, string code)
    {
        var computer = new ClientComputer(Path.Combine(Root, name));
        await computer.MustAsync(Cancellation, "enrol", service.Url, code, "--name", name);
        return computer;
    }

    private static Task<Ended> OperateAsync(string[] arguments) => Programs.RunAsync(Programs.Holdfastd, arguments, new Dictionary<string, string>(), Cancellation);
}
