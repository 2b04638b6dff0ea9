using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Holdfast.Protocol.Failures;
using Holdfast.Tests;

namespace Holdfast.Scenarios.Tests;

/// <summary>Two authority nodes on one PostgreSQL, none special, and a pod of its own: anything may be killed.</summary>
public sealed class NodesTests : Scenario
{
    private readonly Balancer _balancer = new();
    private readonly List<Service> _nodes = [];
    private PostgresCluster _cluster = null!;
    private Service _pod = null!;
    private string _directory = "";
    private string _accounts = "";

    protected override string Url => _balancer.Url;

    private protected override async Task<Service> StartServiceAsync()
    {
        _cluster = await PostgresCluster.StartAsync(Cancellation);
        (_directory, _accounts) = (await _cluster.NewDatabaseAsync("directory", Cancellation), await _cluster.NewDatabaseAsync("accounts", Cancellation));
        var podData = Path.Combine(Root, "pod");
        Assert.Equal(0, (await OperateAsync("pod", "create", "--data", podData, "--drive", Path.Combine(Root, "d0"), "--drive", Path.Combine(Root, "d1"), "--drive", Path.Combine(Root, "d2"))).ExitCode);
        _pod = await Service.StartAsync(podData, "http://127.0.0.1:0", Cancellation, "pod");
        for (var number = 1; number <= 2; number++)
        {
            var data = Directory.CreateDirectory(Path.Combine(Root, $"node{number}")).FullName;
            await ConfigureAsync(data, "");
            if (number == 1)
            {
                var joined = await OperateAsync("pod", "join", _pod.Url, "--secret-file", Path.Combine(podData, "bootstrap-secret"), "--data", data);
                Assert.True(joined.ExitCode == 0, joined.Error);
            }

            _nodes.Add(await Service.StartAsync(data, "http://127.0.0.1:0", Cancellation, "authority", Url, isFirst: number == 1));
            _balancer.Nodes.Add(new Uri(_nodes[^1].Url));
        }

        return _nodes[0];
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _pod.DisposeAsync();
        await _balancer.DisposeAsync();
        await _cluster.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Backups_and_restores_go_on_while_either_node_is_killed_at_random()
    {
        var random = new Random(1);
        await WorkWhileAsync(async () =>
        {
            var node = _nodes[random.Next(2)];
            await Task.Delay(random.Next(50, 900), Cancellation);
            await node.KillAsync(Cancellation);
            await Task.Delay(random.Next(0, 400), Cancellation);
            await node.RestartAsync(Cancellation);
        });
    }

    [Fact]
    public async Task A_killed_database_loses_no_acknowledged_write_and_clients_recover_alone()
    {
        var random = new Random(2);
        await WorkWhileAsync(async () =>
        {
            await Task.Delay(random.Next(1500, 4000), Cancellation);
            await _cluster.KillAsync(Cancellation);
            await Task.Delay(random.Next(0, 300), Cancellation);
            await _cluster.StartServerAsync(Cancellation);
        });
    }

    [Fact]
    public async Task The_directory_moves_under_both_nodes_and_whichever_has_the_job_may_be_killed()
    {
        var (next, random, hasMoved) = (await _cluster.NewDatabaseAsync("moved", Cancellation), new Random(3), false);
        await ConfigureAsync(_nodes[0].Data, $"\"next_directory\": \"{next}\",");
        await _nodes[0].StopAsync(Cancellation);
        await _nodes[0].RestartAsync(Cancellation);
        var early = await AdminAsync("move", "directory", "start");
        Assert.Contains("would be left behind", early.Error, StringComparison.Ordinal);
        await ConfigureAsync(_nodes[1].Data, $"\"next_directory\": \"{next}\",");
        await _nodes[1].StopAsync(Cancellation);
        await _nodes[1].RestartAsync(Cancellation);
        await WorkWhileAsync(async () =>
        {
            if (!hasMoved)
            {
                await WaitAsync(async () => (await AdminAsync("move", "directory", "start")).ExitCode == 0);
            }

            var node = _nodes[random.Next(2)];
            await Task.Delay(random.Next(0, 300), Cancellation);
            await node.KillAsync(Cancellation);
            await node.RestartAsync(Cancellation);
            await WaitAsync(async () => Lines(await AdminAsync("move", "directory", "status", "--json")).Single().GetProperty("state").GetString() == "moved");
            hasMoved = true;
        });
        Assert.Equal("left", (await _cluster.AskAsync(_directory, "SELECT state FROM directory_home", Cancellation)).Trim());
        Assert.Equal("home", (await _cluster.AskAsync(next, "SELECT state FROM directory_home", Cancellation)).Trim());
    }

    [Fact]
    public async Task Nodes_and_clients_of_the_schema_before_work_beside_those_of_this_one()
    {
        var before = Path.Combine(Root, "before");

        // The last that had one step of the schema less: or, of a change that is not committed, the commit that it is based on.
        var commit = Shell($"cd '{Programs.Root}' && git status --porcelain src/Holdfast.Authority/Databases/Schema | grep -q '^??' && echo HEAD || git rev-parse --verify -q \"$(git log --diff-filter=A -1 --format=%H -- src/Holdfast.Authority/Databases/Schema)~1\" || true").Trim();
        Assert.SkipWhen(commit.Length == 0, "there is no commit before the last step of the schema");
        Shell($"""
            git clone -q --no-checkout '{Programs.Root}' '{before}' && cd '{before}' && git checkout -q "$(git -C '{Programs.Root}' rev-parse {commit})"
            for project in Server Cli; do dotnet build src/Holdfast.$project -c Release --nologo -v quiet -clp:NoSummary -nodeReuse:false >/dev/null; done
            """);
        string Old(string project, string program) => Path.Combine(before, "src", project, "bin", "Release", "net10.0", program);

        // The old node made the databases, and filled them; the first new one upgrades them under its feet, and is gone again.
        foreach (var node in _nodes)
        {
            await node.StopAsync(Cancellation);
        }

        foreach (var database in new[] { _directory, _accounts })
        {
            await _cluster.AskAsync(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", Cancellation);
        }

        File.Delete(Path.Combine(_nodes[0].Data, "operator-token"));
        _nodes[1].Program = Old("Holdfast.Server", "holdfastd");
        await _nodes[1].RestartAsync(Cancellation);
        Assert.Equal(0, (await _nodes[1].OperateAsync(["operator", "create", "tester"], Cancellation)).ExitCode);
        File.Copy(Path.Combine(_nodes[1].Data, "operator-token"), Path.Combine(_nodes[0].Data, "operator-token"));
        var computer = await EnrolAsync("one", "account", await _nodes[1].NewAccountAsync("account", Cancellation));
        var tree = MakeTree("tree", files: 20);
        await computer.MustAsync(Cancellation, "backup", tree);
        await _nodes[0].RestartAsync(Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await _nodes[0].StopAsync(Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await File.WriteAllBytesAsync(Path.Combine(tree, "new"), Content(1), Cancellation);
        await computer.MustAsync(Cancellation, "backup", tree);
        await _nodes[0].RestartAsync(Cancellation);
        var older = await EnrolAsync("two", "account", await Service.NewCodeAsync("account", Cancellation));
        older.Program = Old("Holdfast.Cli", "holdfast");
        for (var run = 0; run < 2; run++)
        {
            await File.WriteAllBytesAsync(Path.Combine(tree, $"old{run}"), Content(run + 2), Cancellation);
            await older.MustAsync(Cancellation, "backup", tree);
            await computer.MustAsync(Cancellation, "backup", tree);
            await older.RestoresIdenticallyAsync(tree, Cancellation);
            await computer.RestoresIdenticallyAsync(tree, Cancellation);
        }

        await computer.MustAsync(Cancellation, "check", "--read-data");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_job_goes_on_at_the_other_node_when_its_own_is_killed_or_stopped(bool isKilled)
    {
        var computer = await EnrolAsync("one", "account");
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 10));
        using var http = new HttpClient { BaseAddress = new Uri(Url) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim());

        // The pod does not answer: whoever has the job is in the middle of it. It is of one account: the request below makes another, before it ends or after.
        _pod.Signal("STOP");
        using var started = await http.PostAsJsonAsync("/v1/verifications", new { account = "account" }, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, started.StatusCode);
        var job = await JobAsync(http, job => job.GetProperty("state").GetString() == "running");
        var node = Assert.Single(_nodes, node => job.GetProperty("node").GetString()!.EndsWith($":{node.ProcessId}", StringComparison.Ordinal));

        // Somebody's request is half there: a node that is told to stop gives its work back at once all the same, and answers the request.
        using var slow = await SlowRequest.BeginAsync(new Uri(node.Url), http.DefaultRequestHeaders.Authorization.Parameter!, Cancellation);
        var stopping = isKilled ? node.KillAsync(Cancellation) : node.StopAsync(Cancellation);
        await (isKilled ? stopping : Task.CompletedTask);
        _pod.Signal("CONT");
        var dead = job.GetProperty("node").GetString()!;
        if (!isKilled)
        {
            await JobAsync(http, job => job.GetProperty("node").GetString() != dead);
            Assert.False(stopping.IsCompleted);
            Assert.StartsWith("HTTP/1.1 200", await slow.EndAsync(Cancellation), StringComparison.Ordinal);
            await stopping;
        }

        var ended = await JobAsync(http, job => job.GetProperty("state").GetString() == "done");
        Assert.NotEqual(dead, ended.GetProperty("node").GetString());
        var status = await http.GetFromJsonAsync<JsonElement>("/v1/verifications/latest", Cancellation);
        Assert.Equal(("ended", 1, 0), (status.GetProperty("state").GetString(), status.GetProperty("accounts").GetInt32(), status.GetProperty("damage_count").GetInt32()));
    }

    /// <summary>Waits until the verification's job is as it should be.</summary>
    private static async Task<JsonElement> JobAsync(HttpClient http, Func<JsonElement, bool> isWanted)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        while (true)
        {
            var jobs = (await http.GetFromJsonAsync<JsonElement>("/v1/jobs", limit.Token)).GetProperty("jobs").EnumerateArray();
            if (jobs.FirstOrDefault(job => job.GetProperty("kind").GetString() == "verification") is { ValueKind: JsonValueKind.Object } found && isWanted(found))
            {
                return found;
            }

            await timer.WaitForNextTickAsync(limit.Token);
        }
    }

    [Fact]
    public async Task Nodes_take_up_each_others_keys_and_operators()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 20);
        await computer.MustAsync(Cancellation, "backup", tree);

        // The pod honours two keys: after a second rotation one that still signed with the first would be refused.
        Assert.Equal(0, (await _nodes[0].OperateAsync(["keys", "rotate"], Cancellation)).ExitCode);
        await Task.Delay(TimeSpan.FromSeconds(6), Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Equal(0, (await _nodes[0].OperateAsync(["keys", "rotate"], Cancellation)).ExitCode);
        await _nodes[0].KillAsync(Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Equal(0, (await _nodes[1].OperateAsync(["operator", "create", "second"], Cancellation)).ExitCode);
        Assert.Contains("account", (await _nodes[1].OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await _nodes[1].OperateAsync(["keys", "rotate", "--revoke-old"], Cancellation)).ExitCode);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Equal(0, (await _nodes[1].OperateAsync(["pod", "verify"], Cancellation)).ExitCode);
    }

    [Fact]
    public async Task Databases_that_are_lost_come_back_from_the_pod_and_nobody_is_let_in_before()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 20);
        await computer.MustAsync(Cancellation, "backup", tree);
        var refused = await OperateAsync("rebuild", "--data", Path.Combine(Root, "node1"));
        Assert.Equal(FailureTable.AlreadyRunning.ExitCode, refused.ExitCode);
        foreach (var node in _nodes)
        {
            await node.KillAsync(Cancellation);
        }

        refused = await OperateAsync("rebuild", "--data", Path.Combine(Root, "node1"));
        Assert.Equal(FailureTable.Conflict.ExitCode, refused.ExitCode);
        Assert.Contains("1 accounts", refused.Error, StringComparison.Ordinal);
        foreach (var database in new[] { _directory, _accounts })
        {
            await _cluster.AskAsync(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", Cancellation);
        }

        var rebuilt = await OperateAsync("rebuild", "--data", Path.Combine(Root, "node1"));
        Assert.True(rebuilt.ExitCode == 0, rebuilt.Output + rebuilt.Error);

        // One that did not end: every node refuses to serve, and it begins anew.
        await _cluster.AskAsync(_directory, "INSERT INTO directory_marks VALUES ('rebuilding', 'now'); DELETE FROM accounts", Cancellation);
        var early = await OperateAsync("run", "--roles", "authority", "--data", Path.Combine(Root, "node2"), "--listen", "http://127.0.0.1:0");
        Assert.Contains("being rebuilt", early.Error, StringComparison.Ordinal);
        rebuilt = await OperateAsync("rebuild", "--data", Path.Combine(Root, "node1"));
        Assert.True(rebuilt.ExitCode == 0, rebuilt.Output + rebuilt.Error);
        foreach (var node in _nodes)
        {
            await node.RestartAsync(Cancellation);
        }

        await computer.MustAsync(Cancellation, "attach");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await computer.SendsNothingNewAsync(tree, Cancellation);
    }

    [Fact]
    public async Task A_node_whose_stores_are_called_otherwise_or_that_finds_no_keys_is_refused()
    {
        var data = Directory.CreateDirectory(Path.Combine(Root, "node3")).FullName;
        foreach (var (stores, keys, said) in new[] { ("other", "../keys", "is the store 'main'"), ("main", "../not-mounted", "mount it") })
        {
            await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), $$"""{ "directory": "{{_directory}}", "stores": { "{{stores}}": "{{_accounts}}" }, "keys": "{{keys}}" }""", Cancellation);
            var refused = await OperateAsync("run", "--roles", "authority", "--data", data, "--listen", "http://127.0.0.1:0");
            Assert.NotEqual(0, refused.ExitCode);
            Assert.Contains(said, refused.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_second_process_on_a_SQLite_file_is_refused()
    {
        foreach (var (number, listen) in new[] { (3, "http://127.0.0.1:0"), (4, "http://127.0.0.1:0") })
        {
            var data = Directory.CreateDirectory(Path.Combine(Root, $"node{number}")).FullName;
            await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), $$"""{ "directory": "sqlite:{{Root}}/shared.db", "stores": { "a": "sqlite:{{Root}}/a.db" }, "keys": "{{Root}}/keys" }""", Cancellation);
            if (number == 3)
            {
                _nodes.Add(await Service.StartAsync(data, listen, Cancellation, "authority"));
                continue;
            }

            var refused = await OperateAsync("run", "--roles", "authority", "--data", data, "--listen", listen);
            Assert.Equal(FailureTable.AlreadyRunning.ExitCode, refused.ExitCode);
            Assert.Contains("PostgreSQL", refused.Error, StringComparison.Ordinal);
        }
    }

