using System.Runtime.InteropServices;

namespace Holdfast.Scenarios.Tests;

/// <summary>The service's clock leaps, forwards and back, while it is used (libfaketime).</summary>
public sealed class ClockTests : Scenario
{
    private static readonly string _library = $"/usr/lib/{(RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "aarch64" : "x86_64")}-linux-gnu/faketime/libfaketimeMT.so.1";

    private string Clock => Path.Combine(Root, "clock");

    private protected override Task<Service> StartServiceAsync()
    {
        Assert.SkipUnless(File.Exists(_library), "this needs Debian's libfaketime");
        SetClock("+0");
        return Service.StartAsync(Path.Combine(Root, "service"), Cancellation, new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = _library, ["FAKETIME_TIMESTAMP_FILE"] = Clock, ["FAKETIME_NO_CACHE"] = "1", ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1",
        });
    }

    [Fact]
    public async Task Backups_restores_and_jobs_go_on_when_the_clock_leaps()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 120);
        foreach (var (run, leaps) in new[] { (1, new[] { "+40d", "-2d", "+0" }), (2, ["-400d", "+1h"]), (3, ["+7h", "-7h", "+7h"]) })
        {
            await File.WriteAllTextAsync(Path.Combine(tree, $"new{run}"), $"{run}", Cancellation);
            var (backup, restore) = (computer.MustAsync(Cancellation, "backup", tree), run == 1 ? Task.CompletedTask : computer.MustAsync(Cancellation, "restore", "latest", "--target", Path.Combine(Root, $"restored{run}")));
            foreach (var leap in leaps)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(400), Cancellation);
                SetClock(leap);
            }

            await Task.WhenAll(backup, restore);
            await computer.RestoresIdenticallyAsync(tree, Cancellation);

            // Whatever was asked for under another clock does not keep this from being run.
            var verified = Lines(await AdminAsync("verify", "--json")).Single();
            Assert.Equal(("ended", (long)run, 0L), (verified.GetProperty("state").GetString(), verified.GetProperty("snapshots").GetInt64(), verified.GetProperty("damages").GetInt64()));
        }

        // Grants ran out under uploads, and were given anew: so small a backup asks for no more numbers than its session began with.
        for (var run = 0; await RenewalsAsync() == 0; run++)
        {
            Assert.True(run < 20, "no upload met a grant that had run out");
            await File.WriteAllTextAsync(Path.Combine(tree, "again"), $"{run}", Cancellation);
            SetClock("+0");
            var backup = computer.MustAsync(Cancellation, "backup", tree);
            await Task.Delay(TimeSpan.FromMilliseconds(300 + (100 * run)), Cancellation);
            SetClock("+7h");
            await backup;
        }

        var snapshots = (await computer.MustAsync(Cancellation, "snapshots", "--quiet")).Output;

        // A node that dies under one clock leaves nothing that another waits for; days in between are no loss of anybody's rights.
        SetClock("+100d");
        await Service.KillAsync(Cancellation);
        SetClock("+0");
        await Service.RestartAsync(Cancellation);
        Assert.Equal("ended", Lines(await AdminAsync("verify", "--json")).Single().GetProperty("state").GetString());
        await computer.MustAsync(Cancellation, "check", "--read-data");
        Assert.Equal(snapshots, (await computer.MustAsync(Cancellation, "snapshots", "--quiet")).Output);
    }

    private async Task<int> RenewalsAsync()
    {
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "metrics-token"), Cancellation)).Trim());
        return (await http.GetStringAsync(new Uri(Service.Url + "/metrics"), Cancellation)).Split('\n').Count(line => line.StartsWith("http_server_request_duration_seconds_count", StringComparison.Ordinal) && line.Contains("/grants", StringComparison.Ordinal));
    }

    private void SetClock(string offset)
    {
        File.WriteAllText(Clock + ".new", offset + "\n");
        File.Move(Clock + ".new", Clock, overwrite: true);
    }
}
