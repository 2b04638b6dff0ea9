using System.Diagnostics;
using Holdfast.Format.Objects;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Tests;

/// <summary>What is deleted for good is on no drive any more, whichever of them were there, and nothing computes it again.</summary>
public sealed class WipingTests
{
    private static readonly AccountId _closed = AccountId.Parse("c105edc105edc105edc105edc105edc1");

    /// <summary>Found in the bytes of a drive, and in nothing else.</summary>
    private static readonly byte[] _secret = [.. Enumerable.Range(0, 64).Select(index => (byte)((index * 37) + 11))];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static ObjectName Keyring => new(_closed, ObjectSpace.Keyrings, 1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(20)]
    public async Task A_closed_account_is_on_no_drive_when_the_answer_comes(int drives)
    {
        using var folders = new DriveFolders(drives);
        await using (var store = await folders.OpenAsync())
        {
            await FillAsync(folders, store);
            Assert.NotEmpty(Holding(folders, drives));
            await store.CloseAsync(_closed, Cancellation);
            Assert.Empty(Holding(folders, drives));
            await WaitUntilWipedAsync(store);
            await folders.ReadsAllAsync(store);
            Assert.Equal(0, await store.ScrubAsync(Cancellation));
        }

        await IsGoneAsync(folders);
        folders.LoseIndex();
        await IsGoneAsync(folders);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_drive_that_was_away_is_wiped_when_it_is_back(bool losesIndex)
    {
        const int Drives = 6;
        using var folders = new DriveFolders(Drives);
        await using (var store = await folders.OpenAsync())
        {
            await FillAsync(folders, store);
        }

        var away = Holding(folders, Drives)[0];
        folders.Unmount(away);
        await using (var store = await folders.OpenAsync())
        {
            // Copies are made on other drives meanwhile, so that two have the same one when this drive is back.
            await store.RebuildAsync(Cancellation);
            await store.CloseAsync(_closed, Cancellation);
            Assert.Empty(Holding(folders, Drives));
            Assert.NotEqual(0, store.Status().RecordsToWipe);
        }

        folders.Mount(away);
        Assert.Equal([away], Holding(folders, Drives));
        if (losesIndex)
        {
            folders.LoseIndex();
        }

        await using (var store = await folders.OpenAsync())
        {
            await WaitUntilWipedAsync(store);
            Assert.Empty(Holding(folders, Drives));
            await folders.ReadsAllAsync(store);
        }

        await IsGoneAsync(folders);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_power_cut_in_the_middle_is_made_good_without_the_index(int wipedDrives)
    {
        const int Drives = 6;
        using var folders = new DriveFolders(Drives);
        var images = Path.Combine(folders.Root, "images");
        List<int> holding;
        await using (var store = await folders.OpenAsync())
        {
            await FillAsync(folders, store);
            holding = Holding(folders, Drives);
            Copy(folders, Drives, Path.Combine(images, "before"));
            await store.CloseAsync(_closed, Cancellation);
            Copy(folders, Drives, Path.Combine(images, "after"));
        }

        // As the drives are when the power goes: the account's end is durable everywhere, its zeros on some drives only, and no volume is sealed.
        Assert.Equal(3, holding.Count);
        for (var slot = 0; slot < Drives; slot++)
        {
            foreach (var path in folders.Extents(slot))
            {
                File.Delete(path);
            }

            foreach (var path in Directory.EnumerateFiles(Path.Combine(images, "after", $"{slot}")))
            {
                var (bytes, before) = (await File.ReadAllBytesAsync(path, Cancellation), Path.Combine(images, "before", $"{slot}", Path.GetFileName(path)));
                if (holding.IndexOf(slot) >= wipedDrives && File.Exists(before))
                {
                    // What was written until then, without the zeros ahead of it.
                    var then = await File.ReadAllBytesAsync(before, Cancellation);
                    then.AsSpan(0, then.AsSpan().LastIndexOfAnyExcept((byte)0) + 1).CopyTo(bytes);
                }

                await File.WriteAllBytesAsync(Path.Combine(folders.PathOf(slot), "ext", Path.GetFileName(path)), bytes, Cancellation);
            }
        }

        Directory.Delete(images, recursive: true);
        folders.LoseIndex();
        Assert.Equal(holding[wipedDrives..], Holding(folders, Drives));
        await using (var store = await folders.OpenAsync())
        {
            await WaitUntilWipedAsync(store);
            Assert.Empty(Holding(folders, Drives));
        }

        await IsGoneAsync(folders);
    }

    [Fact]
    public async Task Nothing_of_it_is_computed_onto_a_drive_that_is_replaced()
    {
        const int Drives = 6;
        using var folders = new DriveFolders(Drives);
        await using (var store = await folders.OpenAsync())
        {
            await FillAsync(folders, store);
        }

        // Two drives miss the closing, which is one more than a repair needs to bring it back from; one of them never returns.
        var (dead, away) = (Holding(folders, Drives)[0], Holding(folders, Drives)[1]);
        folders.Unmount(dead);
        folders.Unmount(away);
        await using (var store = await folders.OpenAsync())
        {
            await store.CloseAsync(_closed, Cancellation);
        }

        folders.Mount(away);
        Directory.Delete(folders.PathOf(dead), recursive: true);
        folders.Configuration = folders.Configuration.Replace(dead, folders.PathOf(dead));
        await using (var store = await folders.OpenAsync())
        {
            await store.RebuildAsync(Cancellation);
            await WaitUntilWipedAsync(store);
            Assert.Empty(Holding(folders, Drives));
            Assert.Equal(0, await store.ScrubAsync(Cancellation));
            Assert.Equal(0, store.Status().Rebuild.ShardsMissing);
            await folders.ReadsAllAsync(store);
        }

        await IsGoneAsync(folders);
    }

    [Fact]
    public async Task The_room_of_a_closed_account_comes_back()
    {
        using var folders = new DriveFolders(3);
        await using var store = await folders.OpenAsync();
        await folders.FillAsync(store, 10, seed: 2);
        for (var number = 1UL; number <= 4; number++)
        {
            await store.PutAsync(new ObjectName(_closed, ObjectSpace.Numbered, number), StoredObjects.Content(number, 8 << 20), Cancellation);
        }

        var before = await BlocksAsync(folders.Root);
        await store.CloseAsync(_closed, Cancellation);
        await WaitUntilWipedAsync(store);
        Assert.InRange(before - await BlocksAsync(folders.Root), 40 << 20, 60 << 20);
        await folders.ReadsAllAsync(store);
        Assert.Equal(0, await store.ScrubAsync(Cancellation));
    }

    /// <summary>Objects of another account, and of the one that is closed then: small ones that are copied, and long ones that are coded.</summary>
    private static async Task FillAsync(DriveFolders folders, ShardStore store)
    {
        await folders.FillAsync(store, 20, seed: 1);
        await store.PutAsync(Keyring, Secret(5_000), Cancellation);
        await store.PutAsync(new ObjectName(_closed, ObjectSpace.Log, 1), Secret(300_000), Cancellation);
        await store.PutAsync(new ObjectName(_closed, ObjectSpace.Numbered, 1), StoredObjects.Content(1, 3 << 20), Cancellation);
        await folders.FillAsync(store, 20, seed: 2);
    }

    private static void Copy(DriveFolders folders, int drives, string to)
    {
        for (var slot = 0; slot < drives; slot++)
        {
            var target = Directory.CreateDirectory(Path.Combine(to, $"{slot}")).FullName;
            foreach (var path in folders.Extents(slot))
            {
                File.Copy(path, Path.Combine(target, Path.GetFileName(path)));
            }
        }
    }

    private static byte[] Secret(int length)
    {
        var content = StoredObjects.Content(9, length);
        _secret.CopyTo(content, 1000);
        return content;
    }

    /// <summary>Drives that have the secret somewhere in their bytes.</summary>
    private static List<int> Holding(DriveFolders folders, int drives) =>
        [.. Enumerable.Range(0, drives).Where(slot => Directory.Exists(Path.Combine(folders.PathOf(slot), "ext")) && folders.Extents(slot).Any(path => File.ReadAllBytes(path).AsSpan().IndexOf(_secret) >= 0))];

    private static async Task IsGoneAsync(DriveFolders folders)
    {
        await using var store = await folders.OpenAsync();
        Assert.Null(await store.FindAsync(Keyring, Cancellation));
        Assert.Equal(_closed, Assert.Single(store.ListClosed(null, 10)).Account);
        await WaitUntilWipedAsync(store);
        await folders.ReadsAllAsync(store);
        Assert.Equal(0, await store.ScrubAsync(Cancellation));
    }

    private static async Task WaitUntilWipedAsync(ShardStore store)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (store.Status().RecordsToWipe > 0)
        {
            await look.WaitForNextTickAsync(Cancellation);
        }
    }

    /// <summary>Bytes that the files of a folder take on the disk.</summary>
    private static async Task<long> BlocksAsync(string folder)
    {
        using var du = Process.Start(new ProcessStartInfo("du", ["-s", "-B1", folder]) { RedirectStandardOutput = true })!;
        var text = await du.StandardOutput.ReadToEndAsync(Cancellation);
        await du.WaitForExitAsync(Cancellation);
        return long.Parse(text.Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture);
    }
}
