using System.Text;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Drilling;

/// <summary>What a drill restores: the newest snapshot of each computer and some older ones, at most five, and random files of each. The same random numbers choose the same while nothing is added.</summary>
/// <remarks>Names that are not UTF-8 are not chosen.</remarks>
internal static class DrillSample
{
    private const int SnapshotsMax = 5;

    /// <summary>Files that a drill restores of one snapshot have at most so many bytes together; longer ones are left out while others are there.</summary>
    private const long BytesMax = 1L << 30;

    public static List<OpenedSnapshot> ChooseSnapshots(IReadOnlyList<OpenedSnapshot> snapshots, Random random)
    {
        var newest = snapshots.GroupBy(snapshot => snapshot.Head.Computer).Select(chain => chain.MaxBy(snapshot => snapshot.Head.Sequence)!).Take(SnapshotsMax).ToList();
        var older = snapshots.Except(newest).ToArray();
        random.Shuffle(older);
        return [.. newest, .. older.Take(Math.Min(SnapshotsMax - newest.Count, SnapshotsMax / 2))];
    }

    /// <summary>How many of so many files are of one of so many snapshots.</summary>
    public static int ShareOf(int files, int snapshots, int index) => (files / snapshots) + (index < files % snapshots ? 1 : 0);

    /// <summary>Each file of the snapshot is as likely as any other (reservoir sampling, Vitter's algorithm R), whatever their number; if all are too long, the shortest.</summary>
    public static async Task<List<(string Path, TreeEntry Entry)>> ChooseFilesAsync(OpenedAccount account, OpenedSnapshot snapshot, int count, Random random, CancellationToken cancellation)
    {
        var (chosen, seen) = (new List<(string Path, TreeEntry Entry)>(count), 0L);
        (string Path, TreeEntry Entry)? shortest = null;
        await foreach (var (directory, entry) in new SnapshotListing(account).EntriesAsync(snapshot, null, cancellation))
        {
            if (count == 0 || entry.Type != EntryType.File || !TryDecode([.. directory, (byte)'/', .. entry.Name], out var path))
            {
                continue;
            }

            if ((long)entry.Size > BytesMax / count)
            {
                shortest = shortest is { } other && other.Entry.Size <= entry.Size ? shortest : (path, entry);
                continue;
            }

            seen++;
            if (chosen.Count < count)
            {
                chosen.Add((path, entry));
            }
            else if (random.NextInt64(seen) is var place && place < count)
            {
                chosen[(int)place] = (path, entry);
            }
        }

        return chosen.Count == 0 && shortest is { } only ? [only] : chosen;
    }

    private static bool TryDecode(byte[] path, out string text)
    {
        text = Encoding.UTF8.GetString(path);
        return Encoding.UTF8.GetBytes(text).AsSpan().SequenceEqual(path);
    }
}
