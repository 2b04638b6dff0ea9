using System.Diagnostics;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Tests;

/// <summary>Drives that are full, read-only or gone while they are written to: real small disks, mounted and taken away.</summary>
public sealed class FullDriveTests : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "holdfast-mounts-" + Guid.NewGuid().ToString("N"));
    private readonly List<string> _mounts = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_pod_that_fills_up_says_so_loses_nothing_and_goes_on_when_there_is_room()
    {
        using var folders = Mounted(3, "40M");
        await using (var store = await folders.OpenAsync())
        {
            HoldfastException? full = null;
            for (var number = 1UL; full is null; number++)
            {
                try
                {
                    await folders.PutAsync(store, number, number % 3 == 0 ? 1_500_000 : 30_000);
                }
                catch (HoldfastException exception)
                {
                    full = exception;
                }
            }

            Assert.Equal(FailureTable.PodFull, full.Kind);
            Assert.True(folders.Count > 10);
            await folders.ReadsAllAsync(store);
            Assert.All(store.Status().Drives, drive => Assert.Equal("Up", drive.State));
        }

        foreach (var mount in _mounts)
        {
            Run($"mount -o remount,size=120M '{mount}'");
        }

        await using var again = await folders.OpenAsync();
        await folders.ReadsAllAsync(again);
        await folders.FillAsync(again, 20, seed: 4);
        await folders.ReadsAllAsync(again);
    }

    [Fact]
    public async Task A_drive_that_turns_read_only_is_suspect_and_writes_go_on_without_it()
    {
        using var folders = new DriveFolders(6);
        using var frozen = new FrozenFolders();
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 20, seed: 1);
            frozen.Add(folders.PathOf(2));
            for (var seed = 2; seed < 20 && store.Status().Drives[2].State == "Up"; seed++)
            {
                await folders.FillAsync(store, 30, seed);
            }

            Assert.Equal("Suspect", store.Status().Drives[2].State);
            Assert.Contains(store.Status().Events, happened => happened.Kind == "drive_suspect");
            await folders.ReadsAllAsync(store);

            // A second one: fewer than all but one. Nothing is acknowledged that has no spare.
            frozen.Add(folders.PathOf(4));
            var refused = await Assert.ThrowsAsync<HoldfastException>(async () =>
            {
                for (var seed = 30; seed < 60; seed++)
                {
                    await folders.FillAsync(store, 30, seed);
                }
            });
            Assert.Equal(FailureTable.PodUnavailable, refused.Kind);
            await folders.ReadsAllAsync(store);
        }

        frozen.Dispose();
        await using var whole = await folders.OpenAsync();
        await whole.RebuildAsync(Cancellation);
        Assert.Equal(0, whole.Status().Rebuild.ShardsMissing);
        Assert.Equal(0, await whole.ScrubAsync(Cancellation));
        await folders.ReadsAllAsync(whole);
    }

    [Fact]
    public async Task A_declared_degraded_state_goes_on_with_fewer_drives()
    {
        using var folders = new DriveFolders(6);
        using var frozen = new FrozenFolders();
        folders.Configuration = folders.Configuration with { WriteFloor = ShardCode.For(6).Data };
        await using (var store = await folders.OpenAsync())
        {
            frozen.Add(folders.PathOf(1));
            frozen.Add(folders.PathOf(5));
            for (var seed = 2; seed < 20 && store.Status().Drives.Count(drive => drive.State == "Suspect") < 2; seed++)
            {
                await folders.FillAsync(store, 30, seed);
            }

            Assert.Equal(2, store.Status().Drives.Count(drive => drive.State == "Suspect"));
            await folders.ReadsAllAsync(store);
        }

        frozen.Dispose();
        await using var whole = await folders.OpenAsync();
        await whole.RebuildAsync(Cancellation);
        Assert.Equal(0, whole.Status().Rebuild.ShardsMissing);
        await folders.ReadsAllAsync(whole);
    }

    public void Dispose()
    {
        foreach (var mount in _mounts)
        {
            Run($"umount -l '{mount}'");
        }

        if (Directory.Exists(_root))
        {
            Directory.Delete(_root, recursive: true);
        }
    }

    private DriveFolders Mounted(int drives, string size)
    {
        for (var slot = 0; slot < drives; slot++)
        {
            var mount = Path.Combine(_root, "drives", $"{slot:00}");
            Directory.CreateDirectory(mount);
            Assert.SkipUnless(Run($"mount -t tmpfs -o size={size} none '{mount}' 2>/dev/null") == 0, "this needs the right to mount");
            _mounts.Add(mount);
        }

        return new DriveFolders(drives, _root, keepsRoot: true);
    }

    /// <summary>Drives on which nothing can be made any more, as on a file system that turned read-only.</summary>
    private sealed class FrozenFolders : IDisposable
    {
        private readonly List<string> _folders = [];

        public void Add(string drive)
        {
            var folder = Path.Combine(drive, "ext");
            Assert.SkipUnless(Run($"chattr +i '{folder}' 2>/dev/null") == 0, "this needs root, and a file system with attributes");
            _folders.Add(folder);
        }

        public void Dispose()
        {
            _folders.ForEach(folder => Run($"chattr -i '{folder}'"));
            _folders.Clear();
        }
    }

    private static int Run(string script)
    {
        using var process = Process.Start("/bin/bash", ["-c", script]);
        process.WaitForExit();
        return process.ExitCode;
    }
}
