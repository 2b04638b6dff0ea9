using System.Text;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Scenarios.Tests;

/// <summary>Whatever is wrong: a typed error that says what to do, and nothing lost.</summary>
public sealed class BadInputTests : Scenario
{
    [Fact]
    public async Task Unreadable_files_are_named_and_the_snapshot_is_kept()
    {
        // Root reads everything, so the client runs as nobody, from where nobody can read it.
        var programs = Path.Combine(Root, "programs");
        Shell($"chmod a+rx '{Root}'; cp -r '{Path.GetDirectoryName(Programs.Holdfast)}' '{programs}'; chmod -R a+rX '{programs}'");
        Assert.SkipUnless(Shell($"[ $(id -u) = 0 ] && setpriv --reuid=nobody --clear-groups '{programs}/holdfast' version 2>/dev/null || true").Contains("holdfast", StringComparison.Ordinal),
            "this needs root, and a .NET runtime that nobody may read");
        var computer = await EnrolAsync("one", "unreadable");
        var tree = MakeTree("tree", files: 10);
        Shell($"chmod 000 '{tree}/d1/e1/f1'; chmod -R a+rX '{tree}/d0'; chown -R nobody '{computer.Root}'; chmod a+rx '{Root}' '{tree}'; chmod 700 '{tree}/d2'");

        var ended = await Programs.RunAsync("/usr/bin/setpriv", ["--reuid=nobody", "--clear-groups", programs + "/holdfast", "backup", tree], computer.Environment, Cancellation);
        Assert.True(ended.ExitCode == 3, ended.Error + ended.Output);
        Assert.Contains("/d1/e1/f1", ended.Error, StringComparison.Ordinal);
        Assert.Contains("/d2", ended.Error, StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "restore", "latest", "--target", Path.Combine(Root, "out"));
        Assert.True(File.Exists(Path.Combine(Root, "out") + tree + "/d0/e0/f0"));
    }