    private Task ConfigureAsync(string data, string more) => File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), $$"""
        // Two nodes, one service.
        { "directory": "{{_directory}}", {{more}} "stores": { "main": "{{_accounts}}" }, "keys": "../keys" }
        """, Cancellation);

    /// <summary>Two computers back up again and again and a third restores, while things are broken; nothing of it may fail, and everything acknowledged is there at the end.</summary>
    private async Task WorkWhileAsync(Func<Task> breakAsync)
    {
        var (runsMin, breaksMin) = IsLong ? (40, 30) : (4, 4);
        var first = await EnrolAsync("first", "account");
        var second = await EnrolAsync("second", "account", await Service.NewCodeAsync("account", Cancellation));
        var (tree, other, still) = (MakeTree("tree", 1, 20), MakeTree("other", 2, 20), MakeTree("still", 3, 20));
        var reader = await EnrolAsync("reader", "reading");
        await reader.MustAsync(Cancellation, "backup", still);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var breaks = 0;
        var breaking = Task.Run(async () =>
        {
            for (; !done.IsCancellationRequested; breaks++)
            {
                await breakAsync();
            }
        }, Cancellation);
        var backups = 0;
        async Task RepeatAsync(Func<int, Task> work)
        {
            for (var run = 0; run < runsMin || (Volatile.Read(ref breaks) < breaksMin && !breaking.IsCompleted); run++)
            {
                await work(run);
            }
        }

        async Task BackUpAsync(ClientComputer computer, string folder, int run)
        {
            await File.WriteAllBytesAsync(Path.Combine(folder, $"new{run}"), Content(run), Cancellation);
            await computer.MustAsync(Cancellation, "backup", folder);
            Interlocked.Increment(ref backups);
        }

        try
        {
            await Task.WhenAll(RepeatAsync(run => BackUpAsync(first, tree, run)), RepeatAsync(run => BackUpAsync(second, other, run)), RepeatAsync(_ => reader.RestoresIdenticallyAsync(still, Cancellation)));
        }
        finally
        {
            await done.CancelAsync();
            await breaking;
        }

        foreach (var (computer, folder) in new[] { (first, tree), (second, other) })
        {
            await computer.RestoresIdenticallyAsync(folder, Cancellation);
            await computer.MustAsync(Cancellation, "check", "--read-data");
        }

        // Every backup that said it was done is there.
        Assert.Equal(backups, (await first.MustAsync(Cancellation, "snapshots", "--quiet")).Output.TrimEnd().Split('\n').Length);
    }

    private static byte[] Content(int seed)
    {
        var bytes = new byte[300_000];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static Task<Ended> OperateAsync(params string[] arguments) => Programs.RunAsync(Programs.Holdfastd, arguments, new Dictionary<string, string>(), Cancellation);
}
