using System.Diagnostics;
using Holdfast.Format.Objects;
using Holdfast.Pods;
using Holdfast.Pods.Drives;
using Holdfast.Posix;
using Holdfast.Protocol.Grants;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Bench.Pods;

/// <summary>Twenty directories on one disk: acknowledged packs, small objects, degraded reads, scrub and rebuild, each against the plain way of doing it, in the same round.</summary>
internal sealed class DriveRace(string folder, int packs)
{
    private const int Drives = 20;
    private const int PackLength = 16 << 20;
    private const int SmallLength = 4096;
    private const int SmallObjects = 3200;
    private const int AtOnce = 32;

    /// <summary>So long after the last customer background work goes at full speed.</summary>
    private static readonly TimeSpan _quiet = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan _foreground = TimeSpan.FromSeconds(3);

    private static readonly AccountId _account = new(new byte[AccountId.Length]);
    private readonly byte[] _content = Fill(PackLength);
    private int _round;

    public async Task RunAsync(Action<string, double> keep)
    {
        var root = Path.Combine(folder, $"round{_round++}");
        Directory.CreateDirectory(root);
        var plain = Time(() => WritePlain(root, packs, PackLength));
        var plainSmall = Time(() => WritePlain(root, SmallObjects / 20, SmallLength)) * 20;
        var configuration = DriveSetConfiguration.Create([.. Enumerable.Range(0, Drives).Select(slot => Path.Combine(root, $"drive{slot:00}"))]);
        await using (var store = await OpenAsync(configuration, root))
        {
            // The first volume's extents are made and reserved before the clock runs, as they are for a thousand packs in real life.
            await PutAsync(store, 1, PackLength, 1_000_000, 1);
            await PutAsync(store, 1, SmallLength, 1_000_001, 1);
            keep("put/plain-fsync", plain / await TimeAsync(() => PutAsync(store, packs, PackLength, 0, 2)));
            keep("small-objects/plain", plainSmall / await TimeAsync(() => PutAsync(store, SmallObjects, SmallLength, 10_000, AtOnce)));
        }

        // Sealed, so that everything is scrubbed and rebuilt.
        double healthy, idle;
        await using (var store = await OpenAsync(configuration, root))
        {
            await ReadAsync(store);
            await SettleAsync(store);
            DropCaches(configuration.Drives);
            healthy = await TimeAsync(() => ReadAsync(store));
            idle = await ForegroundAsync(store, configuration.Drives, Task.Delay(_foreground));
            keep("p99 idle/under scrub", idle / await ForegroundAsync(store, configuration.Drives, RepeatAsync(() => store.ScrubAsync(CancellationToken.None))));
            await Task.Delay(_quiet);
            var read = ReadPlain(root, configuration.Drives);
            keep("scrub/read", read / await TimeAsync(() => store.ScrubAsync(CancellationToken.None)));
        }

        foreach (var slot in new[] { 1, 8, 15 })
        {
            Directory.Move(configuration.Drives[slot], configuration.Drives[slot] + ".away");
        }

        await using (var store = await OpenAsync(configuration, root))
        {
            await ReadAsync(store);
            await SettleAsync(store);
            DropCaches(configuration.Drives.Where((_, slot) => slot is not (1 or 8 or 15)));
            keep("degraded/healthy", healthy / await TimeAsync(() => ReadAsync(store)));
        }

        foreach (var slot in new[] { 8, 15 })
        {
            Directory.Move(configuration.Drives[slot] + ".away", configuration.Drives[slot]);
        }

        // With one drive lost, what it held is computed; that, and a rebuild besides.
        List<string> others = [.. configuration.Drives.Where((_, slot) => slot != 1)];
        double degraded;
        await using (var store = await OpenAsync(configuration, root))
        {
            degraded = await ForegroundAsync(store, others, Task.Delay(_foreground));
        }

        await using (var store = await OpenAsync(configuration.Replace(1, configuration.Drives[1] + ".first"), root))
        {
            await ForegroundAsync(store, others, Task.Delay(_quiet));
            var under = await ForegroundAsync(store, others, store.RebuildAsync(CancellationToken.None));
            keep("p99 idle/under rebuild", idle / under);
            keep("p99 idle with a drive lost/under rebuild", degraded / under);
        }

        var replaced = configuration.Replace(1, configuration.Drives[1] + ".new");
        await using (var store = await OpenAsync(replaced, root))
        {
            var read = ReadPlain(root, [.. configuration.Drives.Where((_, slot) => slot is not (1 or 4 or 12))]);
            keep("rebuild/read", read / await TimeAsync(() => store.RebuildAsync(CancellationToken.None)));
        }

        Directory.Delete(root, recursive: true);
    }

    private static Task<ShardStore> OpenAsync(DriveSetConfiguration configuration, string root) =>
        ShardStore.OpenAsync(configuration, Path.Combine(root, "state"), TimeProvider.System, Pod.CondemnGrace, NullLogger.Instance, CancellationToken.None);

    private async Task PutAsync(ShardStore store, int count, int length, ulong first, int atOnce)
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

    private async Task ReadAsync(ShardStore store)
    {
        var buffer = new byte[PackLength];
        for (var pack = 0UL; pack < (ulong)packs; pack++)
        {
            await store.ReadAsync(new ObjectName(_account, ObjectSpace.Numbered, pack), 0, buffer, CancellationToken.None);
        }
    }

    /// <summary>A file for each object: write, sync, sync of the directory.</summary>
    private void WritePlain(string root, int count, int length)
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

    /// <summary>The 99th percentile of reading 64 KiB of some pack, in seconds, while <paramref name="work"/> goes on: a reader every 4 ms, whether the one before is done or not, and none from the page cache.</summary>
    private async Task<double> ForegroundAsync(ShardStore store, IReadOnlyList<string> drives, Task work)
    {
        var random = new Random(2);
        var reads = new List<Task<double>>();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(4));
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

    /// <summary>Does something again and again for a while.</summary>
    private static async Task RepeatAsync(Func<Task> work)
    {
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < _foreground;)
        {
            await work();
        }
    }

    /// <summary>Shortly after its start a pod scrubs a volume by itself; that is not what is timed.</summary>
    private static async Task SettleAsync(ShardStore store)
    {
        for (long read = 0, before = -1; read == 0 || read != before; (before, read) = (read, store.Status().Scrub.BytesRead))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(300));
        }
    }

    /// <summary>What is restored is long out of the page cache.</summary>
    private static void DropCaches(IEnumerable<string> drives)
    {
        foreach (var path in drives.SelectMany(drive => Directory.EnumerateFiles(Path.Combine(drive, "ext"))))
        {
            using var file = File.OpenHandle(path);
            PosixFile.DropCache(file, 0, 0);
        }
    }

    /// <summary>Seconds for reading all extents from the disk, one after the other.</summary>
    private static double ReadPlain(string root, IReadOnlyList<string> drives)
    {
        var buffer = new byte[1 << 20];
        return Time(() =>
        {
            foreach (var path in drives.SelectMany(drive => Directory.EnumerateFiles(Path.Combine(drive, "ext"))))
            {
                using var file = File.OpenHandle(path);
                var length = new FileInfo(path).Length;
                PosixFile.DropCache(file, 0, length);
                for (long at = 0; at < length; at += buffer.Length)
                {
                    PosixFile.ReadFull(file, buffer, at, path);
                }
            }
        });
    }

    private static double Time(Action action)
    {
        var started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<double> TimeAsync(Func<Task> action)
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