    [Fact]
    public async Task A_damaged_pack_is_found_and_named_and_the_rest_is_restored()
    {
        var computer = await EnrolAsync("one", "damaged");
        var tree = MakeTree("tree");
        await computer.MustAsync(Cancellation, "backup", tree);
        var pack = Largest();
        Shell($"printf 'XXXXXXXX' | dd of='{pack}' bs=1 seek=100000 conv=notrunc status=none");
        var check = await computer.RunAsync(Cancellation, "check", "--read-data");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("pack ", check.Output, StringComparison.Ordinal);
        var restore = await computer.RunAsync(Cancellation, "restore", "latest", "--target", Path.Combine(Root, "out"));
        Assert.Equal(3, restore.ExitCode);
        Assert.Contains("restored", restore.Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Lost_packs_are_noticed_at_commit_and_their_files_sent_again()
    {
        var computer = await EnrolAsync("one", "lost");
        var tree = MakeTree("tree");
        await computer.MustAsync(Cancellation, "backup", tree);
        await Service.KillAsync(Cancellation);
        Service.Sql("UPDATE objects SET state = 'deleted' WHERE type = 1");
        Service.Sql("UPDATE snapshots SET state = 'purged'");
        await using (var pod = await Service.OpenPodAsync(Cancellation))
        {
            await foreach (var item in pod.ListAsync(null, Cancellation))
            {
                if (item.Length > 200_000)
                {
                    await Service.DeleteAsync(pod, item.Name, Cancellation);
                }
            }
        }

        await Service.RestartAsync(Cancellation);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task What_no_reader_would_accept_is_refused_before_the_backup()
    {
        var computer = await EnrolAsync("one", "limits");
        var tree = MakeTree("tree", files: 3);
        var tag = await computer.RunAsync(Cancellation, "backup", tree, "--tag", new string('x', 300));
        Assert.Equal(2, tag.ExitCode);
        Assert.Contains("tags", tag.Error, StringComparison.Ordinal);
        var host = await computer.RunAsync(Cancellation, "backup", tree, "--host", new string('x', 300));
        Assert.Equal(2, host.ExitCode);
        Assert.Equal(2, (await computer.RunAsync(Cancellation, "backup", "")).ExitCode);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "snapshots");
    }

    [Fact]
    public async Task A_full_disk_on_the_pod_is_a_typed_error_and_loses_nothing()
    {
        var mount = MountSmall("small", "60M");
        try
        {
            await using var service = await Service.StartAsync(Path.Combine(mount, "service"), Cancellation);
            var computer = new ClientComputer(Path.Combine(Root, "one"));
            await computer.MustAsync(Cancellation, "enrol", service.Url, await service.NewAccountAsync("full", Cancellation));
            var small = MakeTree("small-tree", files: 20);
            await computer.MustAsync(Cancellation, "backup", small);
            var large = Path.Combine(Root, "large");
            Shell($"mkdir '{large}'; head -c 90M /dev/urandom > '{large}/big'");
            var ended = await computer.RunAsync(Cancellation, "backup", large);
            Assert.Equal(1, ended.ExitCode);
            Assert.Contains("[pod_full]", ended.Error, StringComparison.Ordinal);
            await computer.RestoresIdenticallyAsync(small, Cancellation);
            await computer.MustAsync(Cancellation, "check", "--read-data");
        }
        finally
        {
            Shell($"umount -l '{mount}'");
        }
    }

    [Fact]
    public async Task A_full_disk_on_the_client_is_a_typed_error()
    {
        var mount = MountSmall("small", "4M");
        var computer = await EnrolAsync("one", "client-full");
        var tree = Path.Combine(Root, "tree");
        Shell($"mkdir '{tree}'; head -c 20M /dev/urandom > '{tree}/big'");
        await computer.MustAsync(Cancellation, "backup", tree);
        try
        {
            var ended = await computer.RunAsync(Cancellation, "restore", "latest", "--target", mount);
            Assert.Equal(1, ended.ExitCode);
            Assert.Contains("[local_disk_full]", ended.Error, StringComparison.Ordinal);
            computer.Environment["HOLDFAST_CACHE_DIR"] = Path.Combine(mount, "cache");
            Shell($"rm -rf '{mount}'/*; head -c 4M /dev/zero > '{mount}/fill' || true");
            var backup = await computer.RunAsync(Cancellation, "backup", tree);
            Assert.Equal(1, backup.ExitCode);
            Assert.Matches(@"\[local_(disk_full|state)\]", backup.Error);
        }
        finally
        {
            Shell($"umount -l '{mount}'");
        }
    }

    [Fact]
    public async Task Two_computers_of_one_account_back_up_at_once_and_share_blobs()
    {
        var one = await EnrolAsync("one", "shared");
        var two = await EnrolAsync("two", "shared", await Service.NewCodeAsync("shared", Cancellation));
        var left = MakeTree("left", seed: 1);
        var right = MakeTree("right", seed: 2);
        var both = await Task.WhenAll(one.RunAsync(Cancellation, "backup", left), two.RunAsync(Cancellation, "backup", right));
        Assert.All(both, ended => Assert.True(ended.ExitCode == 0, ended.Error));
        await one.RestoresIdenticallyAsync(left, Cancellation);
        await two.RestoresIdenticallyAsync(right, Cancellation);
        var shared = await two.MustAsync(Cancellation, "backup", left, "--json");
        Assert.Contains("\"bytes_new\":", shared.Output, StringComparison.Ordinal);
        Assert.True(System.Text.Json.JsonDocument.Parse(shared.LastLine).RootElement.GetProperty("bytes_stored").GetInt64() < 200_000);
        Assert.Equal(3, (await one.MustAsync(Cancellation, "snapshots", "--quiet")).Output.TrimEnd().Split('\n').Length);
        await one.MustAsync(Cancellation, "check", "--read-data");
    }

    [Fact]
    public async Task A_newer_database_and_a_missing_drive_are_refused_as_they_are()
    {
        await Service.KillAsync(Cancellation);
        var schema = Service.Ask<long>("SELECT number FROM holdfast_schema");
        Service.Sql("UPDATE holdfast_schema SET number = 99, oldest = 98");
        var newer = await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", Service.Data, "--listen", "http://127.0.0.1:0"], new Dictionary<string, string>(), Cancellation);
        Assert.Equal(1, newer.ExitCode);
        Assert.Contains("schema 99", newer.Error, StringComparison.Ordinal);
        Service.Sql($"UPDATE holdfast_schema SET number = {schema}, oldest = {schema}");
        Shell($"mkdir '{Root}/aside' && mv '{Service.Pod}'/drive.hf* '{Root}/aside/'");
        var unmounted = await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", Service.Data, "--listen", "http://127.0.0.1:0"], new Dictionary<string, string>(), Cancellation);
        Assert.Equal(1, unmounted.ExitCode);
        Assert.Contains("not mounted", unmounted.Error, StringComparison.Ordinal);
        Shell($"mv '{Root}/aside'/* '{Service.Pod}/'");
        await Service.RestartAsync(Cancellation);
    }

    [Fact]
    public async Task A_truncated_or_changed_upload_stores_nothing_and_its_number_is_still_free()
    {
        var client = await EnrolAsync("one", "truncated");
        using var opened = await OpenedComputer.OpenAsync(client, Cancellation);
        var session = await opened.Service.OpenSessionAsync(new OpenSession(0), Cancellation);
        var grant = session.Grants[0];
        var name = new ObjectName(opened.Computer.Account, ObjectSpace.Numbered, grant.Number);
        var content = SignedObject.Build(new ObjectHeader { Type = ObjectType.MapPage, Number = grant.Number, Account = opened.Computer.Account, Group = 1, Computer = opened.Computer.Number },
            new byte[5000], opened.Computer.SigningKey);
        var before = (await Service.PodStatusAsync(Cancellation)).GetProperty("objects").GetInt64();
        var address = new Uri(Service.Url);
        foreach (var sent in new[] { 0, 1, 63, 64, 4000, content.Length - 1 })
        {
            using var connection = new System.Net.Sockets.TcpClient();
            await connection.ConnectAsync(address.Host, address.Port, Cancellation);
            var head = $"PUT /pod/v1/objects/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: Grant {grant.Grant}\r\nContent-Length: {content.Length}\r\n\r\n";
            await connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), Cancellation);
            await connection.GetStream().WriteAsync(content.AsMemory(0, sent), Cancellation);
        }

        foreach (var at in new[] { 70, content.Length - 70 })
        {
            var changed = content.ToArray();
            changed[at] ^= 1;
            var refused = await Assert.ThrowsAsync<HoldfastException>(() => opened.Service.PutObjectAsync(session.PodUrl, name, grant.Grant, changed, Cancellation));
            Assert.Equal(FailureTable.DamagedUpload, refused.Kind);
        }

        Assert.Equal(before, (await Service.PodStatusAsync(Cancellation)).GetProperty("objects").GetInt64());
        await opened.Service.PutObjectAsync(session.PodUrl, name, grant.Grant, content, Cancellation);
        Assert.Equal(before + 1, (await Service.PodStatusAsync(Cancellation)).GetProperty("objects").GetInt64());
    }

