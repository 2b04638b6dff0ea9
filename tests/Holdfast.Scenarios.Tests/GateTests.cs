using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Holdfast.Client.Computers;

namespace Holdfast.Scenarios.Tests;

/// <summary>Who may begin a backup, and when: closed, by turns, held, open. Restores never pass the gate.</summary>
public sealed class GateTests : Scenario
{
    [Fact]
    public async Task A_closed_gate_names_a_time_restores_pass_it_and_whoever_comes_early_is_told_the_same()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        var opens = TimeProvider.System.GetUtcNow().AddMinutes(10);
        var closed = Assert.Single(Lines(await AdminAsync("gate", "close", "--reason", "new disks", "--until", opens.ToString("O"), "--json")));
        Assert.Equal(("closed", "new disks", opens.ToUnixTimeSeconds()), (closed.GetProperty("mode").GetString(), closed.GetProperty("reason").GetString(), closed.GetProperty("opens_at").GetInt64()));

        var refused = await computer.RunAsync(Cancellation, "backup", tree, "--json");
        Assert.True(refused.ExitCode == 75, refused.Error);
        var turn = JsonDocument.Parse(refused.Output.Split('\n').First(line => line.Contains("\"turn\"", StringComparison.Ordinal))).RootElement;
        Assert.Equal("closed", turn.GetProperty("reason").GetString());
        Assert.InRange(turn.GetProperty("at").GetInt64(), opens.AddMinutes(-1.1).ToUnixTimeSeconds(), opens.AddMinutes(1.1).ToUnixTimeSeconds());
        Assert.Contains("[not_admitted]", (await computer.RunAsync(Cancellation, "backup", tree)).Error, StringComparison.Ordinal);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Contains("new disks", (await computer.RunAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);

        // Neither a session of long ago nor one that never was is a way round.
        foreach (var session in new[] { 1, 99 })
        {
            await SendAsync(HttpMethod.Post, computer, $"sessions/{session}/grants", new { receipts = Array.Empty<string>() });
        }

        await Task.Delay(TimeSpan.FromSeconds(2.5), TimeProvider.System, Cancellation);
        Assert.Equal(75, (await computer.RunAsync(Cancellation, "backup", tree)).ExitCode);

        // The same moment, however often; and what somebody made up is worth nothing.
        using var client = new HttpClient { BaseAddress = new Uri(Url) };
        var first = await AskAsync(client, computer, null);
        foreach (var shown in new[] { null, first.Turn, "", "AAAA", new string('A', 32), first.Turn![..^1] + (first.Turn[^1] == 'A' ? 'Q' : 'A'), new string('x', 4000) })
        {
            Assert.Equal((429, first.At), (await AskAsync(client, computer, shown)) is var again ? (again.Status, again.At) : default);
        }

        Assert.Equal("open", Assert.Single(Lines(await AdminAsync("gate", "open", "--json"))).GetProperty("mode").GetString());
        await computer.MustAsync(Cancellation, "backup", tree);
        Assert.Contains("[conflict]", (await AdminAsync("gate", "hold")).Error, StringComparison.Ordinal);
        foreach (var wrong in new object[] { new { mode = "ajar" }, new { mode = "open", at_most = 0 }, new { mode = "open", at_most = -5 }, new { mode = "closed", opens_at = long.MaxValue }, new { mode = "closed", opens_at = -1 }, new { mode = "closed", reason = new string('x', 300) } })
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, "/v1/gate") { Content = JsonContent.Create(wrong) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim());
            using var answer = await client.SendAsync(request, Cancellation);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }
    }

    [Fact]
    public async Task After_an_outage_everybody_comes_in_turns_a_hold_outlives_a_restart_and_the_gate_opens_by_itself()
    {
        var (one, two) = (await EnrolAsync("one", "account"), await EnrolAsync("two", "other"));
        var tree = MakeTree("tree", files: 10);
        await one.MustAsync(Cancellation, "backup", tree);
        await Service.StopAsync(Cancellation);
        Service.DirectorySql("UPDATE gate_nodes SET seen_at = seen_at - 7200");
        await Service.RestartAsync(Cancellation);
        var ramp = await GateAsync();
        Assert.Equal(("ramp", "the service was away", 2, 0), (ramp.GetProperty("mode").GetString(), ramp.GetProperty("reason").GetString(), ramp.GetProperty("computers").GetInt32(), ramp.GetProperty("admitted").GetInt32()));
        var since = ramp.GetProperty("since").GetInt64();

        await AdminAsync("gate", "hold");
        await Service.StopAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        Assert.Equal(("held", since), ((await GateAsync()).GetProperty("mode").GetString(), (await GateAsync()).GetProperty("since").GetInt64()));
        Assert.Equal(75, (await two.RunAsync(Cancellation, "backup", tree)).ExitCode);
        await one.RestoresIdenticallyAsync(tree, Cancellation);

        // Held computers keep their places; who is let in now need not wait for the moment that they were told.
        Assert.Equal(since, Assert.Single(Lines(await AdminAsync("gate", "ramp", "--json"))).GetProperty("since").GetInt64());
        two.DeleteCache();
        await two.MustAsync(Cancellation, "backup", tree);
        await one.MustAsync(Cancellation, "backup", tree);
        await WaitAsync(async () => (await GateAsync()).GetProperty("mode").GetString() == "open");
    }

    [Fact]
    public async Task With_every_place_taken_a_waiting_backup_sleeps_until_its_moment_and_goes_on_by_itself()
    {
        var (one, two) = (await EnrolAsync("one", "account"), await EnrolAsync("two", "other"));
        var tree = MakeTree("tree", files: 10);
        await two.MustAsync(Cancellation, "backup", tree);
        await AdminAsync("gate", "ramp", "--at-most", "1", "--reason", "a test");
        using var client = new HttpClient { BaseAddress = new Uri(Url) };
        Assert.Equal(200, (await AskAsync(client, one, null)).Status);
        var waiting = two.RunAsync(Cancellation, "backup", tree, "--wait", "--json");
        await WaitAsync(async () => (await MetricAsync("holdfast_backups_refused_total")) >= 1);
        Assert.Equal(75, (await two.RunAsync(Cancellation, "backup", tree)).ExitCode);

        // The one that is in comes again, as after frames were missing, and stays in; then it leaves.
        Assert.Equal(200, (await AskAsync(client, one, null)).Status);
        Assert.Equal(404, await SendAsync(HttpMethod.Delete, one, "sessions/77", new { }));
        Assert.Equal(75, (await two.RunAsync(Cancellation, "backup", tree)).ExitCode);
        Assert.Equal(200, await SendAsync(HttpMethod.Delete, one, "sessions/1", new { }));
        var ended = await waiting;
        Assert.True(ended.ExitCode == 0, ended.Error);
        Assert.Contains("\"turn\"", ended.Output, StringComparison.Ordinal);
        await two.RestoresIdenticallyAsync(tree, Cancellation);

        // Between two moments nothing was asked: one refusal a moment, and those of the one that did not wait.
        Assert.InRange(await MetricAsync("holdfast_backups_refused_total"), 3, 8);
    }

    private async Task<int> SendAsync(HttpMethod method, ClientComputer computer, string path, object body)
    {
        var file = ComputerFile.Load(computer.Folders);
        using var client = new HttpClient { BaseAddress = new Uri(Url) };
        using var request = new HttpRequestMessage(method, $"/v1/accounts/{file.Account}/{path}") { Content = JsonContent.Create(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", file.Token);
        using var answer = await client.SendAsync(request, Cancellation);
        return (int)answer.StatusCode;
    }

    private async Task<JsonElement> GateAsync() => Assert.Single(Lines(await AdminAsync("gate", "show", "--json")));

    private async Task<double> MetricAsync(string name)
    {
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, Url + "/metrics");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "metrics-token"), Cancellation)).Trim());
        using var answer = await client.SendAsync(request, Cancellation);
        return (await answer.Content.ReadAsStringAsync(Cancellation)).Split('\n').Where(line => line.StartsWith(name, StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>Asks for a session as the computer does.</summary>
    private static async Task<(int Status, string? Turn, long At)> AskAsync(HttpClient client, ClientComputer computer, string? turn)
    {
        var file = ComputerFile.Load(computer.Folders);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/accounts/{file.Account}/sessions") { Content = JsonContent.Create(new { collection_number = 0 }) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", file.Token);
        if (turn is not null)
        {
            request.Headers.TryAddWithoutValidation("Holdfast-Turn", turn);
        }

        using var answer = await client.SendAsync(request, Cancellation);
        if (answer.StatusCode == HttpStatusCode.OK)
        {
            return (200, null, 0);
        }

        var told = (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation)).GetProperty("turn");
        Assert.Equal(told.GetProperty("token").GetString(), Assert.Single(answer.Headers.GetValues("Holdfast-Turn")));
        Assert.NotNull(answer.Headers.RetryAfter?.Delta);
        return ((int)answer.StatusCode, told.GetProperty("token").GetString(), told.GetProperty("at").GetInt64());
    }
}
