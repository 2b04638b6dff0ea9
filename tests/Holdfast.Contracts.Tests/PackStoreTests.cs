using Holdfast.Pods.Drives;
using Holdfast.Pods.Storing;
using Holdfast.Protocol.Failures;

namespace Holdfast.Contracts.Tests;

public sealed class MemoryPackStoreTests : PackStoreContract
{
    public MemoryPackStoreTests()
    {
        Store = new MemoryPackStore(Time, Grace);
    }

    private protected override IPackStore Store { get; }
}

public sealed class DriveStoreTests : PackStoreContract, IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "holdfast-drive-" + Guid.NewGuid().ToString("N"));
    private DriveStore _store;

    public DriveStoreTests()
    {
        DriveStore.Create(_root, Guid.NewGuid());
        _store = DriveStore.Open(_root, Time, Grace);
    }

    private protected override IPackStore Store => _store;

    [Fact]
    public async Task Damage_is_never_returned()
    {
        await Store.PutAsync(Name(7), Content(1, 200_000), Cancellation);
        var file = Directory.GetFiles(_root, "7", SearchOption.AllDirectories).Single();
        var whole = await File.ReadAllBytesAsync(file, Cancellation);
        for (var at = 0; at < whole.Length; at += 977)
        {
            var damaged = whole.ToArray();
            damaged[at] ^= 0x40;
            await File.WriteAllBytesAsync(file, damaged, Cancellation);
            var read = new byte[200_000];
            Assert.Equal(FailureTable.DamagedObject, (await Assert.ThrowsAsync<HoldfastException>(() => Store.ReadAsync(Name(7), 0, read, Cancellation))).Kind);
        }

        await File.WriteAllBytesAsync(file, whole[..^1], Cancellation);
        await Assert.ThrowsAsync<HoldfastException>(() => Store.ReadAsync(Name(7), 0, new byte[1], Cancellation));

        // A block that is intact but belongs elsewhere is damage too.
        await Store.PutAsync(Name(8), Content(2, 200_000), Cancellation);
        File.Copy(Directory.GetFiles(_root, "8", SearchOption.AllDirectories).Single(), file, overwrite: true);
        await Assert.ThrowsAsync<HoldfastException>(() => Store.ReadAsync(Name(7), 0, new byte[1], Cancellation));
    }

    [Fact]
    public async Task What_a_crash_left_half_written_is_not_there_after_a_restart()
    {
        await Store.PutAsync(Name(1), Content(1, 1000), Cancellation);
        await File.WriteAllTextAsync(Path.Combine(_root, "incoming", "77"), "half", Cancellation);
        _store.Dispose();
        _store = DriveStore.Open(_root, Time, Grace);
        Assert.Empty(Directory.GetFiles(Path.Combine(_root, "incoming")));
        await Store.ReadAsync(Name(1), 0, new byte[1000], Cancellation);
    }

    [Fact]
    public void A_directory_that_is_no_drive_is_refused()
    {
        File.Delete(Path.Combine(_root, "drive.hf"));
        Assert.Contains("not mounted", Assert.Throws<HoldfastException>(() => DriveStore.Open(_root, Time, Grace)).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
