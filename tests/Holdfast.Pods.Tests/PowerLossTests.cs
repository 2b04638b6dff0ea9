using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Pods.Tests;

/// <summary>The power is cut under real file systems while a pod writes: what was acknowledged is there, whatever of the rest was lost or torn.</summary>
public sealed class PowerLossTests : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "holdfast-power-" + Guid.NewGuid().ToString("N"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static int Cuts(int usual) => Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1" ? usual * 10 : usual;

    [Theory]
    [InlineData("ext4", 3, 10)]
    [InlineData("xfs", 6, 10)]
    public async Task Nothing_acknowledged_is_lost_when_unsynced_writes_vanish_or_tear(string fileSystem, int drives, int cuts)
    {
        using var disks = Start(drives, fileSystem);
        using var folders = new DriveFolders(drives, _root, keepsRoot: true);
        var random = new Random(drives);
        var acknowledged = 0;
        for (var cut = 0; cut < Cuts(cuts); cut++)
        {
            acknowledged += await WriteAndCutAsync(disks, folders, cut, random);
            disks.Recover();
            if (cut % 3 == 2)
            {
                folders.LoseIndex();
            }

            await using var store = await folders.OpenAsync();
            await folders.ReadsAllAsync(store);
            Assert.All(store.Status().Drives, drive => Assert.Equal("Up", drive.State));
            if (cut % 5 == 4)
            {
                await store.RebuildAsync(Cancellation);
                if (disks.HasLost)
                {
                    await store.ScrubAsync(Cancellation);
                }

                Assert.Equal(0, await store.ScrubAsync(Cancellation));
            }
        }

        Assert.True(acknowledged >= cuts, $"only {acknowledged} objects were acknowledged");
    }

    /// <summary>The negative control: if this test could not fail, the one above would prove nothing.</summary>
    [Fact]
    public async Task Disks_that_lie_about_flushes_are_caught()
    {
        using var disks = Start(3, "ext4");
        using var folders = new DriveFolders(3, _root, keepsRoot: true);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 10, seed: 1);
        }

        disks.Command("lie 0");
        disks.Command("lie 1");
        disks.Command("lie 2");
        var acknowledged = await WriteAndCutAsync(disks, folders, 1, new Random(1), patience: 1500);
        Assert.True(acknowledged > 0);
        disks.Command("honest");
        var isCaught = false;
        try
        {
            disks.Recover();
            await using var store = await folders.OpenAsync();
            await folders.ReadsAllAsync(store);
        }
        catch (Exception exception) when (exception is Xunit.Sdk.XunitException or Protocol.Failures.HoldfastException)
        {
            isCaught = true;
        }

        Assert.True(isCaught, "disks lost what they said was durable, and nobody noticed");
    }

    [Fact]
    public async Task A_dead_and_a_slow_drive_are_left_behind_and_writes_go_on()
    {
        using var disks = Start(6, "ext4");
        using var folders = new DriveFolders(6, _root, keepsRoot: true);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 10, seed: 1);
            disks.Command("dead 4");
            await folders.FillAsync(store, 20, seed: 2);
            await folders.ReadsAllAsync(store);
            for (var seed = 3; seed < 10 && store.Status().Drives[4].State == "Up"; seed++)
            {
                await folders.FillAsync(store, 20, seed);
            }

            // The checked fdatasync says what .NET's own flush was measured to hide.
            Assert.Equal("Suspect", store.Status().Drives[4].State);
        }

        disks.Recover();
        await using (var store = await folders.OpenAsync())
        {
            await store.RebuildAsync(Cancellation);
            Assert.Equal(0, store.Status().Rebuild.ShardsMissing);
            disks.Command("slow 1 3000");
            for (var seed = 20; seed < 25 && store.Status().Drives[1].State == "Up"; seed++)
            {
                await folders.FillAsync(store, 5, seed);
            }

            Assert.Equal("Suspect", store.Status().Drives[1].State);
            disks.Command("honest");
            await folders.ReadsAllAsync(store);
        }
    }

    public void Dispose()
    {
        if (Directory.Exists(_root))
        {
            Directory.Delete(_root, recursive: true);
        }
    }

    private VolatileDisks Start(int drives, string fileSystem)
    {
        var disks = VolatileDisks.TryStart(_root, drives, fileSystem);
        Assert.SkipUnless(disks is not null, "this needs root, FUSE and loop devices");
        return disks;
    }

    /// <summary>A pod's process writes; the power goes at a random moment; how many objects it said were durable before.</summary>
    private static async Task<int> WriteAndCutAsync(VolatileDisks disks, DriveFolders folders, int cut, Random random, int patience = 900)
    {
        using var writer = KillingTests.Start(folders, (ulong)(cut + 1) * 100_000, seed: cut);
        var output = writer.StandardOutput;
        Assert.Equal("open", await output.ReadLineAsync(Cancellation));
        using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(50 + random.Next(patience)));
        await moment.WaitForNextTickAsync(Cancellation);
        disks.Cut(cut, keepPercent: new[] { 0, 30, 50, 90 }[cut % 4], tear: cut % 2 == 0 ? 512 : 4096);

        // What it says from here on is not believed: the disks are off. What is already in the pipe was said before.
        writer.Kill();
        await writer.WaitForExitAsync(Cancellation);
        var acknowledged = 0;
        while (await output.ReadLineAsync(Cancellation) is { } line)
        {
            if (line.Split(' ') is [var done, var length] && ulong.TryParse(done, CultureInfo.InvariantCulture, out var number) && output.Peek() >= 0)
            {
                folders.Acknowledged(number, int.Parse(length, CultureInfo.InvariantCulture));
                acknowledged++;
            }
        }

        return acknowledged;
    }
}