    [Fact]
    public async Task An_account_that_a_newer_version_wrote_is_refused_as_it_is()
    {
        var computer = await EnrolAsync("one", "newer");
        var tree = MakeTree("tree", files: 5);
        await computer.MustAsync(Cancellation, "backup", tree);
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        Shell($"sed -i 's|{Service.Url}|{proxy.Url}|' '{computer.Config}/computer.json'");
        proxy.Tamper = (path, body) =>
        {
            if (path.StartsWith("/pod/", StringComparison.Ordinal) && body.AsSpan().StartsWith(ObjectHeader.Magic))
            {
                body[8] = ObjectHeader.CurrentVersion + 1;
            }

            return body;
        };
        var snapshots = await computer.RunAsync(Cancellation, "snapshots");
        Assert.Equal(1, snapshots.ExitCode);
        Assert.Contains("[newer_version]", snapshots.Error, StringComparison.Ordinal);
        proxy.Tamper = null;

        using (var opened = await OpenedComputer.OpenAsync(computer, Cancellation))
        {
            // This service would refuse it; a newer one would not.
            var floor = opened.Sign(Format.Accounts.StatementKind.SuiteFloor, ObjectHeader.CurrentSuite + 1, 0);
            Service.Sql("INSERT INTO log (account_id, sequence, statement, on_pod, version) VALUES (@account, @sequence, @statement, 1, 99)",
                ("@account", floor.Account.ToArray()), ("@sequence", (long)floor.Sequence), ("@statement", floor.Bytes.ToArray()));
        }

        foreach (var verb in new[] { new[] { "backup", tree }, ["snapshots"], ["restore", "latest", "--target", Path.Combine(Root, "out")], ["check"] })
        {
            proxy.Reset();
            var ended = await computer.RunAsync(Cancellation, verb);
            Assert.Equal(1, ended.ExitCode);
            Assert.Contains("[newer_version]", ended.Error, StringComparison.Ordinal);
            Assert.Equal(0, proxy.Puts);
        }
    }

    private string Largest() => new DirectoryInfo(Path.Combine(Service.Pod, "ext")).EnumerateFiles().MaxBy(file => file.Length)!.FullName;
}
