using Holdfast.Pods.Drives;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Tests;

/// <summary>A drive is replaced while customers write and read.</summary>
public sealed class ReplacingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(3, false)]
    [InlineData(3, true)]
    [InlineData(20, false)]
    [InlineData(20, true)]
    public async Task A_drive_is_replaced_under_way_and_nothing_is_lost(int drives, bool isGone)
    {
        using var folders = new DriveFolders(drives);
        var kept = folders.Configuration;
        var fresh = Path.Combine(folders.Root, "fresh");
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 40, seed: drives);
            if (isGone)
            {
                folders.Unmount(1);
            }

            // Replaced in the middle of puts, of which none fails, while a scrub goes on.
            var scrub = store.ScrubAsync(Cancellation);
            using var more = new CancellationTokenSource();
            var writing = WriteAsync(folders, store, more.Token);
            while (folders.Count < 50)
            {
                await Task.Delay(5, Cancellation);
            }

            await store.ReplaceDriveAsync(1, fresh, configuration => kept = configuration, Cancellation);
            var then = folders.Count;
            while (folders.Count < then + 10)
            {
                await Task.Delay(5, Cancellation);
            }

            await more.CancelAsync();
            await writing;
            await scrub;
            await store.RebuildAsync(Cancellation);
            await folders.ReadsAllAsync(store);
            Assert.Equal(Path.GetFullPath(fresh), store.Status().Drives[1].Path);
            Assert.Contains(store.Status().Events, happened => happened.Kind == "drive_replaced");
        }

        Assert.Equal(Path.GetFullPath(fresh), kept.Drives[1]);
        folders.Configuration = kept;
        await using (var store = await folders.OpenAsync())
        {
            await store.RebuildAsync(Cancellation);
            Assert.Equal(0, store.Status().Rebuild.ShardsMissing);
        }

        // At full strength: as many others may be lost as the code spares, and the index with them.
        foreach (var slot in Enumerable.Range(0, drives).Where(slot => slot != 1).Take(folders.Code.Parity))
        {
            folders.Unmount(slot);
        }

        folders.LoseIndex();
        await using var last = await folders.OpenAsync();
        await folders.ReadsAllAsync(last);
    }

    [Fact]
    public async Task What_cannot_be_replaced_is_refused_and_nothing_is_changed()
    {
        using var folders = new DriveFolders(3);
        await using (var first = await folders.OpenAsync())
        {
            await folders.FillAsync(first, 20, seed: 1);
        }

        folders.Unmount(0);
        await using var store = await folders.OpenAsync();
        static void MustNotKeep(DriveSetConfiguration configuration) => Assert.Fail($"kept {configuration}");
        async Task<FailureKind> RefusedAsync(int slot, string path) =>
            (await Assert.ThrowsAsync<HoldfastException>(() => store.ReplaceDriveAsync(slot, path, MustNotKeep, Cancellation))).Kind;

        Assert.Equal(FailureTable.InvalidRequest, await RefusedAsync(3, Path.Combine(folders.Root, "new")));
        Assert.Equal(FailureTable.InvalidRequest, await RefusedAsync(0, folders.PathOf(2)));

        // Drive 0 is lost: without drive 1 nothing could be read.
        Assert.Equal(FailureTable.Conflict, await RefusedAsync(1, Path.Combine(folders.Root, "new1")));
        await folders.ReadsAllAsync(store);

        // The lost one is replaced, and then the other, with the directory of the attempt that was refused.
        await store.ReplaceDriveAsync(0, Path.Combine(folders.Root, "new0"), _ => { }, Cancellation);
        await store.RebuildAsync(Cancellation);
        await store.ReplaceDriveAsync(1, Path.Combine(folders.Root, "new1"), _ => { }, Cancellation);
        await store.RebuildAsync(Cancellation);
        Assert.Equal(0, store.Status().Rebuild.ShardsMissing);
        await folders.ReadsAllAsync(store);
    }

    private static async Task WriteAsync(DriveFolders folders, ShardStore store, CancellationToken stop)
    {
        for (var number = 10_000UL; !stop.IsCancellationRequested; number++)
        {
            await folders.PutAsync(store, number, number % 3 == 0 ? 2 << 20 : 3000);
        }
    }
}
