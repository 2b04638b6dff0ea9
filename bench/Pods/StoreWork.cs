using System.Diagnostics;
using Holdfast.Format.Objects;
using Holdfast.Pods;
using Holdfast.Pods.Drives;
using Holdfast.Posix;
using Holdfast.Protocol.Grants;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Bench.Pods;

/// <summary>What is asked of a set of drives, and the plain way of doing it.</summary>
/// <param name="packs">How many packs of 16 MiB there are.</param>
internal sealed class StoreWork(int packs)
{
    public const int Drives = 20;
    public const int PackLength = 16 << 20;
    public const int LongPackLength = 32 << 20;
    public const int SmallLength = 4096;
    public const int AtOnce = 32;

    private static readonly AccountId _account = new(new byte[AccountId.Length]);
    private readonly byte[] _content = Fill(LongPackLength);

    public static Task<ShardStore> OpenAsync(DriveSetConfiguration configuration, string root) =>
        ShardStore.OpenAsync(configuration, Path.Combine(root, "state"), TimeProvider.System, Pod.CondemnGrace, NullLogger.Instance, CancellationToken.None);

    public async Task PutAsync(ShardStore store, int count, int length, ulong first, int atOnce)
    {
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Increment(ref next) is var index && index < count)
            {
                await store.PutAsync(new ObjectName(_account, ObjectSpace.Numbered, first + (ulong)index), _content.AsMemory(0, length), CancellationToken.None);
            }
        })));
    }

    public async Task ReadAsync(ShardStore store)
    {
        var buffer = new byte[PackLength];
        for (var pack = 0UL; pack < (ulong)packs; pack++)
        {
            await store.ReadAsync(new ObjectName(_account, ObjectSpace.Numbered, pack), 0, buffer, CancellationToken.None);
        }
    }

    /// <summary>A file for each object: write, sync, sync of the directory.</summary>
    public void WritePlain(string root, int count, int length)
    {
        using var directory = DirectoryHandle.Open(root);
        for (var number = 0; number < count; number++)
        {
            var name = System.Text.Encoding.ASCII.GetBytes($"plain{number}");
            using (var file = directory.OpenFile(name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, 0x180))
            {
                PosixFile.Write(file, _content.AsSpan(0, length), 0, "plain");
                PosixFile.Sync(file, "plain");
            }

            directory.Sync();
        }

        for (var number = 0; number < count; number++)
        {
            directory.Unlink(System.Text.Encoding.ASCII.GetBytes($"plain{number}"));
        }
    }

    /// <summary>The 99th percentile of reading 64 KiB of some pack, in seconds, while <paramref name="work"/> goes on: a reader at each interval, whether the one before is done or not, and none from the page cache.</summary>
    public async Task<double> ForegroundAsync(ShardStore store, IReadOnlyList<string> drives, Task work, TimeSpan interval)
    {
        var random = new Random(2);
        var reads = new List<Task<double>>();
        using var timer = new PeriodicTimer(interval);
        while (!work.IsCompleted && await timer.WaitForNextTickAsync())
        {
            if (reads.Count % 16 == 0)
            {
                DropCaches(drives);
            }

            var (pack, offset) = ((ulong)random.Next(packs), (long)random.Next(PackLength - (64 << 10)));
            reads.Add(Task.Run(() => TimeAsync(() => store.ReadAsync(new ObjectName(_account, ObjectSpace.Numbered, pack), offset, new byte[64 << 10], CancellationToken.None))));
        }

        await work;
        var times = (await Task.WhenAll(reads)).Order().ToList();
        return times[times.Count * 99 / 100];
    }

    /// <summary>What is restored is long out of the page cache.</summary>
    public static void DropCaches(IEnumerable<string> drives)
    {
        foreach (var path in drives.SelectMany(drive => Directory.EnumerateFiles(Path.Combine(drive, "ext"))))
        {
            using var file = File.OpenHandle(path);
            PosixFile.DropCache(file, 0, 0);
        }
    }

    public static double Time(Action action)
    {
        var started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public static async Task<double> TimeAsync(Func<Task> action)
    {
        var started = Stopwatch.GetTimestamp();
        await action();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static byte[] Fill(int length)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
