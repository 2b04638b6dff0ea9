using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>Whatever is killed, whenever: nothing that was acknowledged is lost, and nothing that has its receipt is sent again.</summary>
public sealed class KillingTests : Scenario
{
    private int Rounds => IsLong ? 60 : 8;

    [Fact]
    public async Task A_backup_killed_at_any_moment_goes_on_and_sends_no_received_blob_again()
    {
        var random = new Random(20261124);
        var tree = MakeTree("tree", seed: 7, files: 240);
        var computer = await EnrolAsync("one", "killed");
        for (var round = 0; round < Rounds; round++)
        {
            using var backup = computer.Start("backup", tree, "--quiet");
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(100 + random.Next(1500)));
            await moment.WaitForNextTickAsync(Cancellation);
            if (!backup.HasExited)
            {
                backup.Kill();
            }

            await backup.WaitForExitAsync(Cancellation);
            if (round % 3 == 2)
            {
                computer.DeleteCache();
            }
        }

        var last = JsonDocument.Parse((await computer.MustAsync(Cancellation, "backup", tree, "--json")).LastLine).RootElement;
        Assert.Equal(240, last.GetProperty("files").GetInt32());
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await computer.MustAsync(Cancellation, "check", "--read-data");

        // About as much is stored as by a backup that nobody killed: what had its receipt was not sent again.
        var fresh = new ClientComputer(Path.Combine(Root, "fresh"));
        await fresh.MustAsync(Cancellation, "enrol", Service.Url, await Service.NewAccountAsync("whole", Cancellation));
        var before = StoredPacks();
        await fresh.MustAsync(Cancellation, "backup", tree, "--quiet");
        var once = StoredPacks() - before;
        Assert.True(before <= once * 1.2, $"after kills {before} bytes of packs are stored; at once it is {once}");
    }

    [Fact]
    public async Task A_killed_service_keeps_what_it_acknowledged_and_serves_on()
    {
        var random = new Random(42);
        var computer = await EnrolAsync("one", "service-killed");
        var acknowledged = new List<(string Snapshot, string Copy)>();
        for (var round = 0; round < Rounds / 2; round++)
        {
            var tree = MakeTree("tree", seed: round, files: 50);
            using var backup = Process.Start(Programs.Start(Programs.Holdfast, ["backup", tree, "--json"], computer.Environment))!;
            var output = backup.StandardOutput.ReadToEndAsync(Cancellation);
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(150 + random.Next(900)));
            await moment.WaitForNextTickAsync(Cancellation);
            await Service.KillAsync(Cancellation);
            await Service.RestartAsync(Cancellation);
            await backup.WaitForExitAsync(Cancellation);
            if (backup.ExitCode == 0)
            {
                var copy = Path.Combine(Root, $"copy{round}");
                Shell($"cp -a '{tree}' '{copy}'");
                acknowledged.Add((JsonDocument.Parse((await output).TrimEnd().Split('\n')[^1]).RootElement.GetProperty("snapshot_id").GetString()!, copy));
            }

            await computer.MustAsync(Cancellation, "backup", tree, "--quiet");
            await computer.RestoresIdenticallyAsync(tree, Cancellation);
            foreach (var (snapshot, copy) in acknowledged)
            {
                var target = Path.Combine(Root, "out");
                await computer.MustAsync(Cancellation, "restore", snapshot, "--target", target, "--quiet");
                Assert.Equal(0, (await computer.RunAsync(Cancellation, "compare", copy, target + tree)).ExitCode);
                Shell($"rm -rf '{target}'");
            }
        }

        await computer.MustAsync(Cancellation, "check", "--read-data");
    }

    [Fact]
    public async Task An_interrupted_backup_says_so_and_the_next_one_goes_on()
    {
        var tree = MakeTree("tree", seed: 3, files: 400);
        var computer = await EnrolAsync("one", "interrupted");
        using var backup = computer.Start("backup", tree);
        using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        await moment.WaitForNextTickAsync(Cancellation);
        Assert.Equal(0, Kill(backup.Id, 2));
        await backup.WaitForExitAsync(Cancellation);
        Assert.Contains(backup.ExitCode, new[] { 130, 0 });
        await computer.MustAsync(Cancellation, "backup", tree, "--quiet");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task A_restore_that_was_killed_can_be_run_again()
    {
        var tree = MakeTree("tree", seed: 5, files: 300);
        var computer = await EnrolAsync("one", "restore-killed");
        await computer.MustAsync(Cancellation, "backup", tree, "--quiet");
        var target = Path.Combine(Root, "out");
        using var restore = computer.Start("restore", "latest", "--target", target);
        using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(450));
        await moment.WaitForNextTickAsync(Cancellation);
        restore.Kill();
        await restore.WaitForExitAsync(Cancellation);
        await computer.MustAsync(Cancellation, "restore", "latest", "--target", target, "--quiet");
        Assert.Equal(0, (await computer.RunAsync(Cancellation, "compare", tree, target + tree)).ExitCode);
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);

    /// <summary>Bytes of the packs.</summary>
    private long StoredPacks() => new DirectoryInfo(Path.Combine(Service.Pod, "objects")).EnumerateFiles("*", SearchOption.AllDirectories).Where(file => file.Length > 200_000).Sum(file => file.Length);
}
