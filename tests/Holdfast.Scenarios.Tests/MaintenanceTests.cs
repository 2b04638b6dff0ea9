using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>Maintenance windows, by an operator's commands: estimated, announced, run while computers back up and restore and nodes are killed, given up, and reported.</summary>
public sealed class MaintenanceTests : TwoStoresScenario
{
    private const long Day = 86_400;

    private string Exports => Path.Combine(Root, "exports");

    private static long Today => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / Day;

    [Fact]
    public async Task A_window_is_estimated_announced_run_through_kills_and_reported_and_no_restore_is_refused()
    {
        var (computers, tree) = await BeginAsync(accounts: 3);
        var plan = await PlanFileAsync("""
            steps:
              - announce
              - gate: { wait: 5s }
              - migrate: { target: far, source: near, at_once: 2 }
              - permissions: { tree: exports, mode: "u=rwX,go=" }
              - run: { command: touch }
              - verify
              - bring-up
              - close
            """);

        // What is not known is said, and not promised.
        var blind = Lines(await AdminAsync("maintenance", "estimate", plan, "--json"));
        Assert.Contains("never run", blind.Single(line => line.TryGetProperty("name", out var name) && name.GetString() == "migrate").GetProperty("unknown").GetString(), StringComparison.Ordinal);
        await MustAsync("maintenance", "plan", plan);
        Assert.Contains("[window_too_short]", await RefusedAsync("maintenance", "announce"), StringComparison.Ordinal);
        Learn();
        var estimated = Lines(await AdminAsync("maintenance", "estimate", "--json"));
        var most = estimated[^1].GetProperty("back_most_seconds").GetDouble();
        Assert.InRange(most, estimated[^1].GetProperty("back_half_seconds").GetDouble(), 3600);
        Assert.Contains("% a month", await MustAsync("maintenance", "estimate", plan), StringComparison.Ordinal);
        var begins = Lines(await AdminAsync("maintenance", "show", "--json"))[0].GetProperty("starts_at").GetInt64();
        Assert.Contains("[window_too_short]", await RefusedAsync("maintenance", "announce", "--back-by", $"{DateTimeOffset.FromUnixTimeSeconds(begins + 5):O}"), StringComparison.Ordinal);
        Assert.Contains("Promised: services back by", await MustAsync("maintenance", "announce"), StringComparison.Ordinal);
        // There is room for a node that dies, whatever the time of day that it is rounded to.
        var reserve = Lines(await AdminAsync("maintenance", "show", "--json"))[0].GetProperty("back_by").GetInt64() - begins - most;
        Assert.InRange(reserve, (5 * 60) - 1, 10 * 60);
        await MustAsync("maintenance", "plan", plan);
        Assert.Contains("two windows cannot overlap", await RefusedAsync("maintenance", "announce"), StringComparison.Ordinal);
        await MustAsync("maintenance", "abort");
        var id = Lines(await AdminAsync("maintenance", "list", "--json"))[1].GetProperty("window").GetString()!;

        // Backups and restores go on meanwhile; nodes are killed.
        using var stop = new CancellationTokenSource();
        var restored = 0;
        var restoring = computers.Select(async computer =>
        {
            while (!stop.IsCancellationRequested)
            {
                await computer.RestoresIdenticallyAsync(tree, Cancellation);
                Interlocked.Increment(ref restored);
            }
        }).ToList();
        await MustAsync("maintenance", "start", id);
        foreach (var step in new[] { "gate", "migrate", "permissions", "run", "verify", "bring-up" })
        {
            await WaitAsync(async () => (await ShowAsync(id)).GetProperty("state").GetString() == "completed" || Service.DirectoryAsk<string>($"SELECT state FROM window_steps WHERE window_id = '{id}' AND name = '{step}'") is "running" or "done");
            await Service.KillAsync(Cancellation);
            await Service.RestartAsync(Cancellation);
        }

        // Who comes once services are back waits for a turn; the window is over when everyone had one.
        await WaitAsync(async () => (await ShowAsync(id)).GetProperty("back_at").ValueKind == JsonValueKind.Number);
        foreach (var computer in computers)
        {
            await computer.MustAsync(Cancellation, "backup", tree, "--wait");
        }

        await WaitAsync(async () => (await ShowAsync(id)).GetProperty("state").GetString() is "completed" or "paused");
        var over = await ShowAsync(id);
        Assert.True(over.GetProperty("state").GetString() == "completed", $"{over}");
        await stop.CancelAsync();
        await Task.WhenAll(restoring);

        // All of it was done, once; services are where they belong, and everyone backs up again.
        Assert.Equal("3", (await Cluster.AskAsync(Accounts, "SELECT count(*) FROM fence WHERE state = 'open'", Cancellation)).Trim());
        Assert.All(Directory.GetFiles(Exports), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        Assert.True(File.Exists(Path.Combine(Root, "touched")));
        Assert.Contains("The gate is open", await MustAsync("gate", "show"), StringComparison.Ordinal);
        foreach (var computer in computers)
        {
            await computer.MustAsync(Cancellation, "backup", tree);
        }

        Assert.True(restored >= 3, $"{restored}");
        Assert.True(over.GetProperty("probes").GetInt64() >= 2 && over.GetProperty("probes_failed").GetInt64() == 0, $"{over}");
        var report = await MustAsync("maintenance", "report", id);
        foreach (var text in new[] { "# Maintenance: Database to PostgreSQL", "Both promises were kept.", "services are back", "(100 %)", "every frame is what its computer signed", "3 of 3 accounts", "█", "Everyone was caught up after" })
        {
            Assert.Contains(text, report, StringComparison.Ordinal);
        }

        // Estimates can be tested on it.
        var past = Path.Combine(Root, "past.json");
        await File.WriteAllTextAsync(past, await MustAsync("maintenance", "history"), Cancellation);
        Assert.Contains("1 windows.", (await Programs.RunAsync(Programs.Holdfast, ["admin", "maintenance", "backtest", past], new Dictionary<string, string>(), Cancellation)).Output, StringComparison.Ordinal);

        // What it took, the next estimate goes by.
        Assert.True(Service.DirectoryAsk<long>("SELECT count(*) FROM actuals WHERE kind = 'verify'") == 3);
    }

    [Fact]
    public async Task Steps_are_tried_with_a_part_which_is_learned_from_and_nothing_is_left_of_it_not_even_by_a_kill()
    {
        var (computers, tree) = await BeginAsync(accounts: 2);
        Service.DirectorySql($"INSERT INTO samples (metric, subject, day, value) VALUES ('stored_bytes', '', {Today - 1}, 3000000) ON CONFLICT DO NOTHING");
        const string Steps = """
            steps:
              - gate: { wait: 5s }
              - migrate: { target: far }
              - permissions: { tree: exports, mode: "u=rwX,go=" }
              - verify
              - close
            """;
        var plan = await PlanFileAsync(Steps);
        Assert.Contains("rehearse --measure", await MustAsync("maintenance", "plan", plan), StringComparison.Ordinal);
        Assert.Contains("[window_too_short]", await RefusedAsync("maintenance", "announce"), StringComparison.Ordinal);
        Assert.Contains("Only a window that is planned is measured", await RefusedAsync("maintenance", "rehearse", plan, "--measure"), StringComparison.Ordinal);

        // Names that are no text, folders that nobody may write into, and links to elsewhere are in real trees.
        Assert.Equal(0, (await Programs.RunAsync("/bin/sh", ["-c", "cd \"$0\" && mkdir -p many sub/deep && (cd many && seq 4000 | xargs touch) && echo x > sub/deep/file && : > \"$(printf 'caf\\351')\" && mkdir \"$(printf 'd\\351')\" && ln -s /etc link && chmod 555 sub/deep sub", Exports], new Dictionary<string, string>(), Cancellation)).ExitCode);
        var before = Directory.GetFileSystemEntries(Exports).Order(StringComparer.Ordinal).ToList();

        // Killed with a clone in the tree and a schema beside the target: whoever goes on takes both away.
        var clone = Path.Combine(Exports, ".holdfast-rehearsal");
        using (var service = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Data, "operator-token"), Cancellation)).Trim()))
        {
            Assert.Equal(200, (await service.PostAsync("/v1/windows/latest/rehearsal", new { })).Status);
        }

        await WaitAsync(() => Task.FromResult(Directory.Exists(clone)));
        await Service.KillAsync(Cancellation);
        Assert.True(Directory.Exists(clone));
        await Cluster.AskAsync(Accounts, "CREATE SCHEMA holdfast_rehearsal_left; CREATE TABLE holdfast_rehearsal_left.objects (a BIGINT); INSERT INTO holdfast_rehearsal_left.objects VALUES (1)", Cancellation);
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind LIKE 'rehearsal%' AND state <> 'done'");
        await Service.RestartAsync(Cancellation);
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM rehearsals WHERE state IN ('waiting', 'running')") == 0));
        Assert.False(Directory.Exists(clone), Service.DirectoryAsk<string>("SELECT group_concat(state || ': ' || coalesce(detail, '')) FROM rehearsals"));
        var rehearsed = Lines(await AdminAsync("maintenance", "rehearse", "latest", "--measure", "--json"));
        foreach (var (step, least) in new[] { ("migrate", 2), ("permissions", 200), ("verify", 1) })
        {
            var line = rehearsed.Single(line => line.GetProperty("message_type").GetString() == "rehearsed_step" && line.GetProperty("name").GetString() == step);
            Assert.True(line.GetProperty("state").GetString() == "done" && line.GetProperty("volume").GetInt64() >= least, $"{line}");
        }

        Assert.Equal("", rehearsed.Single(line => line.GetProperty("message_type").GetString() == "window_estimate").GetProperty("unknown").GetString());
        await NothingIsLeftAsync();

        // Played through: the same from the same seed, and as long as is promised.
        async Task<string> PlayAsync(int seed) => string.Join('\n', Lines(await AdminAsync("maintenance", "rehearse", "latest", "--seed", $"{seed}", "--capacity", "1M", "--computers", "50", "--per-day", "1M", "--json")).Select(line => $"{line}"));
        var played = await PlayAsync(3);
        Assert.Equal(played, await PlayAsync(3));
        Assert.NotEqual(played, await PlayAsync(4));
        var lines = played.Split('\n').Select(line => JsonDocument.Parse(line).RootElement).ToList();
        var steps = lines.Where(line => line.GetProperty("message_type").GetString() == "played_step").ToList();
        Assert.Equal(["gate", "migrate", "permissions", "verify", "close"], steps.Select(step => step.GetProperty("name").GetString()));
        foreach (var which in new[] { "half", "most" })
        {
            Assert.Equal(lines.Single(line => line.GetProperty("message_type").GetString() == "window_estimate").GetProperty($"back_{which}_seconds").GetDouble(), steps[^1].GetProperty($"{which}_begins_seconds").GetDouble(), 0.5);
        }

        Assert.Contains("The slowest of ten windows is slow by", played, StringComparison.Ordinal);
        Assert.Equal(3, lines.Count(line => line.GetProperty("message_type").GetString() == "rehearsed_return"));
        Assert.Contains("Promised: services back by", await MustAsync("maintenance", "announce"), StringComparison.Ordinal);
        await MustAsync("maintenance", "abort");

        // The other way: into a file; what a kill left is gone behind the next, and who has no part to be tried with is left out.
        await ConfigureAsync(home: "far", trees: new Dictionary<string, string> { ["exports"] = Exports, ["stores"] = Data });
        await Service.KillAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        var far = await EnrolAsync("far1", "far1");
        await far.MustAsync(Cancellation, "backup", tree);
        Assert.Contains("Proposed, which the plan has not: - permissions: { tree: stores", await MustAsync("maintenance", "plan", await PlanFileAsync("steps:\n  - migrate: { target: near, source: far }")), StringComparison.Ordinal);
        using (var service = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Data, "operator-token"), Cancellation)).Trim()))
        {
            Assert.Equal(200, (await service.PostAsync("/v1/windows/latest/rehearsal", new { })).Status);
            Assert.Contains("[conflict]", await RefusedAsync("maintenance", "rehearse", "latest", "--measure"), StringComparison.Ordinal);
        }

        await Service.KillAsync(Cancellation);
        await File.WriteAllTextAsync(Path.Combine(Data, "accounts.db.holdfast_rehearsal_left"), "what a kill left", Cancellation);
        await Service.RestartAsync(Cancellation);
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'rehearsal' AND state <> 'done'");
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM rehearsals WHERE state IN ('waiting', 'running')") == 0));
        Assert.Contains("1 accounts", await MustAsync("maintenance", "rehearse", "latest", "--measure"), StringComparison.Ordinal);
        Assert.InRange(Service.DirectoryAsk<long>("SELECT count(*) FROM actuals WHERE kind = 'rehearsal:move' AND subject = 'far to near'"), 1, 3);
        await NothingIsLeftAsync();
        foreach (var computer in computers.Append(far))
        {
            await computer.RestoresIdenticallyAsync(tree, Cancellation);
            await computer.MustAsync(Cancellation, "backup", tree);
        }

        async Task NothingIsLeftAsync()
        {
            Assert.Equal(before, Directory.GetFileSystemEntries(Exports).Order(StringComparer.Ordinal));
            Assert.All(before.Where(file => char.IsAsciiDigit(Path.GetFileName(file)[0])), file => Assert.NotEqual(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
            Assert.Equal("0", (await Cluster.AskAsync(Accounts, "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE '%rehearsal%'", Cancellation)).Trim());
            Assert.Empty(Directory.GetFiles(Data, "*rehearsal*", SearchOption.AllDirectories));
            Assert.Equal(2, Service.Ask<long>("SELECT count(*) FROM fence WHERE state = 'open'"));
        }
    }

    [Fact]
    public async Task What_is_wrong_with_a_plan_is_said_before_anything_is_done()
    {
        await BeginAsync(accounts: 1);
        foreach (var (steps, says) in new[]
        {
            ("steps: [explode]", "There is no kind of step called `explode`"),
            ("steps:\n  - gate: { after: close }\n  - close: { after: gate }", "wait for each other"),
            ("steps:\n  - migrate: { target: nowhere }", "nowhere"),
            ("steps:\n  - permissions: { tree: none, mode: \"u=rwX\" }", "No tree is registered as 'none'"),
            ("steps:\n  - permissions: { tree: exports, mode: \"u=huh\" }", "u=huh"),
            ("steps:\n  - run: { command: rm }", "No command is registered as `rm`"),
            ("steps:\n  - gate: { wait: soon }", "such as 90s"),
            ("steps:\n  - verify: { account: nobody }", "no account 'nobody'"),
            ("steps: { a: b }", "Line"),
        })
        {
            Assert.Contains(says, await RefusedAsync("maintenance", "plan", await PlanFileAsync(steps)), StringComparison.Ordinal);
        }

        var past = Path.Combine(Root, "past.yaml");
        await File.WriteAllTextAsync(past, "name: x\nstart: 2020-01-01T00:00Z\nsteps: [gate]\n", Cancellation);
        Assert.Contains("which is over", await RefusedAsync("maintenance", "plan", past), StringComparison.Ordinal);
        Assert.Contains("No window was planned", await RefusedAsync("maintenance", "show"), StringComparison.Ordinal);
        Assert.Equal(0, Service.DirectoryAsk<long>("SELECT count(*) FROM windows"));
    }

    [Fact]
    public async Task A_window_that_needs_somebody_waits_goes_on_without_the_step_and_is_given_up_with_accounts_going_back()
    {
        var (computers, tree) = await BeginAsync(accounts: 2);
        Learn();
        await MustAsync("maintenance", "plan", await PlanFileAsync("""
            steps:
              - gate: { wait: 3s }
              - run: { name: hangs, command: hang, timeout: 2s }
              - run: { name: fails, command: fail }
              - migrate: { target: far }
              - run: { name: waits, command: hang }
              - bring-up
            """));
        Assert.Contains("less than the estimate", await MustAsync("maintenance", "announce", "--force", "--back-by", $"{DateTimeOffset.FromUnixTimeSeconds(Lines(await AdminAsync("maintenance", "show", "--json"))[0].GetProperty("starts_at").GetInt64() + 1):O}"), StringComparison.Ordinal);
        await MustAsync("maintenance", "start");
        async Task<JsonElement> NeedsAsync(string says)
        {
            await WaitAsync(async () => await ShowAsync("latest") is var window && window.GetProperty("state").GetString() == "paused" && window.GetProperty("failure").GetString()!.Contains(says, StringComparison.Ordinal));
            return await ShowAsync("latest");
        }

        Assert.Equal("hangs", (await NeedsAsync("did not end within 00:00:02")).GetProperty("step").GetString());
        await MustAsync("maintenance", "resume", "--skip");
        await NeedsAsync("ended with 3: no such thing");
        await MustAsync("maintenance", "resume");
        await NeedsAsync("ended with 3: no such thing");
        await MustAsync("maintenance", "resume", "--skip");
        await WaitAsync(async () => await ShowAsync("latest") is var window && window.GetProperty("step").GetString() == "waits");
        await MustAsync("maintenance", "pause");
        Assert.Contains("[window_refused]", await RefusedAsync("maintenance", "pause"), StringComparison.Ordinal);

        // It takes longer than was estimated, and computers that ask are told so.
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT coalesce(opens_at, 0) FROM gate") >= TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));
        Assert.Equal("2", (await Cluster.AskAsync(Accounts, "SELECT count(*) FROM fence WHERE state = 'open'", Cancellation)).Trim());

        // Given up: accounts go back, and computers come back by turns.
        await MustAsync("maintenance", "abort");
        await WaitAsync(async () => (await ShowAsync("latest")).GetProperty("state").GetString() == "cancelled");
        Assert.Equal(2, Service.Ask<long>("SELECT count(*) FROM fence WHERE state = 'open'"));
        Assert.DoesNotContain("closed", await MustAsync("gate", "show"), StringComparison.Ordinal);
        var report = await MustAsync("maintenance", "report");
        Assert.Contains("It was given up.", report, StringComparison.Ordinal);
        Assert.Contains("2 accounts went back", report, StringComparison.Ordinal);
        Assert.Contains("What the step waits did stays.", report, StringComparison.Ordinal);
        Assert.Contains("was skipped by", report, StringComparison.Ordinal);
        Assert.Contains("and was forced", report, StringComparison.Ordinal);
        Assert.Contains("[window_refused]", await RefusedAsync("maintenance", "abort"), StringComparison.Ordinal);

        // What works on a step says nonsense: the window waits, and goes on once that is mended.
        await MustAsync("permissions", "start", "exports", "--mode", "0640");
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM jobs WHERE kind = 'permissions:exports' AND state = 'done'") == 1));
        Service.DirectorySql("UPDATE jobs SET progress = '{\"tree\": 12' WHERE kind = 'permissions:exports'");
        await MustAsync("maintenance", "plan", await PlanFileAsync("""
            steps:
              - gate: { wait: 3s }
              - permissions: { tree: exports, mode: "u=rwX,go=" }
              - run: { command: slow, timeout: 1s, expected: 1s }
              - bring-up
            """));
        var expected = await MustAsync("maintenance", "rehearse", "latest", "--capacity", "1M", "--computers", "50", "--per-day", "1M");
        Assert.Contains("as its plan expects", expected, StringComparison.Ordinal);
        Assert.Contains("it is ended after its `timeout` of 00:00:01", expected, StringComparison.Ordinal);
        await MustAsync("maintenance", "announce");
        await MustAsync("maintenance", "start");
        await NeedsAsync("cannot be understood");
        Service.DirectorySql("UPDATE jobs SET progress = NULL WHERE kind = 'permissions:exports'");
        await MustAsync("maintenance", "resume");
        await NeedsAsync("did not end within 00:00:01");
        Assert.All(Directory.GetFiles(Exports), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
        await MustAsync("maintenance", "resume", "--skip");
        await WaitAsync(async () => (await ShowAsync("latest")).GetProperty("back_at").ValueKind == JsonValueKind.Number);
        foreach (var computer in computers)
        {
            await computer.MustAsync(Cancellation, "backup", tree, "--wait");
        }

        await WaitAsync(async () => (await ShowAsync("latest")).GetProperty("state").GetString() == "completed");
        Assert.Contains("The gate is open", await MustAsync("gate", "show"), StringComparison.Ordinal);
        Assert.Contains("Nobody has verified everything since data was touched last", await MustAsync("maintenance", "report"), StringComparison.Ordinal);
    }

    private async Task<(List<ClientComputer> Computers, string Tree)> BeginAsync(int accounts)
    {
        var tree = MakeTree("tree", files: 20);
        var computers = new List<ClientComputer>();
        for (var account = 1; account <= accounts; account++)
        {
            computers.Add(await EnrolAsync($"computer{account}", $"account{account}"));
            await computers[^1].MustAsync(Cancellation, "backup", tree);
        }

        Directory.CreateDirectory(Exports);
        for (var file = 0; file < 200; file++)
        {
            await File.WriteAllTextAsync(Path.Combine(Exports, $"{file}"), "x", Cancellation);
        }

        await ConfigureAsync(trees: new Dictionary<string, string> { ["exports"] = Exports }, commands: new Dictionary<string, string[]>
        {
            ["touch"] = ["/usr/bin/touch", Path.Combine(Root, "touched")], ["hang"] = ["/bin/sleep", "1000"], ["fail"] = ["/bin/sh", "-c", "echo no such thing; exit 3"], ["slow"] = ["/bin/sleep", "1000"],
        });
        await Service.KillAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'growth' AND state = 'waiting'");
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM samples WHERE metric = 'tree_files'") > 0));
        return (computers, tree);
    }

    /// <summary>Half a year of growth, and earlier runs.</summary>
    private void Learn()
    {
        foreach (var (metric, subject, now) in new[] { ("rows", "near/objects", 600), ("tree_files", "exports", 201), ("stored_bytes", "", 3_000_000), ("computers", "", 3) })
        {
            for (var day = Today - 180; day < Today; day += 10)
            {
                Service.DirectorySql($"INSERT INTO samples (metric, subject, day, value) VALUES ('{metric}', '{subject}', {day}, {(long)(now * Math.Exp(0.03 * (day - Today) / 30.0)) + 1}) ON CONFLICT DO NOTHING");
            }
        }

        foreach (var (kind, subject, volume, seconds) in new[] { ("move", "near to far", 500, 4), ("permissions", "exports", 180, 2), ("verify", "", 2_500_000, 3), ("run", "touch", 1, 1), ("run", "hang", 1, 1), ("run", "fail", 1, 1), ("bring-up", "", 3, 10) })
        {
            foreach (var ago in new[] { 40, 90 })
            {
                Service.DirectorySql($"INSERT INTO actuals (id, kind, subject, ended_at, volume, changed, milliseconds, threads, medium) VALUES ('{kind} {subject} {ago}', '{kind}', '{subject}', {(Today - ago) * Day}, {volume}, {volume}, {seconds * 1000}, 4, 'x')");
            }
        }
    }

    private async Task<string> PlanFileAsync(string steps)
    {
        var path = Path.Combine(Root, "plan.yaml");
        await File.WriteAllTextAsync(path, $"name: Database to PostgreSQL\nstart: {TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(3):yyyy-MM-ddTHH:mmZ}\nmessage: Restores work all the time.\n{steps}\n", Cancellation);
        return path;
    }

    private async Task<JsonElement> ShowAsync(string window) => Lines(await AdminAsync("maintenance", "show", window, "--json"))[0];

    private async Task<string> MustAsync(params string[] arguments)
    {
        var ended = await AdminAsync(arguments);
        Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.Output}{ended.Error}");
        return ended.Output;
    }
}
