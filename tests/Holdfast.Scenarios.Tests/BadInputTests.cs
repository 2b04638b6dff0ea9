using System.Security.Cryptography;
using System.Net;
using System.Net.Http.Headers;
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
    public async Task A_wrong_passphrase_is_exit_code_12()
    {
        var computer = await EnrolAsync("one", "passphrase");
        computer.Environment["HOLDFAST_PASSPHRASE"] = "wrong";
        var ended = await computer.RunAsync(Cancellation, "snapshots");
        Assert.Equal(12, ended.ExitCode);
        Assert.Contains("[wrong_passphrase]", ended.Error, StringComparison.Ordinal);
        computer.Environment.Remove("HOLDFAST_PASSPHRASE");
        Assert.Contains("[passphrase_needed]", (await computer.RunAsync(Cancellation, "snapshots")).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_are_listed_added_removed_and_the_recovery_key_opens()
    {
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        var enrolled = await computer.MustAsync(Cancellation, "enrol", Service.Url, await Service.NewAccountAsync("keys", Cancellation), "--json");
        var recovery = System.Text.Json.JsonDocument.Parse(enrolled.LastLine).RootElement.GetProperty("recovery_key").GetString()!;
        var tree = MakeTree("tree", files: 5);
        await computer.MustAsync(Cancellation, "backup", tree);
        computer.Environment["HOLDFAST_PASSPHRASE"] = recovery.ToLowerInvariant();
        await computer.RestoresIdenticallyAsync(tree, Cancellation);

        computer.Environment["HOLDFAST_NEW_PASSPHRASE"] = "another one";
        await computer.MustAsync(Cancellation, "key", "add", "--name", "second");
        computer.Environment["HOLDFAST_PASSPHRASE"] = "another one";
        Assert.Equal(3, (await computer.MustAsync(Cancellation, "key", "list")).Output.TrimEnd().Split('\n').Length);
        var third = (await computer.MustAsync(Cancellation, "key", "recovery")).Output.Trim();
        await computer.MustAsync(Cancellation, "key", "remove", "1");
        await computer.MustAsync(Cancellation, "key", "remove", "2");
        computer.Environment["HOLDFAST_PASSPHRASE"] = ClientComputer.Passphrase;
        Assert.Equal(12, (await computer.RunAsync(Cancellation, "snapshots")).ExitCode);
        computer.Environment["HOLDFAST_PASSPHRASE"] = third;
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await computer.MustAsync(Cancellation, "key", "remove", "3");
        var last = await computer.RunAsync(Cancellation, "key", "remove", "4");
        Assert.Equal(2, last.ExitCode);
        Assert.Contains("last slot", last.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_token_a_used_code_and_a_second_enrolment_are_refused()
    {
        var code = await Service.NewAccountAsync("tokens", Cancellation);
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        await computer.MustAsync(Cancellation, "enrol", Service.Url, code);
        Assert.Contains("[already_enrolled]", (await computer.RunAsync(Cancellation, "enrol", Service.Url, code)).Error, StringComparison.Ordinal);
        var other = new ClientComputer(Path.Combine(Root, "two"));
        Assert.Contains("[code_invalid]", (await other.RunAsync(Cancellation, "enrol", Service.Url, code)).Error, StringComparison.Ordinal);
        Assert.Equal(10, (await other.RunAsync(Cancellation, "backup", Root)).ExitCode);

        var file = Path.Combine(computer.Config, "computer.json");
        Assert.Equal("600\n", Shell($"stat -c %a '{file}'"));
        var text = await File.ReadAllTextAsync(file, Cancellation);
        var at = text.IndexOf("hfd_", StringComparison.Ordinal) + 40;
        await File.WriteAllTextAsync(file, text[..at] + (text[at] == 'x' ? 'y' : 'x') + text[(at + 1)..], Cancellation);

        // A wrong token with the key that the account log certifies is replaced by a good one; with another key it is refused.
        Assert.Contains("let it in by its key", (await computer.MustAsync(Cancellation, "backup", MakeTree("small", files: 1))).Error, StringComparison.Ordinal);
        var wrong = System.Text.Json.Nodes.JsonNode.Parse(text[..at] + (text[at] == 'x' ? 'y' : 'x') + text[(at + 1)..])!;
        using (var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            wrong["SigningKey"] = Convert.ToBase64String(stranger.ExportParameters(true).D!);
        }

        await File.WriteAllTextAsync(file, wrong.ToJsonString(), Cancellation);
        var refused = await computer.RunAsync(Cancellation, "backup", Root);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("[token_invalid]", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_computer_is_refused()
    {
        var computer = await EnrolAsync("one", "revoked");
        await Service.KillAsync(Cancellation);
        Service.Sql("UPDATE devices SET revoked = 1");
        await Service.RestartAsync(Cancellation);
        Assert.Contains("[token_invalid]", (await computer.RunAsync(Cancellation, "backup", Root)).Error, StringComparison.Ordinal);
    }

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
    public async Task A_write_only_computer_is_approved_by_code_backs_up_and_reads_nothing()
    {
        var owner = await EnrolAsync("owner", "write-only");
        var other = new ClientComputer(Path.Combine(Root, "server"));
        other.Environment.Remove("HOLDFAST_PASSPHRASE");
        using var enrolling = other.Start("enrol", "--write-only", "--json", Service.Url, await Service.NewCodeAsync("write-only", Cancellation));
        var line = await enrolling.StandardOutput.ReadLineAsync(Cancellation);
        var code = System.Text.Json.JsonDocument.Parse(line!).RootElement.GetProperty("code").GetString()!;
        Assert.Equal(10, (await owner.RunAsync(Cancellation, "enrol", "--approve", "0000-0000")).ExitCode);
        await owner.MustAsync(Cancellation, "enrol", "--approve", code);
        await enrolling.WaitForExitAsync(Cancellation);
        Assert.Equal(0, enrolling.ExitCode);

        var tree = MakeTree("tree");
        await other.MustAsync(Cancellation, "backup", tree);
        await other.MustAsync(Cancellation, "backup", tree);
        other.DeleteCache();
        await other.SendsNothingNewAsync(tree, Cancellation);
        Assert.Contains("[passphrase_needed]", (await other.RunAsync(Cancellation, "snapshots")).Error, StringComparison.Ordinal);
        Assert.DoesNotContain("private", await File.ReadAllTextAsync(Path.Combine(other.Config, "computer.json"), Cancellation), StringComparison.OrdinalIgnoreCase);
        await owner.RestoresIdenticallyAsync(tree, Cancellation, (await owner.MustAsync(Cancellation, "snapshots", "--quiet")).LastLine.Split(' ')[0]);
    }

    [Fact]
    public async Task A_newer_database_and_a_missing_drive_are_refused_as_they_are()
    {
        await Service.KillAsync(Cancellation);
        var schema = Service.Ask<long>("PRAGMA user_version");
        Service.Sql("PRAGMA user_version = 99");
        var newer = await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", Service.Data, "--listen", "http://127.0.0.1:0"], new Dictionary<string, string>(), Cancellation);
        Assert.Equal(1, newer.ExitCode);
        Assert.Contains("schema 99", newer.Error, StringComparison.Ordinal);
        Service.Sql($"PRAGMA user_version = {schema}");
        Shell($"mkdir '{Root}/aside' && mv '{Service.Pod}'/drive.hf* '{Root}/aside/'");
        var unmounted = await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", Service.Data, "--listen", "http://127.0.0.1:0"], new Dictionary<string, string>(), Cancellation);
        Assert.Equal(1, unmounted.ExitCode);
        Assert.Contains("not mounted", unmounted.Error, StringComparison.Ordinal);
        Shell($"mv '{Root}/aside'/* '{Service.Pod}/'");
        await Service.RestartAsync(Cancellation);
    }

    [Fact]
    public async Task Plain_http_off_the_loopback_is_refused_on_both_sides()
    {
        var server = await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", Path.Combine(Root, "other"), "--listen", "http://0.0.0.0:0"], new Dictionary<string, string>(), Cancellation);
        Assert.Contains("in the clear", server.Error, StringComparison.Ordinal);
        var client = await new ClientComputer(Path.Combine(Root, "one")).RunAsync(Cancellation, "enrol", "http://192.0.2.1:80", "CODE");
        Assert.Equal(2, client.ExitCode);
        Assert.Contains("in the clear", client.Error, StringComparison.Ordinal);
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

    [Theory]
    [InlineData("/v1/enrolments")]
    [InlineData("/log")]
    public async Task An_enrolment_whose_answer_is_lost_goes_on(string path)
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        var lost = 0;
        proxy.Loses = asked => asked.EndsWith(path, StringComparison.Ordinal) && Interlocked.Increment(ref lost) <= 2;
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        var enrolled = await computer.MustAsync(Cancellation, "enrol", proxy.Url, await Service.NewAccountAsync("lost-answers", Cancellation));
        Assert.Contains("Recovery key", enrolled.Output, StringComparison.Ordinal);
        Assert.True(lost > 2);
        var tree = MakeTree("tree", files: 5);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Equal(1, Service.Ask<long>("SELECT count(*) FROM devices"));
    }

    [Fact]
    public async Task A_mistyped_passphrase_does_not_use_the_code_up()
    {
        await EnrolAsync("one", "mistyped");
        var computer = new ClientComputer(Path.Combine(Root, "two"));
        var code = await Service.NewCodeAsync("mistyped", Cancellation);
        computer.Environment["HOLDFAST_PASSPHRASE"] = "mistyped";
        Assert.Equal(12, (await computer.RunAsync(Cancellation, "enrol", Service.Url, code)).ExitCode);
        computer.Environment["HOLDFAST_PASSPHRASE"] = ClientComputer.Passphrase;
        await computer.MustAsync(Cancellation, "enrol", Service.Url, code);
        Assert.Equal(2, Service.Ask<long>("SELECT count(*) FROM devices"));
        Assert.False(File.Exists(Path.Combine(computer.Config, "attempt.json")));

        // Used, and by another computer: no.
        var third = new ClientComputer(Path.Combine(Root, "three"));
        Assert.Contains("[code_invalid]", (await third.RunAsync(Cancellation, "enrol", Service.Url, code)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_enrolment_cut_off_behind_its_last_request_is_completed_by_the_next()
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        proxy.Loses = asked => asked.EndsWith("/log", StringComparison.Ordinal);
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        var code = await Service.NewAccountAsync("cut-off", Cancellation);
        Assert.Equal(1, (await computer.RunAsync(Cancellation, "enrol", proxy.Url, code)).ExitCode);
        Assert.Equal(10, (await computer.RunAsync(Cancellation, "backup", Root)).ExitCode);
        proxy.Loses = null;
        Assert.Contains("complete now", (await computer.MustAsync(Cancellation, "enrol", proxy.Url, code)).Output, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(computer.Config, "enrolling.json")));
        var tree = MakeTree("tree", files: 5);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "key", "recovery");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task Lists_are_answered_in_pages_and_versions_guard_changes()
    {
        var client = await EnrolAsync("one", "pages");
        var tree = MakeTree("tree", files: 3);
        for (var i = 0; i < 3; i++)
        {
            await client.MustAsync(Cancellation, "backup", tree);
        }

        var computer = Client.Computers.ComputerFile.Load(client.Folders);
        using var http = new HttpClient { BaseAddress = new Uri($"{Service.Url}/v1/accounts/{computer.Account}/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", computer.Token);
        foreach (var (path, list, count) in new[] { ("snapshots", "snapshots", 3), ("log", "statements", 4), ("segments", "segments", 1), ("enrolments", "pending", 0) })
        {
            var whole = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync(path, Cancellation)).RootElement.GetProperty(list).EnumerateArray().Select(item => item.ToString()).ToList();
            Assert.True(whole.Count >= count, path);
            var (gathered, cursor) = (new List<string>(), "");
            do
            {
                var page = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync($"{path}?limit=1{cursor}", Cancellation)).RootElement;
                gathered.AddRange(page.GetProperty(list).EnumerateArray().Select(item => item.ToString()));
                cursor = page.TryGetProperty("next", out var next) ? "&cursor=" + next.GetString() : "";
            }
            while (cursor.Length > 0);
            Assert.Equal(whole, gathered);
            using var unknown = await http.GetAsync($"{path}?cursor=!!", Cancellation);
            Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
        }

        using var keyring = await http.GetAsync("keyring", Cancellation);
        using var again = new HttpRequestMessage(HttpMethod.Get, "keyring");
        again.Headers.IfNoneMatch.Add(keyring.Headers.ETag!);
        using var unchanged = await http.SendAsync(again, Cancellation);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        using var append = new HttpRequestMessage(HttpMethod.Post, "log") { Content = new StringContent("{\"statements\":[]}", Encoding.UTF8, "application/json") };
        append.Headers.TryAddWithoutValidation("If-Match", "\"2\"");
        using var refused = await http.SendAsync(append, Cancellation);
        Assert.Equal(HttpStatusCode.PreconditionFailed, refused.StatusCode);
        Assert.Equal("ok", await http.GetStringAsync(new Uri(Service.Url + "/readyz"), Cancellation));
    }

    [Fact]
    public async Task The_api_refuses_what_is_not_allowed_or_not_understood_with_stable_codes()
    {
        var computer = await EnrolAsync("one", "api");
        var config = System.Text.Json.JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(computer.Config, "computer.json"), Cancellation)).RootElement;
        var (account, token) = (config.GetProperty("Account").GetString()!, config.GetProperty("Token").GetString()!);
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        async Task<(HttpStatusCode, string)> Send(HttpMethod method, string path, string? bearer, string? body = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
            request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
            request.Headers.Add("Idempotency-Key", "x");
            using var response = await http.SendAsync(request, Cancellation);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, $"/v1/accounts/{account}/log", null)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, $"/v1/accounts/{new string('0', 32)}/log", token)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, "/v1/accounts", token)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, $"/v1/accounts/{account}/commits", null, "nonsense")).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, "/v1/operators", token, "{\"name\":\"x\"}")).Item1);
        foreach (var body in new[] { "{}", "[]", "nonsense", "{\"session\":1,\"head\":\"AAAA\",\"receipts\":[]}", "{\"session\":1,\"head\":\"!\",\"receipts\":null}" })
        {
            var (status, text) = await Send(HttpMethod.Post, $"/v1/accounts/{account}/commits", token, body);
            Assert.True(status == HttpStatusCode.BadRequest, $"{body} → {(int)status} {text}");
            Assert.Contains("\"code\":\"invalid_request\"", text, StringComparison.Ordinal);
        }

        using var forged = new HttpRequestMessage(HttpMethod.Get, $"/pod/v1/objects/{account}/1/1");
        forged.Headers.TryAddWithoutValidation("Authorization", "Grant " + new string('A', 171));
        using var denied = await http.SendAsync(forged, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, denied.StatusCode);

        // Routes are matched without regard to case, and so is who may call them; nothing that is missing is a fault of the service.
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, "/V1/operators", null, "{\"name\":\"x\"}")).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, "/V1/Accounts/api/Codes", null)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, $"/V1/ACCOUNTS/{account}/LOG", null)).Item1);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await Send(HttpMethod.Delete, "/v1/operators", token)).Item1);
        foreach (var path in new[] { "/v1/enrolments", $"/v1/accounts/{account}/log", $"/v1/accounts/{account}/sessions", $"/v1/accounts/{account}/reads", $"/v1/accounts/{account}/sessions/1/grants", $"/v1/accounts/{account}/enrolments/1/approval", $"/v1/accounts/{account}/commits" })
        {
            foreach (var body in new[] { "{}", "null", "{\"code\":\"x\",\"name\":\"y\"}", "{\"statements\":null,\"numbers\":null,\"receipts\":null,\"statement\":null}" })
            {
                var (status, text) = await Send(HttpMethod.Post, path, token, body);
                Assert.True(status == HttpStatusCode.BadRequest, $"{path} {body} → {(int)status} {text}");
            }
        }

        var openApi = await http.GetStringAsync("/openapi/v1.json", Cancellation);
        Assert.Contains("\"openapi\": \"3.1", openApi, StringComparison.Ordinal);
        Assert.Contains("/v1/accounts/{account}/commits", openApi, StringComparison.Ordinal);
    }

    private string Largest() => new DirectoryInfo(Path.Combine(Service.Pod, "ext")).EnumerateFiles().MaxBy(file => file.Length)!.FullName;
}
