using System.Security.Cryptography;
using System.Text;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Drilling;
using Holdfast.Client.Restoring;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client;

/// <summary>What a drill restores.</summary>
/// <param name="Files">How many files.</param>
/// <param name="Seed">Chooses snapshots and files; the same seed chooses the same while nothing is added.</param>
/// <param name="Scratch">A directory that is made for the restored files and removed again.</param>
public sealed record DrillOptions(int Files, long Seed, string Scratch);

/// <summary>A restore drill: choose snapshots → choose files → restore them → compare → keep the evidence, and hand its signed sum in to the service.</summary>
/// <remarks>The newest snapshot of each computer and some older ones, at most five. Names that are not UTF-8 are not chosen.</remarks>
public sealed class Drill(OpenedAccount account, Computer computer, ComputerFolders folders, ServiceClient service, TimeProvider time)
{
    private const int SnapshotsMax = 5;

    /// <summary>Files that a drill restores together have at most so many bytes; longer ones are left out while others are there.</summary>
    private const long BytesMax = 1L << 30;

    public RestoreProgress Progress { get; } = new();

    public async Task<DrillEvidence> RunAsync(DrillOptions options, CancellationToken cancellation)
    {
        var random = new Random(unchecked((int)(options.Seed ^ (options.Seed >> 32))));
        var startedAt = time.GetUtcNow().ToUnixTimeSeconds();
        var all = await account.SnapshotsAsync(cancellation);
        var snapshots = Choose(all, random);
        if (snapshots.Count + account.Unreadable.Count == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, "There is no snapshot yet that a drill could restore from.");
        }

        // A snapshot that cannot be opened is a failure, however well the others can be restored.
        var files = account.Unreadable.Select(unreadable => DrilledFile.LostSnapshot(Convert.ToHexStringLower(unreadable.Head.Id.AsSpan(0, 4)), unreadable.Failure.Message)).ToList();
        for (var i = 0; i < snapshots.Count; i++)
        {
            var share = (options.Files / snapshots.Count) + (i < options.Files % snapshots.Count ? 1 : 0);
            try
            {
                files.AddRange(await DrillAsync(snapshots[i], share, options.Scratch, random, cancellation));
            }
            catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
            {
                files.Add(DrilledFile.LostSnapshot(snapshots[i].ShortId, exception.Message));
            }
        }

        var evidence = new DrillEvidence(startedAt, time.GetUtcNow().ToUnixTimeSeconds(), options.Seed, [.. snapshots.Select(snapshot => Convert.ToHexStringLower(snapshot.Head.Id))], files);
        var kept = EvidenceFile.Write(folders, evidence);
        if (files.Count > 0)
        {
            await service.HandInAsync(DrillSignature.Sign(
                new HandInDrill(evidence.StartedAt, evidence.EndedAt, evidence.Seed, evidence.Snapshots, files.Count, files.Sum(file => file.Size), evidence.Failures, SHA256.HashData(kept.Content), []),
                computer.Account, computer.Number, computer.SigningKey), cancellation);
        }

        return evidence with { File = kept.Path };
    }

    private static List<OpenedSnapshot> Choose(IReadOnlyList<OpenedSnapshot> snapshots, Random random)
    {
        var newest = snapshots.GroupBy(snapshot => snapshot.Head.Computer).Select(chain => chain.MaxBy(snapshot => snapshot.Head.Sequence)!).Take(SnapshotsMax).ToList();
        var older = snapshots.Except(newest).ToArray();
        random.Shuffle(older);
        return [.. newest, .. older.Take(Math.Min(SnapshotsMax - newest.Count, SnapshotsMax / 2))];
    }

    private async Task<IReadOnlyList<DrilledFile>> DrillAsync(OpenedSnapshot snapshot, int count, string scratch, Random random, CancellationToken cancellation)
    {
        var chosen = await ChooseFilesAsync(snapshot, count, random, cancellation);
        if (chosen.Count == 0)
        {
            return [];
        }

        var target = Path.Combine(scratch, snapshot.ShortId);
        try
        {
            await new Restore(account).RunAsync(snapshot, new RestoreOptions { Target = target, Include = [.. chosen.Select(file => file.Path)] }, Progress, cancellation);
            return [.. chosen.Select(file => Comparison.Compare(snapshot, file.Path, file.Entry, target + file.Path, snapshot.Head.Computer == computer.Number))];
        }
        finally
        {
            if (Directory.Exists(target))
            {
                Directory.Delete(target, recursive: true);
            }
        }
    }

    /// <summary>Each file of the snapshot is as likely as any other (reservoir sampling, Vitter's algorithm R), whatever their number; if all are too long, the shortest.</summary>
    private async Task<List<(string Path, TreeEntry Entry)>> ChooseFilesAsync(OpenedSnapshot snapshot, int count, Random random, CancellationToken cancellation)
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
