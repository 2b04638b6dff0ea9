using Holdfast.Pods.Drives;

namespace Holdfast.Bench.Pods;

/// <summary>Twenty drives that are disks of their own, each with one arm: what a customer waits for while others write small objects, or while a drive is rebuilt.</summary>
/// <remarks>On directories of one disk twenty drives have one queue: a record of four copies is four waits there, and computing a block from seventeen drives is seventeen.</remarks>
internal sealed class OwnDiskRace(string folder, int packs)
{
    private const int SmallObjects = 6400;
    private const int PlainSmallObjects = 40;

    /// <summary>A tenth of what twenty arms could do.</summary>
    private static readonly TimeSpan _readEvery = TimeSpan.FromMilliseconds(12);

    private static readonly TimeSpan _foreground = TimeSpan.FromSeconds(8);
    private readonly StoreWork _work = new(packs);

    /// <param name="disks">Where the twenty disks are mounted.</param>
    /// <param name="keep">Told each ratio.</param>
    public async Task RunAsync(IReadOnlyList<string> disks, Action<string, double> keep)
    {
        string On(int slot, string name) => Path.Combine(disks[slot], name);
        Directory.CreateDirectory(On(0, "plain"));
        var plain = StoreWork.Time(() => _work.WritePlain(On(0, "plain"), PlainSmallObjects, StoreWork.SmallLength)) * (SmallObjects / (double)PlainSmallObjects);
        var state = Path.Combine(folder, "own");
        var configuration = DriveSetConfiguration.Create([.. Enumerable.Range(0, StoreWork.Drives).Select(slot => On(slot, "drive"))]);
        double idle;
        await using (var store = await StoreWork.OpenAsync(configuration, state))
        {
            await _work.PutAsync(store, packs, StoreWork.PackLength, 0, 2);
            await _work.PutAsync(store, SmallObjects / 4, StoreWork.SmallLength, 1_000_000, StoreWork.AtOnce);
            keep("small-objects/plain", plain / await StoreWork.TimeAsync(() => _work.PutAsync(store, SmallObjects, StoreWork.SmallLength, 10_000, StoreWork.AtOnce)));
        }

        await using (var store = await StoreWork.OpenAsync(configuration, state))
        {
            idle = await _work.ForegroundAsync(store, configuration.Drives, Task.Delay(_foreground), _readEvery);
        }

        Directory.Move(configuration.Drives[1], configuration.Drives[1] + ".lost");
        var replaced = configuration.Replace(1, On(1, "new"));
        List<string> others = [.. configuration.Drives.Where((_, slot) => slot != 1)];
        await using (var store = await StoreWork.OpenAsync(replaced, state))
        {
            keep("p99 idle/under rebuild", idle / await _work.ForegroundAsync(store, others, store.RebuildAsync(CancellationToken.None), _readEvery));
        }

        Directory.Delete(state, recursive: true);
        for (var slot = 0; slot < StoreWork.Drives; slot++)
        {
            foreach (var made in Directory.EnumerateDirectories(disks[slot]).Where(path => !path.EndsWith("lost+found", StringComparison.Ordinal)))
            {
                Directory.Delete(made, recursive: true);
            }
        }
    }
}
