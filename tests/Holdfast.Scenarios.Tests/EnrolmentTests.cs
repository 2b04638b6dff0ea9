using System.Security.Cryptography;

namespace Holdfast.Scenarios.Tests;

/// <summary>Who is let in, by which code, passphrase, approval or key, and who is not; an enrolment that was cut off anywhere goes on.</summary>
public sealed class EnrolmentTests : Scenario
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
    public async Task A_revoked_computer_is_refused_for_good_and_what_it_backed_up_stays()
    {
        var (kept, stolen) = (await EnrolAsync("one", "revoked"), await EnrolAsync("two", "revoked", await Service.NewCodeAsync("revoked", Cancellation)));
        var tree = MakeTree("tree", files: 5);
        await stolen.MustAsync(Cancellation, "backup", tree);
        Assert.Contains("[not_found]", (await kept.RunAsync(Cancellation, "computer", "revoke", "7")).Error, StringComparison.Ordinal);
        Assert.Contains("[invalid_request]", (await kept.RunAsync(Cancellation, "computer", "revoke", "1")).Error, StringComparison.Ordinal);
        await kept.MustAsync(Cancellation, "computer", "revoke", "2");
        await kept.MustAsync(Cancellation, "computer", "revoke", "2");
        foreach (var verb in new[] { new[] { "backup", tree }, ["snapshots"], ["check"], ["attach"] })
        {
            Assert.Contains("[token_invalid]", (await stolen.RunAsync(Cancellation, verb)).Error, StringComparison.Ordinal);
        }

        var listed = Lines(await kept.MustAsync(Cancellation, "computer", "list", "--json"));
        Assert.Equal([(false, 0), (true, 1)], listed.Select(line => (line.GetProperty("revoked").GetBoolean(), line.GetProperty("snapshots").GetInt32())));
        Assert.Contains("revoked", (await AdminAsync("computers", "revoked")).Output, StringComparison.Ordinal);
        await kept.RestoresIdenticallyAsync(tree, Cancellation);

        // Every database is lost: the log on the pod says it too.
        await Service.KillAsync(Cancellation);
        await Service.Databases.LoseAsync(Cancellation);
        Assert.Equal(0, (await Service.OperateAsync(["rebuild"], Cancellation)).ExitCode);
        await Service.RestartAsync(Cancellation);
        await kept.MustAsync(Cancellation, "attach");
        Assert.Contains("[token_invalid]", (await stolen.RunAsync(Cancellation, "attach")).Error, StringComparison.Ordinal);
        Assert.Contains("[token_invalid]", (await stolen.RunAsync(Cancellation, "backup", tree)).Error, StringComparison.Ordinal);
        Assert.True(Lines(await kept.MustAsync(Cancellation, "computer", "list", "--json"))[1].GetProperty("revoked").GetBoolean());
        await kept.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task A_token_alone_adds_backups_and_reads_nothing_of_other_computers_until_somebody_opens_the_account_there()
    {
        var one = await EnrolAsync("one", "family");
        var tree = MakeTree("tree", files: 10);
        await one.MustAsync(Cancellation, "backup", tree);
        var two = await EnrolAsync("two", "family", await Service.NewCodeAsync("family", Cancellation));
        await two.MustAsync(Cancellation, "backup", MakeTree("other", seed: 2, files: 3));
        var stolen = Client.Computers.ComputerFile.Load(two.Folders);
        var pack = Service.Ask<long>("SELECT min(number) FROM objects WHERE type = 1 AND receipt IS NOT NULL AND computer = 1");
        using var thief = new ApiCaller(Service.Url, stolen.Token);
        async Task<bool> ReadsFramesAsync()
        {
            // A token that only adds gets the tables of a pack, which its group's keys open, and nothing before them.
            var answer = await thief.PostAsync($"/v1/accounts/{stolen.Account}/reads", new { numbers = new[] { pack }, tables_only = false });
            if (answer.Code == "forbidden")
            {
                answer = await thief.PostAsync($"/v1/accounts/{stolen.Account}/reads", new { numbers = new[] { pack }, tables_only = true });
            }

            var grant = answer.Body.GetProperty("grants")[0];
            using var http = new HttpClient();
            http.DefaultRequestHeaders.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Grant", grant.GetProperty("grant").GetString());
            using var response = await http.GetAsync($"{grant.GetProperty("pod_url").GetString()}/pod/v1/objects/{stolen.Account}/1/{pack}", Cancellation);
            return response.IsSuccessStatusCode;
        }

        Assert.False(await ReadsFramesAsync());
        Assert.Equal("forbidden", (await thief.PostAsync($"/v1/accounts/{stolen.Account}/enrolments/9/approval", new { statement = "AAAA", approval = "AAAA" })).Code);
        var challenge = (await thief.PostAsync($"/v1/accounts/{stolen.Account}/attachments", new { computer = 2 })).Text("challenge");
        using (var wrong = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        {
            var permission = Convert.ToBase64String(Protocol.Grants.AttachmentChallenge.PermitReading(wrong, Convert.FromBase64String(challenge), new Uri(Service.Url).Authority));
            Assert.Equal("forbidden", (await thief.PostAsync($"/v1/accounts/{stolen.Account}/readings", new { challenge, permission })).Code);
        }

        // Somebody with the passphrase restores there what the other computer backed up; an hour later the token is worth as little as before.
        var snapshot = (await two.MustAsync(Cancellation, "snapshots", "--json")).Output.Split('\n').First(line => line.Contains("\"computer\":1", StringComparison.Ordinal) || line.Contains("\"one\"", StringComparison.Ordinal));
        var id = System.Text.Json.JsonDocument.Parse(snapshot).RootElement.GetProperty("snapshot_id").GetString()!;
        await two.MustAsync(Cancellation, "restore", id, "--target", Path.Combine(Root, "restored"));
        await two.MustAsync(Cancellation, "compare", tree, Path.Combine(Root, "restored") + tree);
        Assert.True(await ReadsFramesAsync());
        Assert.Equal(1, Service.Sql("UPDATE devices SET reads_until = reads_until - 3601 WHERE computer = 2"));
        Assert.False(await ReadsFramesAsync());
        await two.MustAsync(Cancellation, "check", "--read-data");

        // Its own snapshots may need what others stored: the right is asked for when a pack of theirs is needed, and not before.
        await two.MustAsync(Cancellation, "backup", tree);
        Assert.Equal(1, Service.Sql("UPDATE devices SET reads_until = 1 WHERE computer = 2"));
        await two.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.True(Service.Ask<long>("SELECT reads_until FROM devices WHERE computer = 2") > 1);
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
}
