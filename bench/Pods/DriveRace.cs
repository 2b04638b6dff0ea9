using System.Diagnostics;
using Holdfast.Pods.Drives;
using Holdfast.Posix;

namespace Holdfast.Bench.Pods;

/// <summary>Twenty directories on one disk: acknowledged packs, small objects, degraded reads, scrub and rebuild, each against the plain way of doing it, in the same round.</summary>
internal sealed class DriveRace(string folder, int packs)
{
    private const int SmallObjects = 3200;

    /// <summary>So long after the last customer background work goes at full speed.</summary>
    private static readonly TimeSpan _quiet = TimeSpan.FromSeconds(1.5);

    private static readonly TimeSpan _readEvery = TimeSpan.FromMilliseconds(4);

    private static readonly TimeSpan _foreground = TimeSpan.FromSeconds(3);

    private readonly StoreWork _work = new(packs);
    private int _round;

    public async Task RunAsync(Action<string, double> keep)
    {
        var root = Path.Combine(folder, $"round{_round++}");
        Directory.CreateDirectory(root);
        var plain = StoreWork.Time(() => _work.WritePlain(root, packs, StoreWork.PackLength));
        var plainSmall = StoreWork.Time(() => _work.WritePlain(root, SmallObjects / 20, StoreWork.SmallLength)) * 20;
        var configuration = DriveSetConfiguration.Create([.. Enumerable.Range(0, StoreWork.Drives).Select(slot => Path.Combine(root, $"drive{slot:00}"))]);
        await using (var store = await StoreWork.OpenAsync(configuration, root))
        {
            // The first volume's extents are made and reserved before the clock runs, as they are for a thousand packs in real life.
            await _work.PutAsync(store, 1, StoreWork.PackLength, 1_000_000, 1);
            await _work.PutAsync(store, 1, StoreWork.SmallLength, 1_000_001, 1);
            keep("put/plain-fsync", plain / await StoreWork.TimeAsync(() => _work.PutAsync(store, packs, StoreWork.PackLength, 0, 2)));
            keep("small-objects/plain", plainSmall / await StoreWork.TimeAsync(() => _work.PutAsync(store, SmallObjects, StoreWork.SmallLength, 10_000, StoreWork.AtOnce)));
        }

        // Sealed, so that everything is scrubbed and rebuilt.
        double healthy, idle;
        await using (var store = await StoreWork.OpenAsync(configuration, root))
        {
            await _work.ReadAsync(store);
            await SettleAsync(store);
            StoreWork.DropCaches(configuration.Drives);
            healthy = await StoreWork.TimeAsync(() => _work.ReadAsync(store));
            idle = await _work.ForegroundAsync(store, configuration.Drives, Task.Delay(_foreground), _readEvery);
            keep("p99 idle/under scrub", idle / await _work.ForegroundAsync(store, configuration.Drives, RepeatAsync(() => store.ScrubAsync(CancellationToken.None)), _readEvery));
            await Task.Delay(_quiet);
            var read = ReadPlain(root, configuration.Drives);
            keep("scrub/read", read / await StoreWork.TimeAsync(() => store.ScrubAsync(CancellationToken.None)));
        }

        foreach (var slot in new[] { 1, 8, 15 })
        {
            Directory.Move(configuration.Drives[slot], configuration.Drives[slot] + ".away");
        }

        await using (var store = await StoreWork.OpenAsync(configuration, root))
        {
            await _work.ReadAsync(store);
            await SettleAsync(store);
            StoreWork.DropCaches(configuration.Drives.Where((_, slot) => slot is not (1 or 8 or 15)));
            keep("degraded/healthy", healthy / await StoreWork.TimeAsync(() => _work.ReadAsync(store)));
        }

        foreach (var slot in new[] { 8, 15 })
        {
            Directory.Move(configuration.Drives[slot] + ".away", configuration.Drives[slot]);
        }

        // With one drive lost, what it held is computed; that, and a rebuild besides.
        List<string> others = [.. configuration.Drives.Where((_, slot) => slot != 1)];
        double degraded;
        await using (var store = await StoreWork.OpenAsync(configuration, root))
        {
            degraded = await _work.ForegroundAsync(store, others, Task.Delay(_foreground), _readEvery);
        }

        await using (var store = await StoreWork.OpenAsync(configuration.Replace(1, configuration.Drives[1] + ".first"), root))
        {
            await _work.ForegroundAsync(store, others, Task.Delay(_quiet), _readEvery);
            var under = await _work.ForegroundAsync(store, others, store.RebuildAsync(CancellationToken.None), _readEvery);
            keep("p99 idle/under rebuild", idle / under);
            keep("p99 idle with a drive lost/under rebuild", degraded / under);
        }

        var replaced = configuration.Replace(1, configuration.Drives[1] + ".new");
        await using (var store = await StoreWork.OpenAsync(replaced, root))
        {
            var read = ReadPlain(root, [.. configuration.Drives.Where((_, slot) => slot is not (1 or 4 or 12))]);
            keep("rebuild/read", read / await StoreWork.TimeAsync(() => store.RebuildAsync(CancellationToken.None)));
        }

        Directory.Delete(replaced.Drives[1], recursive: true);
        await using (var store = await StoreWork.OpenAsync(replaced, root))
        {
            await _work.PutAsync(store, 1, StoreWork.PackLength, 1_000_002, 1);
            keep("put with a drive lost/plain-fsync", plain / await StoreWork.TimeAsync(() => _work.PutAsync(store, packs, StoreWork.PackLength, 3_000_000, 2)));
        }

        Directory.Delete(root, recursive: true);
    }

    /// <summary>Packs of 32 MiB, on a set of their own.</summary>
    public async Task PutLongAsync(Action<string, double> keep)
    {
        var root = Path.Combine(folder, "long");
        Directory.CreateDirectory(root);
        var plain = StoreWork.Time(() => _work.WritePlain(root, packs / 2, StoreWork.LongPackLength));
        var configuration = DriveSetConfiguration.Create([.. Enumerable.Range(0, StoreWork.Drives).Select(slot => Path.Combine(root, $"drive{slot:00}"))]);
        await using (var store = await StoreWork.OpenAsync(configuration, root))
        {
            await _work.PutAsync(store, 1, StoreWork.LongPackLength, 1_000_000, 1);
            keep("put of 32 MiB/plain-fsync", plain / await StoreWork.TimeAsync(() => _work.PutAsync(store, packs / 2, StoreWork.LongPackLength, 0, 2)));
        }

        Directory.Delete(root, recursive: true);
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

    /// <summary>Seconds for reading all extents from the disk, one after the other.</summary>
    private static double ReadPlain(string root, IReadOnlyList<string> drives)
    {
        var buffer = new byte[1 << 20];
        return StoreWork.Time(() =>
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
}
