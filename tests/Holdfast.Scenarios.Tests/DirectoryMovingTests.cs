using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Scenarios.Tests;

/// <summary>The directory moves to another engine and back, by an operator's commands, while people sign in and computers back up and restore.</summary>
public sealed class DirectoryMovingTests : TwoStoresScenario
{
    private const string Password = "correct horse battery staple";

    [Fact]
    public async Task The_directory_moves_to_another_engine_and_back_and_nobody_notices()
    {
        var next = await Cluster.NewDatabaseAsync("directory", Cancellation);
        Assert.Contains("next_directory", await RefusedAsync("move", "directory", "start"), StringComparison.Ordinal);
        Assert.Contains("never moved", await RefusedAsync("move", "directory", "status"), StringComparison.Ordinal);
        await ConfigureAsync(nextDirectory: next);
        await Service.StopAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        var computer = await EnrolAsync("one", "one");
        using var person = await JoinAsync();

        using var stop = new CancellationTokenSource();
        var (own, signIns, restores, longest) = (MakeTree("own", files: 10), 0, 0, 0L);
        await computer.MustAsync(Cancellation, "backup", own);
        List<Task> noticing =
        [
            RepeatAsync(async () =>
            {
                await File.WriteAllTextAsync(Path.Combine(own, "changes"), $"{signIns}", Cancellation);
                await computer.MustAsync(Cancellation, "backup", own);
                await computer.RestoresIdenticallyAsync(own, Cancellation);
                restores++;
            }),
            RepeatAsync(async () =>
            {
                var began = Stopwatch.GetTimestamp();
                using var anybody = new ApiCaller(Service.Url);
                var answer = await anybody.PostAsync("/v1/sign-ins", new { email = "admin@example.org", password = Password });
                Assert.True(answer.Status == 200, answer.Body.ToString());
                using var signedIn = new ApiCaller(Service.Url, answer.Text("token"));
                Assert.Equal(200, (await signedIn.GetAsync("/v1/accounts")).Status);
                Assert.Equal(200, (await person.GetAsync("/v1/me")).Status);
                signIns++;
                longest = Math.Max(longest, (long)Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }),
        ];

        Assert.Equal("dry run", Lines(await AdminAsync("move", "directory", "start", "--dry-run", "--json")).Single().GetProperty("state").GetString());
        Assert.Contains("1 to 10", await RefusedAsync("move", "directory", "start", "--pause-most", "100"), StringComparison.Ordinal);
        await WaitAsync(() => Task.FromResult(signIns > 2));
        Assert.Equal("running", Lines(await AdminAsync("move", "directory", "start", "--json")).Single().GetProperty("state").GetString());
        var moved = await MovedAsync();
        var seen = (signIns, restores);
        await WaitAsync(() => Task.FromResult((signIns > seen.signIns + 2 && restores > seen.restores) || noticing.Any(task => task.IsFaulted)));
        await stop.CancelAsync();
        await Task.WhenAll(noticing);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"writes waited {moved:0} ms; {signIns} sign-ins, the longest {longest} ms, {restores} backups and restores"));
        Assert.Equal("left", Service.DirectoryAsk<string>("SELECT state FROM directory_home"));
        Assert.Equal("home", (await Cluster.AskAsync(next, "SELECT state FROM directory_home", Cancellation)).Trim());
        Assert.Equal("1", (await Cluster.AskAsync(next, "SELECT count(*) FROM actuals WHERE kind = 'directory-move'", Cancellation)).Trim());
        Assert.Equal(200, (await person.GetAsync("/v1/me")).Status);
        Assert.Contains("next_directory", await RefusedAsync("move", "directory", "start"), StringComparison.Ordinal);

        // A node whose configuration was left as it was finds it; one that knows only where it was does not start.
        await Service.StopAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        Assert.Equal(200, (await person.GetAsync("/v1/me")).Status);
        await Service.StopAsync(Cancellation);
        await ConfigureAsync();
        Assert.Contains("has moved", (await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", Data, "--listen", "http://127.0.0.1:0"], new Dictionary<string, string>(), Cancellation)).Error, StringComparison.Ordinal);

        // And back, over what is there, with the node killed in the middle of it.
        await ConfigureAsync(directory: next, nextDirectory: $"sqlite:{Data}/directory.db");
        await Service.RestartAsync(Cancellation);
        Lines(await AdminAsync("move", "directory", "start", "--json"));
        await Service.KillAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        await MovedAsync();
        Assert.Equal("home", Service.DirectoryAsk<string>("SELECT state FROM directory_home"));
        Assert.Equal(200, (await person.GetAsync("/v1/me")).Status);
        await computer.MustAsync(Cancellation, "backup", own);
        await computer.RestoresIdenticallyAsync(own, Cancellation);

        async Task RepeatAsync(Func<Task> act)
        {
            while (!stop.IsCancellationRequested)
            {
                await act();
            }
        }
    }

    /// <summary>Waits until it has moved; for how long writes waited.</summary>
    private async Task<double?> MovedAsync()
    {
        double? paused = null;
        await WaitAsync(async () =>
        {
            var status = Lines(await AdminAsync("move", "directory", "status", "--json")).Single();
            Assert.True(status.GetProperty("state").GetString() is "running" or "moved", status.ToString());
            paused = status.TryGetProperty("paused_ms", out var waited) && waited.ValueKind == System.Text.Json.JsonValueKind.Number ? waited.GetDouble() : null;
            return status.GetProperty("state").GetString() == "moved";
        });
        return paused;
    }

    private async Task<ApiCaller> JoinAsync()
    {
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Data, "bootstrap-secret"), Cancellation)).Trim());
        var invited = await bootstrap.PostAsync("/v1/operators/invitations", new { email = "admin@example.org", role = "admin" });
        using var anybody = new ApiCaller(Service.Url);
        var joined = await anybody.PostAsync("/v1/people", new { code = invited.Text("code"), name = "admin", password = Password });
        Assert.True(joined.Status == 200, joined.Body.ToString());
        return new ApiCaller(Service.Url, joined.Text("token"));
    }
}
