using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>What an operator asks of the service from anywhere: its work, its growth, what accounts use, and what operators did.</summary>
public sealed class AdminTests : Scenario
{
    private protected override async Task<Service> StartServiceAsync()
    {
        // A tree with a link out of it, and one that is not there.
        var tree = MakeTree("exports", files: 10);
        File.CreateSymbolicLink(Path.Combine(tree, "link"), "/usr");
        var data = Directory.CreateDirectory(Path.Combine(Root, "service")).FullName;
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), $$"""{ "trees": { "exports": "{{tree}}", "missing": "nowhere" } }""", Cancellation);
        return await Service.StartAsync(data, Cancellation);
    }

    [Fact]
    public async Task The_operator_sees_work_usage_growth_and_an_audit_log_that_cannot_be_changed_unseen()
    {
        var computer = await EnrolAsync("one", "customer");
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 10));
        Assert.Equal(0, (await Service.OperateAsync(["account", "rename", "customer", "client"], Cancellation)).ExitCode);
        Assert.Equal(0, (await Service.OperateAsync(["pod", "verify"], Cancellation)).ExitCode);
        var kinds = Lines(await AdminAsync("jobs", "--json")).Select(job => (job.GetProperty("kind").GetString(), job.GetProperty("stuck").GetBoolean())).ToList();
        Assert.Contains(("verification", false), kinds);
        Assert.Contains(("growth", false), kinds);

        // The day's sample was taken at the first start, before there was an account; asked for again it is taken again, and what was there when the day began is in it.
        Service.Sql("UPDATE devices SET created_at = created_at - 86400");
        Service.Sql("UPDATE snapshots SET received_at = received_at - 86400");
        Assert.Equal(1, Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'growth' AND state = 'waiting'"));
        using (var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100)))
        {
            while (Lines(await AdminAsync("growth", "--metric", "snapshots", "--json"))[0].GetProperty("value").GetInt64() == 0)
            {
                await timer.WaitForNextTickAsync(Cancellation);
            }
        }

        var usage = Assert.Single(Lines(await AdminAsync("usage", "--json")));
        Assert.Equal(("client", 1, 1), (usage.GetProperty("name").GetString(), usage.GetProperty("snapshots").GetInt64(), usage.GetProperty("computers").GetInt64()));
        Assert.True(usage.GetProperty("bytes").GetInt64() > 100_000);
        Assert.All(Lines(await AdminAsync("usage", "client", "--derived", "--json")).TakeLast(1), day => Assert.Equal((usage.GetProperty("bytes").GetInt64(), true), (day.GetProperty("bytes").GetInt64(), day.GetProperty("is_kept").GetBoolean())));
        var growth = Lines(await AdminAsync("growth", "--json")).ToDictionary(sample => $"{sample.GetProperty("metric")} {sample.GetProperty("subject")}", sample => sample.GetProperty("value").GetInt64());
        Assert.Equal((1, 1, 1, 0), (growth["accounts "], growth["computers "], growth["snapshots "], growth["computers_behind "]));
        Assert.Equal(growth["stored_bytes "], usage.GetProperty("bytes").GetInt64());
        Assert.True(growth["pod_bytes "] >= growth["stored_bytes "], $"{growth["pod_bytes "]} {growth["stored_bytes "]}");
        Assert.True(growth[$"drive_bytes_used {Service.Pod}"] > 0);
        Assert.True(growth["rows embedded/objects"] > 0);
        Assert.Equal(10 + 17 + 1, growth["tree_files exports"]);
        Assert.False(growth.ContainsKey("tree_files missing"));

        var entries = Lines(await AdminAsync("audit", "--json")).Select(entry => $"{entry.GetProperty("actor")} {entry.GetProperty("action")} {entry.GetProperty("subject")}").ToList();
        Assert.Contains("bootstrap make operator (admin) tester", entries);
        Assert.Contains("tester make account customer", entries);
        Assert.Contains("tester PATCH /v1/accounts/{name} /v1/accounts/customer", entries);
        Assert.Contains("each in its place", (await AdminAsync("audit", "--verify")).Output, StringComparison.Ordinal);
        Service.DirectorySql("UPDATE audit SET actor = 'somebody' WHERE number = 2");
        var changed = await AdminAsync("audit", "--verify");
        Assert.Equal(1, changed.ExitCode);
        Assert.Contains("Entry 2", changed.Error, StringComparison.Ordinal);
    }

    /// <summary>A tree that a node has: changed as a job, which a kill does not end, with threads that change meanwhile.</summary>
    [Fact]
    public async Task A_nodes_tree_gets_other_permissions_whatever_becomes_of_the_node()
    {
        var tree = Path.Combine(Root, "exports");
        for (var folder = 0; folder < 200; folder++)
        {
            var path = Directory.CreateDirectory(Path.Combine(tree, $"more-{folder}")).FullName;
            for (var file = 0; file < 150; file++)
            {
                await File.WriteAllBytesAsync(Path.Combine(path, $"{file}"), [], Cancellation);
            }
        }

        // What was made at the start (a link out of the tree is one entry), this, and the root.
        const long Entries = 10 + 17 + 1 + (200 * 151) + 1;
        async Task<JsonElement> StatusAsync() => Lines(await AdminAsync("permissions", "status", "--json")).Single();
        async Task<JsonElement> EndedAsync()
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            JsonElement status;
            while ((status = await StatusAsync()).GetProperty("state").GetString() != "ended")
            {
                Assert.NotEqual("failed", status.GetProperty("state").GetString());
                await timer.WaitForNextTickAsync(Cancellation);
            }

            return status;
        }

        Assert.Contains("[not_found]", (await AdminAsync("permissions", "start", "elsewhere", "--mode", "0700")).Error, StringComparison.Ordinal);
        Assert.Contains("is no mode", (await AdminAsync("permissions", "start", "exports", "--mode", "rwx")).Error, StringComparison.Ordinal);
        Assert.Contains("from 1 to 20", (await AdminAsync("permissions", "start", "exports", "--mode", "0700", "--threads", "21")).Error, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("permissions", "start", "exports", "--mode", "u=rwX,g=,o=", "--dry-run")).ExitCode);
        Assert.InRange((await EndedAsync()).GetProperty("changed").GetInt64(), 200 * 151, Entries - 1);

        Assert.Equal(0, (await AdminAsync("permissions", "start", "exports", "--mode", "u=rwX,g=,o=", "--threads", "2")).ExitCode);
        using (var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10)))
        {
            while (!File.Exists(Path.Combine(Service.Data, "journals", "exports-2.journal")))
            {
                await timer.WaitForNextTickAsync(Cancellation);
            }
        }

        await Service.KillAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        Assert.Contains("at most 1 threads", (await AdminAsync("permissions", "threads", "exports", "1")).Output, StringComparison.Ordinal);
        var ended = await EndedAsync();
        Assert.Equal((Entries, 0), (ended.GetProperty("entries").GetInt64(), ended.GetProperty("failed").GetInt64()));
        Assert.True(ended.GetProperty("verified").GetBoolean());
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(tree, "more-7")), file => File.GetUnixFileMode(file) != (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        var actual = Lines(await AdminAsync("actuals", "--json")).Single();
        Assert.Equal(("permissions", "exports", Entries), (actual.GetProperty("kind").GetString(), actual.GetProperty("subject").GetString(), actual.GetProperty("volume").GetInt64()));
    }

    [Fact]
    public async Task Computers_are_renamed_and_retired_and_a_suspended_account_restores_and_backs_up_nothing()
    {
        var computer = await EnrolAsync("one", "customer");
        var other = await EnrolAsync("two", "customer", await Service.NewCodeAsync("customer", Cancellation));
        var tree = MakeTree("tree", files: 5);
        await computer.MustAsync(Cancellation, "backup", tree);
        var listed = Lines(await AdminAsync("computers", "customer", "--json"));
        Assert.Equal([(1, "one", "in use", true), (2, "two", "in use", false)], listed.Select(item => (item.GetProperty("computer").GetInt32(), item.GetProperty("name").GetString()!,
            item.GetProperty("state").GetString()!, item.GetProperty("last_backup_at").ValueKind == JsonValueKind.Number)));
        Assert.Equal("front desk", Lines(await AdminAsync("computer", "rename", "customer", "2", "front desk", "--json"))[0].GetProperty("name").GetString());
        Assert.Equal(10, (await AdminAsync("computer", "rename", "customer", "7", "nobody")).ExitCode);
        Assert.Equal(2, (await AdminAsync("computer", "rename", "customer", "2", "")).ExitCode);

        // Its certified key does not let it in again; taken back, it goes on.
        Assert.Equal("retired", Lines(await AdminAsync("computer", "retire", "customer", "2", "--json"))[0].GetProperty("state").GetString());
        var refused = await other.RunAsync(Cancellation, "backup", tree);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("[token_invalid]", refused.Error, StringComparison.Ordinal);
        Assert.Equal("in use", Lines(await AdminAsync("computer", "reinstate", "customer", "2", "--json"))[0].GetProperty("state").GetString());
        await other.MustAsync(Cancellation, "backup", tree);

        Assert.Contains("is suspended", (await AdminAsync("suspend", "customer")).Output, StringComparison.Ordinal);
        var suspended = await computer.RunAsync(Cancellation, "backup", tree);
        Assert.Equal(1, suspended.ExitCode);
        Assert.Contains("[account_suspended]", suspended.Error, StringComparison.Ordinal);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        var replaced = await EnrolAsync("three", "customer", await Service.NewCodeAsync("customer", Cancellation));
        await replaced.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Contains("suspended", (await Service.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        Assert.Contains("is open", (await AdminAsync("resume", "customer")).Output, StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "backup", tree);
        Assert.Contains(Lines(await AdminAsync("audit", "--json")), entry => entry.GetProperty("action").GetString() == "PUT /v1/accounts/{name}/suspension");
    }

    [Fact]
    public async Task A_new_computer_takes_an_old_ones_place_and_its_history()
    {
        var old = await EnrolAsync("old", "customer");
        var tree = MakeTree("tree", files: 5);
        await old.MustAsync(Cancellation, "backup", tree);
        var sibling = await EnrolAsync("sibling", "customer", await Service.NewCodeAsync("customer", Cancellation));
        await sibling.MustAsync(Cancellation, "backup", MakeTree("other", seed: 2, files: 3));
        var fresh = await EnrolAsync("fresh", "customer", await Service.NewCodeAsync("customer", Cancellation));
        Assert.Contains("[not_found]", (await AdminAsync("computer", "replace", "customer", "3", "9")).Error, StringComparison.Ordinal);
        Assert.Contains("[conflict]", (await AdminAsync("computer", "replace", "customer", "3", "3")).Error, StringComparison.Ordinal);
        var replaced = Lines(await AdminAsync("computer", "replace", "customer", "3", "1", "--json"))[0];
        Assert.Equal((1, "in use"), (replaced.GetProperty("replaces").GetInt32(), replaced.GetProperty("state").GetString()));
        Assert.NotEqual(JsonValueKind.Null, replaced.GetProperty("last_backup_at").ValueKind);
        Assert.Contains("[conflict]", (await AdminAsync("computer", "replace", "customer", "2", "1")).Error, StringComparison.Ordinal);
        Assert.Contains("[conflict]", (await AdminAsync("computer", "replace", "customer", "1", "3")).Error, StringComparison.Ordinal);
        Assert.Equal("retired", Lines(await AdminAsync("computers", "customer", "--json"))[0].GetProperty("state").GetString());
        Assert.Contains("[token_invalid]", (await old.RunAsync(Cancellation, "backup", tree)).Error, StringComparison.Ordinal);

        // The newest of all is the sibling's; this one's latest is the old one's, until it has its own.
        await fresh.RestoresIdenticallyAsync(tree, Cancellation);
        await fresh.SendsNothingNewAsync(tree, Cancellation);
        await fresh.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task Many_accounts_are_made_at_once_and_again_changes_nothing()
    {
        await Service.NewAccountAsync("customer 7", Cancellation);
        var file = Path.Combine(Root, "customers.txt");
        await File.WriteAllLinesAsync(file, Enumerable.Range(0, 1500).Select(i => $"customer {i}"), Cancellation);
        var made = Lines(await AdminAsync("import", file, "--json"));
        Assert.Equal((1500, 1499), (made.Count, made.Count(account => account.GetProperty("code").ValueKind == JsonValueKind.String)));
        Assert.Equal(JsonValueKind.Null, made[7].GetProperty("code").ValueKind);
        var computer = await EnrolAsync("one", "customer 1234", made[1234].GetProperty("code").GetString());
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3));
        Assert.All(Lines(await AdminAsync("import", file, "--json")), account => Assert.Equal(JsonValueKind.Null, account.GetProperty("code").ValueKind));

        // One that is wrong keeps all from being made.
        await File.WriteAllLinesAsync(file, ["good", "with\torganisation that is not there"], Cancellation);
        Assert.Contains("[not_found]", (await AdminAsync("import", file)).Error, StringComparison.Ordinal);
        await File.WriteAllLinesAsync(file, ["good", "b\u0001d"], Cancellation);
        Assert.Contains("[invalid_request]", (await AdminAsync("import", file)).Error, StringComparison.Ordinal);
        Assert.DoesNotContain("good", (await Service.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Lines(await AdminAsync("computers", "customer 1234", "--json")), item => item.GetProperty("state").GetString() == "waiting");
    }

    [Fact]
    public async Task Without_a_token_or_with_a_wrong_one_nothing_is_shown()
    {
        Assert.Equal(2, (await Programs.RunAsync(Programs.Holdfast, ["admin", "jobs"], new Dictionary<string, string>(), Cancellation)).ExitCode);
        Assert.Equal(2, (await Programs.RunAsync(Programs.Holdfast, ["admin", "jobs", "--service", Service.Url], new Dictionary<string, string>(), Cancellation)).ExitCode);
        foreach (var verb in new[] { "jobs", "usage", "growth", "audit" })
        {
            var refused = await Programs.RunAsync(Programs.Holdfast, ["admin", verb, "--service", Service.Url], new Dictionary<string, string> { ["HOLDFAST_OPERATOR_TOKEN"] = "wrong" }, Cancellation);
            Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
            Assert.Contains("[token_invalid]", refused.Error, StringComparison.Ordinal);
        }
    }
}
