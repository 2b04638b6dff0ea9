namespace Holdfast.Pods.Tests;

/// <summary>A drive that answers nothing at all, as if its controller hung.</summary>
public sealed class StuckDriveTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Readers_go_round_a_drive_that_hangs_until_it_answers_again()
    {
        var root = Path.Combine(Path.GetTempPath(), "holdfast-stuck-" + Guid.NewGuid().ToString("N"));
        using var disks = VolatileDisks.TryStart(root, 1, "xfs");
        Assert.SkipWhen(disks is null, "needs root, FUSE and loop devices");

        // The first of three drives is a disk of its own, which can be stopped.
        using var folders = new DriveFolders(3, root, keepsRoot: true);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 30, seed: 7);
        }

        disks.Recover();
        await using (var store = await folders.OpenAsync())
        {
            disks.Stop();
            try
            {
                var hanging = Task.Run(() => folders.ReadsAllAsync(store), Cancellation);
                await WaitForStateAsync(store, "Stuck");
                Assert.False(hanging.IsCompleted);

                // In a second try everything is read, without that drive.
                await Task.Run(() => folders.ReadsAllAsync(store), Cancellation).WaitAsync(TimeSpan.FromMinutes(1), Cancellation);
                Assert.Contains(store.Status().Events, happened => happened.Kind == "drive_stuck");
                disks.Continue();
                await hanging;
            }
            finally
            {
                disks.Continue();
            }

            await WaitForStateAsync(store, "Up");
            Assert.Contains(store.Status().Events, happened => happened.Kind == "drive_answers");
            await folders.ReadsAllAsync(store);
        }

        disks.Dispose();
        Directory.Delete(root, recursive: true);
    }

    private static async Task WaitForStateAsync(Drives.ShardStore store, string state)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        while (store.Status().Drives[0].State != state)
        {
            await Task.Delay(100, limit.Token);
        }
    }
}
