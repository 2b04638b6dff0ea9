using System.Buffers.Binary;
using System.IO.Hashing;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Grants;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Pods.Tests;

/// <summary>What the first layout stored (a file for each object, checksums behind it) is moved into volumes.</summary>
public sealed class ConvertingTests : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "holdfast-old-" + Guid.NewGuid().ToString("N"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Objects_of_the_first_layout_are_read_and_a_cut_off_conversion_goes_on()
    {
        var drive = Path.Combine(_root, "drive");
        Directory.CreateDirectory(Path.Combine(drive, "objects"));
        Directory.CreateDirectory(Path.Combine(drive, "incoming"));
        await File.WriteAllTextAsync(Path.Combine(drive, "drive.hf"), $"{{\"Version\":1,\"Drive\":\"{Guid.NewGuid()}\"}}", Cancellation);
        var lengths = new Dictionary<ulong, int> { [1] = 1, [2] = 65_536, [3] = 65_537, [4] = 2_000_000, [1025] = 300_000 };
        foreach (var (number, length) in lengths)
        {
            WriteOld(drive, number, StoredObjects.Content(number, length));
        }

        await File.WriteAllBytesAsync(FileOf(drive, 2) + ".condemned", BitConverter.GetBytes(1_700_000_000L), Cancellation);
        WriteOld(drive, 9, StoredObjects.Content(9, 100_000));
        await File.WriteAllBytesAsync(FileOf(drive, 9), [.. (await File.ReadAllBytesAsync(FileOf(drive, 9), Cancellation)).Select((value, index) => index == 777 ? (byte)~value : value)], Cancellation);

        // The first attempt ends before it converted anything.
        var configuration = DriveSetConfiguration.Adopt(drive);
        using (var ended = new CancellationTokenSource())
        {
            await ended.CancelAsync();
            await Assert.ThrowsAsync<OperationCanceledException>(() => OpenAsync(configuration, ended.Token));
        }

        configuration = DriveSetConfiguration.Adopt(drive);
        for (var round = 0; round < 2; round++)
        {
            await using var store = await OpenAsync(configuration, Cancellation);
            foreach (var (number, length) in lengths)
            {
                var read = new byte[length];
                await store.ReadAsync(StoredObjects.Name(number), 0, read, Cancellation);
                Assert.Equal(StoredObjects.Content(number, length), read);
            }

            Assert.NotNull((await store.FindAsync(StoredObjects.Name(2), Cancellation))!.Value.CondemnedAt);
            Assert.Null(await store.FindAsync(StoredObjects.Name(9), Cancellation));
        }

        // What was damaged stays, for whoever wants to look at it; the rest is gone from the old place.
        Assert.Equal([FileOf(drive, 9)], Directory.EnumerateFiles(Path.Combine(drive, "objects"), "*", SearchOption.AllDirectories));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private Task<ShardStore> OpenAsync(DriveSetConfiguration configuration, CancellationToken cancellation) =>
        DriveFolders.OpenAsync(configuration, Path.Combine(_root, "state"), cancellation);

    private static string FileOf(string drive, ulong number) => Path.Combine(drive, "objects", StoredObjects.Name(number).Account.ToString(), $"{(byte)ObjectSpace.Numbered}", $"{number >> 10}", $"{number}");

    /// <summary>The first layout as its document said, written here a second time.</summary>
    private static void WriteOld(string drive, ulong number, byte[] content)
    {
        var bytes = new List<byte>(content);
        for (var block = 0; block * 65_536 < content.Length; block++)
        {
            bytes.AddRange(XxHash128.Hash(content.AsSpan(block * 65_536, Math.Min(65_536, content.Length - (block * 65_536))), (long)((number << 16) ^ (uint)block)));
        }

        var footer = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(footer, content.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(footer.AsSpan(8), number);
        bytes.AddRange(footer);
        bytes.AddRange(XxHash128.Hash([.. bytes.Skip(content.Length)]));
        bytes.AddRange("HOLDDRV1"u8.ToArray());
        Directory.CreateDirectory(Path.GetDirectoryName(FileOf(drive, number))!);
        File.WriteAllBytes(FileOf(drive, number), [.. bytes]);
    }
}
