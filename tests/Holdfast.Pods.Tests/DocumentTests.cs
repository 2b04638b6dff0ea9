using System.Diagnostics;

namespace Holdfast.Pods.Tests;

/// <summary>docs/pods.md is enough to recover data by hand: a script that was written from it alone does.</summary>
public sealed class DocumentTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(20)]
    public async Task A_stranger_recovers_every_object_from_the_drives_that_are_left(int drives)
    {
        using var folders = new DriveFolders(drives);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 25, seed: drives);
            await store.PutAsync(StoredObjects.Name(9999), StoredObjects.Content(1, 5000), Cancellation);
            await store.CondemnAsync(StoredObjects.Name(9999), Cancellation);
        }

        // As many as the code spares are gone, from the front, the middle and the end.
        var gone = new[] { 0, drives / 2, drives - 1 }[..folders.Code.Parity];
        var left = Enumerable.Range(0, drives).Except(gone).Select(folders.PathOf).ToList();
        var recovered = Path.Combine(folders.Root, "recovered");
        using var python = Process.Start(new ProcessStartInfo("python3", [Path.Combine(AppContext.BaseDirectory, "recover.py"), recovered, .. left]))!;
        await python.WaitForExitAsync(Cancellation);
        Assert.Equal(0, python.ExitCode);
        Assert.Equal(folders.Count + 1, Directory.EnumerateFiles(recovered).Count());
        foreach (var (number, length) in folders.Stored)
        {
            var name = StoredObjects.Name(number);
            Assert.Equal(StoredObjects.Content(number, length), await File.ReadAllBytesAsync(Path.Combine(recovered, $"{name.Account}-{(byte)name.Space}-{name.Number}"), Cancellation));
        }
    }
}
