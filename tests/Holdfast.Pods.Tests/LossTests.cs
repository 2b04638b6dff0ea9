using Holdfast.Pods.Drives;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Tests;

/// <summary>Drives that are lost, replaced, exchanged or rotten: what was acknowledged is read, and comes back to full strength.</summary>
public sealed class LossTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(20)]
    public async Task Any_drives_that_the_code_spares_may_be_lost_with_the_index(int drives)
    {
        using var folders = new DriveFolders(drives);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 60, seed: drives);
            await folders.ReadsAllAsync(store);
        }

        var random = new Random(drives);
        for (var round = 0; round < 4; round++)
        {
            var lost = Enumerable.Range(0, drives).ToArray();
            random.Shuffle(lost);
            foreach (var slot in lost[..folders.Code.Parity])
            {
                folders.Unmount(slot);
            }

            if (round % 2 == 1)
            {
                folders.LoseIndex();
            }

            await using (var store = await folders.OpenAsync())
            {
                await folders.ReadsAllAsync(store);
                Assert.Equal(folders.Code.Parity, store.Status().Drives.Count(drive => drive.State == "Missing"));
                Assert.Contains(store.Status().Events, happened => happened.Kind == "drive_missing");
            }

            foreach (var slot in lost[..folders.Code.Parity])
            {
                folders.Mount(slot);
            }
        }
    }

    [Fact]
    public async Task One_drive_more_than_that_is_refused_and_nothing_is_harmed()
    {
        using var folders = new DriveFolders(6);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 20, seed: 1);
        }

        foreach (var slot in new[] { 0, 2, 5 })
        {
            folders.Unmount(slot);
        }

        Assert.Equal(FailureTable.PodUnavailable, (await Assert.ThrowsAsync<HoldfastException>(folders.OpenAsync)).Kind);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folders.PathOf(0)));
        foreach (var slot in new[] { 0, 2, 5 })
        {
            folders.Mount(slot);
        }

        await using var whole = await folders.OpenAsync();
        await folders.ReadsAllAsync(whole);
    }

    [Theory]
    [InlineData(18)]
    [InlineData(20)]
    public async Task Every_shard_may_be_rotten_somewhere_if_no_column_is_in_more_than_the_code_spares(int drives)
    {
        const int Length = 12 << 20;
        using var folders = new DriveFolders(drives);
        await using (var store = await folders.OpenAsync())
        {
            await folders.PutAsync(store, 1, Length);
        }

        for (var slot = 0; slot < drives; slot++)
        {
            Rot(folders.Extents(slot), Length, block: slot % 10);
        }

        await using (var store = await folders.OpenAsync())
        {
            await folders.ReadsAllAsync(store);
            await store.ScrubAsync(Cancellation);
            Assert.Contains(store.Status().Events, happened => happened.Kind == "record_repaired");
            await folders.ReadsAllAsync(store);
            var before = store.Status().Scrub.RecordsBad;
            await store.ScrubAsync(Cancellation);
            Assert.Equal(before, store.Status().Scrub.RecordsBad);
            Assert.All(store.Status().Drives, drive => Assert.Equal("Up", drive.State));
        }

        // At full strength again: any three may be lost.
        foreach (var slot in new[] { 0, 7, 11 })
        {
            folders.Unmount(slot);
        }

        await using var last = await folders.OpenAsync();
        await folders.ReadsAllAsync(last);
    }

    /// <summary>Changes a byte in one block of the shard of an object of this length.</summary>
    private static void Rot(IEnumerable<string> extents, long length, int block)
    {
        foreach (var path in extents)
        {
            using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
            var header = new byte[128];
            for (long at = 4096; at + header.Length <= file.Length; at += 4096)
            {
                file.Position = at;
                file.ReadExactly(header);
                if (header.AsSpan().StartsWith("HFRECORD"u8) && header[9] == 1 && BitConverter.ToInt64(header, 72) == length)
                {
                    file.Position = at + BitConverter.ToUInt32(header, 84) + (block * 65_536) + 100;
                    var old = file.ReadByte();
                    file.Position--;
                    file.WriteByte((byte)(old ^ 1));
                    return;
                }
            }
        }

        Assert.Fail("no drive has the object's record here");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_record_that_no_drive_has_whole_and_the_zeros_behind_it_end_with_the_next_start(int drives)
    {
        using var folders = new DriveFolders(drives);
        await using (var store = await folders.OpenAsync())
        {
            await folders.PutAsync(store, 1, 5000);
            await folders.PutAsync(store, 2, 300);

            // As the disks are when the power goes, but for a record of which only the beginning arrived.
            for (var slot = 0; slot < drives; slot++)
            {
                CopyTorn(folders.PathOf(slot), folders.PathOf(slot) + ".cut");
            }
        }

        folders.Configuration = folders.Configuration with { Drives = [.. folders.Configuration.Drives.Select(path => path + ".cut")] };
        folders.LoseIndex();
        await using (var store = await folders.OpenAsync())
        {
            await folders.ReadsAllAsync(store);
            await folders.PutAsync(store, 3, 700);
            Assert.All(store.Status().Drives, drive => Assert.Equal("Up", drive.State));
        }

        // Sealed behind what is there, not behind what was filled ahead.
        Assert.All(folders.Configuration.Drives.SelectMany(path => Directory.EnumerateFiles(Path.Combine(path, "ext"))), path => Assert.InRange(new FileInfo(path).Length, 1, 100_000));
        await using var last = await folders.OpenAsync();
        await folders.ReadsAllAsync(last);
    }

    private static void CopyTorn(string from, string to)
    {
        Directory.CreateDirectory(Path.Combine(to, "ext"));
        foreach (var path in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) != "lock"))
        {
            var bytes = File.ReadAllBytes(path);
            if (path.EndsWith(".hfx", StringComparison.Ordinal))
            {
                Assert.True(bytes.Length > 1 << 20, "nothing was filled ahead");
                var behind = (bytes.AsSpan().LastIndexOfAnyExcept((byte)0) / 4096 * 4096) + 4096;
                "HFRECORD"u8.CopyTo(bytes.AsSpan(behind));
                bytes.AsSpan(behind + 8, 1000).Fill(1);
            }

            File.WriteAllBytes(Path.Combine(to, Path.GetRelativePath(from, path)), bytes);
        }
    }

    [Fact]
    public async Task Condemned_revived_and_deleted_objects_are_the_same_after_the_index_is_lost()
    {
        using var folders = new DriveFolders(3);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 10, seed: 3);
            await store.CondemnAsync(StoredObjects.Name(1), Cancellation);
            await store.CondemnAsync(StoredObjects.Name(2), Cancellation);
            await store.ReviveAsync(StoredObjects.Name(2), Cancellation);
        }

        for (var round = 0; round < 2; round++)
        {
            await using (var store = await folders.OpenAsync())
            {
                Assert.NotNull((await store.FindAsync(StoredObjects.Name(1), Cancellation))!.Value.CondemnedAt);
                Assert.Null((await store.FindAsync(StoredObjects.Name(2), Cancellation))!.Value.CondemnedAt);
                await folders.ReadsAllAsync(store);
            }

            folders.LoseIndex();
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(20)]
    public async Task A_replaced_drive_is_rebuilt_and_then_others_may_be_lost(int drives)
    {
        using var folders = new DriveFolders(drives);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 60, seed: 5);
        }

        folders.Unmount(1);
        Directory.Delete(folders.PathOf(1));
        folders.Configuration = folders.Configuration.Replace(1, folders.PathOf(1));
        await using (var store = await folders.OpenAsync())
        {
            // Written while the drive is being rebuilt.
            await folders.FillAsync(store, 20, seed: 6);
            await store.RebuildAsync(Cancellation);
            Assert.Equal(0, store.Status().Rebuild.ShardsMissing);
        }

        foreach (var slot in Enumerable.Range(0, drives).Where(slot => slot != 1).Take(folders.Code.Parity))
        {
            folders.Unmount(slot);
        }

        await using var degraded = await folders.OpenAsync();
        await folders.ReadsAllAsync(degraded);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(20)]
    public async Task Rot_is_given_back_by_reads_and_mended_by_a_scrub(int drives)
    {
        using var folders = new DriveFolders(drives);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 40, seed: 8);
        }

        var random = new Random(drives);
        var rotten = Enumerable.Range(0, drives).ToArray();
        random.Shuffle(rotten);
        foreach (var slot in rotten[..folders.Code.Parity])
        {
            foreach (var extent in folders.Extents(slot))
            {
                Rot(extent, random);
            }
        }

        await using (var store = await folders.OpenAsync())
        {
            await folders.ReadsAllAsync(store);

            // By the readers' reports, by the pod's own scrub shortly after its start, or by this one: whoever is first.
            await store.ScrubAsync(Cancellation);
            Assert.Contains(store.Status().Events, happened => happened.Kind == "record_repaired");
            Assert.Equal(0, await store.ScrubAsync(Cancellation));
        }

        // Now every shard is whole again: as many other drives may go.
        foreach (var slot in rotten[folders.Code.Parity..].Take(folders.Code.Parity))
        {
            folders.Unmount(slot);
        }

        await using var degraded = await folders.OpenAsync();
        await folders.ReadsAllAsync(degraded);
    }

    [Fact]
    public async Task One_drive_finds_damage_and_never_returns_it()
    {
        using var folders = new DriveFolders(1);
        await using (var store = await folders.OpenAsync())
        {
            await folders.PutAsync(store, 1, 200_000);
        }

        var extent = folders.Extents(0).MaxBy(file => new FileInfo(file).Length)!;
        var whole = await File.ReadAllBytesAsync(extent, Cancellation);
        for (var at = 8192; at < 8192 + 200_000; at += 7919)
        {
            var damaged = whole.ToArray();
            damaged[at] ^= 0x40;
            await File.WriteAllBytesAsync(extent, damaged, Cancellation);
            await using var store = await folders.OpenAsync();
            var failure = await Assert.ThrowsAsync<HoldfastException>(() => store.ReadAsync(StoredObjects.Name(1), 0, new byte[200_000], Cancellation));
            Assert.Equal(FailureTable.DamagedObject, failure.Kind);
        }

        await File.WriteAllBytesAsync(extent, whole, Cancellation);
        await using var again = await folders.OpenAsync();
        await folders.ReadsAllAsync(again);
    }

    [Fact]
    public async Task Drives_of_another_pod_in_the_wrong_place_in_use_or_of_a_newer_layout_are_refused()
    {
        using var folders = new DriveFolders(3);
        using var others = new DriveFolders(3);
        await using (var store = await folders.OpenAsync())
        {
            await folders.FillAsync(store, 5, seed: 1);
            Assert.Equal(FailureTable.AlreadyRunning, (await Assert.ThrowsAsync<HoldfastException>(folders.OpenAsync)).Kind);
        }

        var good = folders.Configuration;
        folders.Configuration = good with { Drives = [good.Drives[1], good.Drives[0], good.Drives[2]] };
        Assert.Equal(FailureTable.ForeignDrive, (await Assert.ThrowsAsync<HoldfastException>(folders.OpenAsync)).Kind);
        folders.Configuration = good with { Drives = [good.Drives[0], others.PathOf(1), good.Drives[2]] };
        Assert.Equal(FailureTable.ForeignDrive, (await Assert.ThrowsAsync<HoldfastException>(folders.OpenAsync)).Kind);
        folders.Configuration = good;

        var mark = DriveMark.Read(folders.PathOf(1));
        (mark with { Version = 3 }).Write(folders.PathOf(1));
        Assert.Equal(FailureTable.NewerVersion, (await Assert.ThrowsAsync<HoldfastException>(folders.OpenAsync)).Kind);
        mark.Write(folders.PathOf(1));

        // A torn mark has its copy.
        await File.WriteAllTextAsync(Path.Combine(folders.PathOf(1), DriveMark.FileName), "{\"Ver", Cancellation);
        await using var whole = await folders.OpenAsync();
        await folders.ReadsAllAsync(whole);
        Assert.All(whole.Status().Drives, drive => Assert.Equal("Up", drive.State));
        Assert.Throws<HoldfastException>(() => good.Replace(1, folders.PathOf(0)));
    }

    private static void Rot(string file, Random random)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite);
        for (var i = 0; i < 20; i++)
        {
            stream.Position = random.NextInt64(4096, stream.Length);
            var value = stream.ReadByte();
            stream.Position--;
            stream.WriteByte((byte)(value ^ (1 << random.Next(8))));
        }
    }
}
