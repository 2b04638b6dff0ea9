using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Holdfast.Client.Computers;
using Holdfast.Client.Indexing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;

namespace Holdfast.Scenarios.Tests;

/// <summary>Whatever is killed, whenever: nothing that was acknowledged is lost, and nothing that has its receipt is sent again.</summary>
public sealed class KillingTests : Scenario
{
    private int Rounds => IsLong ? 60 : 8;

    [Fact]
    public async Task A_backup_killed_at_any_moment_goes_on_and_sends_no_received_blob_again()
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        proxy.KeepsBodies = true;
        var random = new Random(20261124);
        var tree = MakeTree("tree", seed: 7, files: 240);
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        await computer.MustAsync(Cancellation, "enrol", proxy.Url, await Service.NewAccountAsync("killed", Cancellation));
        var received = new HashSet<BlobId>();
        var interrupted = 0;
        for (var round = 0; round < Rounds; round++)
        {
            using var backup = computer.Start("backup", tree, "--quiet");
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(100 + random.Next(1500)));
            await moment.WaitForNextTickAsync(Cancellation);
            if (!backup.HasExited)
            {
                backup.Kill();
                interrupted++;
            }

            await backup.WaitForExitAsync(Cancellation);
            await SettledAsync(proxy);
            SendsNothingAgain(proxy, computer, received);
            if (round % 3 == 2)
            {
                computer.DeleteCache();
            }
        }

        Assert.True(interrupted > 0, "no backup was killed before it ended");
        var last = JsonDocument.Parse((await computer.MustAsync(Cancellation, "backup", tree, "--json")).LastLine).RootElement;
        SendsNothingAgain(proxy, computer, received);
        Assert.Equal(240, last.GetProperty("files").GetInt32());
        Assert.True(received.Count > 240, $"{received.Count} blobs were received");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await computer.MustAsync(Cancellation, "check", "--read-data");
    }

    [Fact]
    public async Task A_killed_service_keeps_what_it_acknowledged_and_serves_on()
    {
        var random = new Random(42);
        var computer = await EnrolAsync("one", "service-killed");
        var acknowledged = new List<(string Snapshot, string Copy)>();
        var interrupted = 0;
        for (var round = 0; round < Rounds / 2; round++)
        {
            var tree = MakeTree("tree", seed: round, files: 50);
            using var backup = Process.Start(Programs.Start(Programs.Holdfast, ["backup", tree, "--json"], computer.Environment))!;
            var output = backup.StandardOutput.ReadToEndAsync(Cancellation);
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(150 + random.Next(900)));
            await moment.WaitForNextTickAsync(Cancellation);
            interrupted += backup.HasExited ? 0 : 1;
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

        Assert.True(interrupted > 0, "the service was never killed while a backup ran");
        await computer.MustAsync(Cancellation, "check", "--read-data");
    }

    [Fact]
    public async Task An_interrupted_backup_says_so_and_the_next_one_goes_on()
    {
        var computer = await EnrolAsync("one", "interrupted");
        var (tree, said) = ("", "");
        for (var attempt = 0; attempt < 30 && !said.Contains("[interrupted]", StringComparison.Ordinal); attempt++)
        {
            // Too early, and it has not begun; too late, and it has ended: the next attempt has another tree and another moment.
            tree = MakeTree($"tree{attempt}", seed: attempt, files: 150);
            using var backup = computer.Start("backup", tree);
            var error = backup.StandardError.ReadToEndAsync(Cancellation);
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(300 + (attempt * 137 % 1100)));
            await moment.WaitForNextTickAsync(Cancellation);
            _ = Kill(backup.Id, Terminate);
            await backup.WaitForExitAsync(Cancellation);
            said = await error;
            Assert.True(!said.Contains("[interrupted]", StringComparison.Ordinal) || backup.ExitCode == 130, $"exit code {backup.ExitCode}");
        }

        Assert.Contains("[interrupted]", said, StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "backup", tree, "--quiet");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task A_restore_that_was_killed_can_be_run_again()
    {
        var tree = MakeTree("tree", seed: 5, files: 300);
        var computer = await EnrolAsync("one", "restore-killed");
        await computer.MustAsync(Cancellation, "backup", tree, "--quiet");
        var (target, isKilled) = ("", false);
        for (var attempt = 0; attempt < 10 && !isKilled; attempt++)
        {
            target = Path.Combine(Root, $"out{attempt}");
            using var restore = computer.Start("restore", "latest", "--target", target);
            using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
            while (!restore.HasExited && !Directory.Exists(target + tree))
            {
                await poll.WaitForNextTickAsync(Cancellation);
            }

            isKilled = !restore.HasExited;
            restore.Kill();
            await restore.WaitForExitAsync(Cancellation);
        }

        Assert.True(isKilled, "no restore was killed while it wrote");
        await computer.MustAsync(Cancellation, "restore", "latest", "--target", target, "--quiet");
        Assert.Equal(0, (await computer.RunAsync(Cancellation, "compare", tree, target + tree)).ExitCode);
    }

    private const int Terminate = 15;

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);

    /// <summary>What the service was handed by a client that is gone is either stored or refused before the next begins.</summary>
    private static async Task SettledAsync(TamperingProxy proxy)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (proxy.InFlight > 0)
        {
            await timer.WaitForNextTickAsync(Cancellation);
        }
    }

    /// <summary>Takes in the packs that a run put: none of their blobs may have been in a pack that had its receipt before.</summary>
    private static void SendsNothingAgain(TamperingProxy proxy, ClientComputer client, HashSet<BlobId> received)
    {
        var group = ComputerFile.Load(client.Folders).Group;
        while (proxy.Received.TryDequeue(out var body))
        {
            if (ObjectHeader.Read(body) is { Type: ObjectType.Pack } header)
            {
                foreach (var row in BlobTables.Open(PackTables.Parse(body), header.Number, group))
                {
                    Assert.True(received.Add(row.Id), $"blob {row.Id} was sent again in pack {header.Number}");
                }
            }
        }
    }
}
