using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Scenarios.Tests;

/// <summary>Every database is gone, and some drives as well: accounts, computers and snapshots come back from what is left of the pod.</summary>
public sealed class RebuildTests : Scenario
{
    private string[] Drives => [.. Enumerable.Range(0, 5).Select(slot => Path.Combine(Root, $"drive{slot}"))];

    [Fact]
    public async Task Accounts_come_back_from_the_drives_that_are_left()
    {
        await using var service = await StartOnDrivesAsync("first");
        var one = await EnrolAsync(service, "one", await service.NewAccountAsync("customer", Cancellation));
        var two = await EnrolAsync(service, "two", await service.NewCodeAsync("customer", Cancellation));
        var lost = await EnrolAsync(service, "lost", await service.NewCodeAsync("customer", Cancellation));
        var other = await EnrolAsync(service, "other", await service.NewAccountAsync("somebody-else", Cancellation));
        var (tree, more) = (MakeTree("tree", seed: 1), MakeTree("more", seed: 2, files: 20));
        foreach (var (computer, source) in new[] { (one, tree), (two, tree), (lost, more), (two, more), (other, more) })
        {
            await computer.MustAsync(Cancellation, "backup", source);
        }

        using (var opened = await OpenedComputer.OpenAsync(one, Cancellation))
        {
            await opened.SayAsync(StatementKind.ComputerRevoked, ComputerFile.Load(lost.Folders).Number, 0, Cancellation);
        }

        var received = service.Ask<long>("SELECT sum(received_at) FROM snapshots");
        var highest = service.Ask<long>("SELECT max(next_number) FROM fence");

        // The machine is gone, and with it all databases, keys, the list of drives, and two drives: all that 3+2 can spare.
        await service.KillAsync(Cancellation);
        Directory.Delete(Drives[1], recursive: true);
        Directory.Delete(Drives[4], recursive: true);
        var data = Path.Combine(Root, "second");
        await TestDatabases.MakeAsync(data, Cancellation);
        var rebuilt = await OperateAsync(["rebuild", "--data", data, "--drive", Drives[3], "--drive", Drives[0], "--drive", Drives[2]]);
        Assert.True(rebuilt.ExitCode == 0, rebuilt.Output + rebuilt.Error);
        Assert.Contains("2 accounts, 5 snapshots", rebuilt.LastLine, StringComparison.Ordinal);
        await using var second = await Service.StartAsync(data, service.Url, Cancellation);
        Assert.True(second.Ask<long>("SELECT min(next_number) FROM fence") >= 1 << 20);
        Assert.True(second.Ask<long>("SELECT max(next_number) FROM fence") < highest + (1 << 20) + 1);
        Assert.Equal(0, second.Ask<long>("SELECT count(*) FROM objects WHERE state <> 'live'"));
        Assert.InRange(second.Ask<long>("SELECT sum(received_at) FROM snapshots"), received, received + 25);

        // Too few drives to write: those that are lost are replaced, and rebuilt while customers work.
        await second.KillAsync(Cancellation);
        Assert.Equal(0, (await second.OperateAsync(["pod", "replace-drive", "1", Path.Combine(Root, "new1")], Cancellation)).ExitCode);
        Assert.Equal(0, (await second.OperateAsync(["pod", "replace-drive", "4", Path.Combine(Root, "new4")], Cancellation)).ExitCode);
        await second.RestartAsync(Cancellation);

        // A computer is let in by its key, sends nothing that is there already, and goes on with its chain.
        var backup = await one.MustAsync(Cancellation, "backup", tree, "--json");
        Assert.Contains("let it in by its key", backup.Error, StringComparison.Ordinal);
        Assert.InRange(JsonDocument.Parse(backup.LastLine).RootElement.GetProperty("bytes_new").GetInt64(), 0, 4000);
        var account = ComputerFile.Load(one.Folders).Account.ToString();
        Assert.Contains($"{account}  rebuilt", (await second.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        Assert.Contains("[token_invalid]", (await lost.RunAsync(Cancellation, "backup", more)).Error, StringComparison.Ordinal);

        // Whoever has the passphrase sees everything; only `attach` confirms the account, and with another one's passphrase nobody does.
        Assert.Equal(5, (await one.MustAsync(Cancellation, "snapshots", "--quiet")).Output.TrimEnd().Split('\n').Length);
        Assert.Contains($"{account}  rebuilt", (await second.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        one.Environment["HOLDFAST_PASSPHRASE"] = "a guess";
        Assert.Equal(ExitCode.WrongPassphrase, (await one.RunAsync(Cancellation, "attach")).ExitCode);
        one.Environment["HOLDFAST_PASSPHRASE"] = ClientComputer.Passphrase;
        Assert.Contains("5 snapshots", (await one.MustAsync(Cancellation, "attach")).Output, StringComparison.Ordinal);
        Assert.Contains($"{account}  open", (await second.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        await one.RestoresIdenticallyAsync(tree, Cancellation);
        await one.MustAsync(Cancellation, "check", "--read-data");

        // Somebody whose computers are all gone has the recovery key, and the operator's code for the account's id.
        Assert.Equal(0, (await second.OperateAsync(["account", "rename", ComputerFile.Load(other.Folders).Account.ToString(), "somebody-else"], Cancellation)).ExitCode);
        var fresh = new ClientComputer(Path.Combine(Root, "fresh"));
        fresh.Environment["HOLDFAST_PASSPHRASE"] = other.RecoveryKey!;
        await fresh.MustAsync(Cancellation, "enrol", second.Url, await second.NewCodeAsync("somebody-else", Cancellation));
        Assert.Contains("rebuilt", (await second.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        await fresh.MustAsync(Cancellation, "attach");
        await fresh.RestoresIdenticallyAsync(more, Cancellation);
        Assert.DoesNotContain("rebuilt", (await second.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rebuild_that_was_ended_begins_anew_and_databases_that_are_there_are_not_touched()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        await Service.KillAsync(Cancellation);
        var refused = await Service.OperateAsync(["rebuild"], Cancellation);
        Assert.Equal(11, refused.ExitCode);
        Assert.Contains(Service.Databases.RefusedBecause, refused.Error, StringComparison.Ordinal);
        await Service.RestartAsync(Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await Service.KillAsync(Cancellation);

        // Killed as soon as it has begun, a few times: the service does not run on what it left, and the next rebuild makes it whole.
        await Service.Databases.LoseAsync(Cancellation);

        for (var kills = 0; kills < 5; kills++)
        {
            using var rebuilding = Process.Start(Programs.Start(Programs.Holdfastd, ["rebuild", "--data", Service.Data], new Dictionary<string, string>()))!;
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (!Service.Databases.IsBeingRebuilt || (kills % 2 == 1 && SharedPostgres.Cluster is null && !File.Exists(Path.Combine(Service.Data, "accounts.db"))))
            {
                Assert.False(rebuilding.HasExited);
                await timer.WaitForNextTickAsync(Cancellation);
            }

            rebuilding.Kill();
            await rebuilding.WaitForExitAsync(Cancellation);
            if (!Service.Databases.IsBeingRebuilt)
            {
                break;
            }
        }

        Assert.True(Service.Databases.IsBeingRebuilt);
        var run = await Service.OperateAsync(["run"], Cancellation);
        Assert.Equal(11, run.ExitCode);
        Assert.Contains("holdfastd rebuild", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await Service.OperateAsync(["rebuild"], Cancellation)).ExitCode);
        await Service.RestartAsync(Cancellation);
        await computer.MustAsync(Cancellation, "attach");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task What_is_missing_or_not_signed_is_named_and_the_rest_comes_back()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 10);
        var more = MakeTree("more", seed: 2, files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "backup", more);
        var pack = Service.Ask<long>("SELECT max(number) FROM objects WHERE type = 1 AND state = 'live'");
        var account = ComputerFile.Load(computer.Folders).Account;
        await Service.KillAsync(Cancellation);
        await using (var pod = await Service.OpenPodAsync(Cancellation))
        {
            await Service.DeleteAsync(pod, new ObjectName(account, ObjectSpace.Numbered, (ulong)pack), Cancellation);

            // Condemned, but a snapshot needs it: it stays.
            var needed = Service.Ask<long>("SELECT min(number) FROM objects WHERE type = 1 AND state = 'live'");
            await pod.CondemnAsync(new ObjectName(account, ObjectSpace.Numbered, (ulong)needed), Cancellation);

            // A head that nobody signed, and a segment that its computer did sign, and that is rubbish.
            var head = new byte[272];
            new ObjectHeader { Type = ObjectType.Head, Account = account, Computer = 7, Sequence = 1 }.Write(head);
            await pod.PutAsync(ObjectName.Of(ObjectHeader.Read(head)), head, Cancellation);
            using var signingKey = ComputerFile.Load(computer.Folders).SigningKey;
            var rubbish = new ObjectHeader { Type = ObjectType.IndexSegment, Number = 60_000, Account = account, Computer = 1, Group = 1 };
            await pod.PutAsync(ObjectName.Of(rubbish), SignedObject.Build(rubbish, [.. Enumerable.Repeat((byte)0xFF, 5000)], signingKey), Cancellation);
        }

        await Service.Databases.LoseAsync(Cancellation);

        var rebuilt = await Service.OperateAsync(["rebuild"], Cancellation);
        Assert.Equal(3, rebuilt.ExitCode);
        Assert.Contains("snapshot 2 of computer 1 lacks", rebuilt.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("snapshot 1 of computer 1 lacks", rebuilt.Output, StringComparison.Ordinal);
        Assert.Contains("head 1 of computer 7", rebuilt.Output, StringComparison.Ordinal);
        Assert.Contains("index segment 60000", rebuilt.Output, StringComparison.Ordinal);
        await using (var pod = await Service.OpenPodAsync(Cancellation))
        {
            await foreach (var item in pod.ListAsync(null, Cancellation))
            {
                Assert.Null(item.CondemnedAt);
            }
        }

        await Service.RestartAsync(Cancellation);
        Assert.Equal(0, Service.Ask<long>("SELECT count(*) FROM objects WHERE state = 'condemned' AND type = 1"));
        await computer.MustAsync(Cancellation, "attach");
        await computer.RestoresIdenticallyAsync(tree, Cancellation, (await FirstSnapshotAsync(computer)));

        // What is missing is sent again by the next backup, and the service does not take it for stored.
        var check = await computer.RunAsync(Cancellation, "check");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("does not hold object", check.Output + check.Error, StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "backup", more);
        await computer.RestoresIdenticallyAsync(more, Cancellation);
    }

    [Fact]
    public async Task A_hole_in_the_log_lets_nobody_in_and_what_was_revoked_behind_it_stays_revoked()
    {
        var one = await EnrolAsync("one", "account");
        var lost = await EnrolAsync("lost", "account", await Service.NewCodeAsync("account", Cancellation));
        var tree = MakeTree("tree", files: 5);
        await one.MustAsync(Cancellation, "backup", tree);
        using (var opened = await OpenedComputer.OpenAsync(one, Cancellation))
        {
            await opened.SayAsync(StatementKind.MinimumAge, 0, 40, Cancellation);
        }

        using (var opened = await OpenedComputer.OpenAsync(one, Cancellation))
        {
            await opened.SayAsync(StatementKind.ComputerRevoked, ComputerFile.Load(lost.Folders).Number, 0, Cancellation);
        }

        var account = ComputerFile.Load(one.Folders).Account;
        var hole = Service.Ask<long>("SELECT max(sequence) - 1 FROM log");
        await Service.KillAsync(Cancellation);
        await using (var pod = await Service.OpenPodAsync(Cancellation))
        {
            await Service.DeleteAsync(pod, new ObjectName(account, ObjectSpace.Log, (ulong)hole), Cancellation);
        }

        await Service.Databases.LoseAsync(Cancellation);

        Assert.Equal(3, (await Service.OperateAsync(["rebuild"], Cancellation)).ExitCode);
        await Service.RestartAsync(Cancellation);
        Assert.Equal(1, Service.Ask<long>("SELECT sum(revoked) FROM devices"));
        Assert.Contains("[token_invalid]", (await lost.RunAsync(Cancellation, "backup", tree)).Error, StringComparison.Ordinal);
        await Service.OperateAsync(["operator", "create", "again"], Cancellation);
        Assert.Contains("log_damaged", (await Service.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        var stranger = new ClientComputer(Path.Combine(Root, "stranger"));
        var refused = await stranger.RunAsync(Cancellation, "enrol", Service.Url, await Service.NewCodeAsync(account.ToString(), Cancellation));
        Assert.Contains("[damaged_object]", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_a_certified_key_lets_a_computer_in_and_only_the_root_confirms()
    {
        var client = await EnrolAsync("one", "account");
        var computer = ComputerFile.Load(client.Folders);
        using var service = new ServiceClient(computer.ServiceUrl, computer.Account, computer.Token, TimeProvider.System);
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var challenge = (await service.AskAttachmentAsync(computer.Number, Cancellation)).Challenge;
        var hash = DeviceToken.HashOf(DeviceToken.Draw(computer.Account, computer.Number, RandomNumberGenerator.GetBytes));
        var host = new Uri(computer.ServiceUrl).Authority;
        Assert.Equal(FailureTable.TokenInvalid, (await Assert.ThrowsAsync<HoldfastException>(() => service.AttachAsync(computer.Number,
            new AttachComputer(challenge, hash, AttachmentChallenge.Prove(computer.SigningKey, challenge, "evil.example.org", hash)), Cancellation))).Kind);
        byte[] forged = [.. challenge[..^1], (byte)(challenge[^1] ^ 1)];
        foreach (var (number, answered, key, proved) in new[]
        {
            (computer.Number, challenge, stranger, hash),
            (computer.Number, challenge, computer.SigningKey, SHA256.HashData(hash)),
            (computer.Number, forged, computer.SigningKey, hash),
            (computer.Number, challenge[1..], computer.SigningKey, hash),
            (computer.Number + 1, challenge, computer.SigningKey, hash),
        })
        {
            var refused = await Assert.ThrowsAsync<HoldfastException>(() =>
                service.AttachAsync(number, new AttachComputer(answered, hash, AttachmentChallenge.Prove(key, answered, host, proved)), Cancellation));
            Assert.Equal(FailureTable.TokenInvalid, refused.Kind);
        }

        Assert.Equal(FailureTable.Forbidden, (await Assert.ThrowsAsync<HoldfastException>(() =>
            service.ConfirmAsync(new ConfirmAccount(challenge, AttachmentChallenge.Confirm(computer.SigningKey, challenge, host)), Cancellation))).Kind);
        await service.GetLogAsync(Cancellation);

        // The same answer twice: one token, and the old one is no longer good.
        var attach = new AttachComputer(challenge, hash, AttachmentChallenge.Prove(computer.SigningKey, challenge, host, hash));
        await service.AttachAsync(computer.Number, attach, Cancellation);
        await service.AttachAsync(computer.Number, attach, Cancellation);
        Assert.Equal(FailureTable.TokenInvalid, (await Assert.ThrowsAsync<HoldfastException>(() => service.GetLogAsync(Cancellation))).Kind);

        var bytes = new AttachmentChallenge(computer.Account, 1, new byte[16], DateTimeOffset.UnixEpoch).Sign(stranger);
        Assert.NotNull(AttachmentChallenge.TryVerify(bytes, stranger, DateTimeOffset.UnixEpoch.AddSeconds(-1)));
        Assert.Null(AttachmentChallenge.TryVerify(bytes, stranger, DateTimeOffset.UnixEpoch));
        Assert.Null(AttachmentChallenge.TryVerify(bytes, computer.SigningKey, DateTimeOffset.UnixEpoch.AddSeconds(-1)));
    }

    private static async Task<string> FirstSnapshotAsync(ClientComputer computer)
    {
        var first = JsonDocument.Parse((await computer.MustAsync(Cancellation, "snapshots", "--json")).Output.Split('\n')[0]).RootElement;
        return first.GetProperty("snapshot_id").GetString()!;
    }

    private async Task<Service> StartOnDrivesAsync(string name)
    {
        var data = Path.Combine(Root, name);
        Assert.Equal(0, (await OperateAsync(["pod", "create", "--data", data, .. Drives.SelectMany(drive => new[] { "--drive", drive })])).ExitCode);
        return await Service.StartAsync(data, Cancellation);
    }

    private async Task<ClientComputer> EnrolAsync(Service service, string name, string code)
    {
        var computer = new ClientComputer(Path.Combine(Root, name));
        var enrolled = await computer.MustAsync(Cancellation, "enrol", service.Url, code, "--name", name, "--json");
        computer.RecoveryKey = JsonDocument.Parse(enrolled.LastLine).RootElement.GetProperty("recovery_key").GetString();
        return computer;
    }

    private static Task<Ended> OperateAsync(string[] arguments) => Programs.RunAsync(Programs.Holdfastd, arguments, new Dictionary<string, string>(), Cancellation);
}
