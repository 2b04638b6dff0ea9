using Holdfast.Client.Drilling;
using Holdfast.Client.Restoring;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client;

/// <summary>What a drill read.</summary>
/// <param name="Snapshots">Ids of the snapshots, in hexadecimal.</param>
/// <param name="Files">Files that were to be read.</param>
/// <param name="Bytes">Bytes that were.</param>
/// <param name="Failures">Files, and whole snapshots, that could not be read as they were backed up.</param>
public sealed record ReadDrillResult(IReadOnlyList<string> Snapshots, long Files, long Bytes, long Failures);

/// <summary>A restore drill that keeps nothing: random files are read as a restore reads them, every chunk proved by its id, and go nowhere. For who may open an account but has no place where its files may lie.</summary>
public sealed class ReadDrill(OpenedAccount account)
{
    /// <param name="files">How many files.</param>
    /// <param name="seed">Chooses snapshots and files.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<ReadDrillResult> RunAsync(int files, long seed, CancellationToken cancellation)
    {
        var random = new Random(unchecked((int)(seed ^ (seed >> 32))));
        var snapshots = DrillSample.ChooseSnapshots(await account.SnapshotsAsync(cancellation), random);
        var (read, bytes, failures) = ((long)account.Unreadable.Count, 0L, (long)account.Unreadable.Count);
        foreach (var (index, snapshot) in snapshots.Index())
        {
            var progress = new RestoreProgress();
            try
            {
                var chosen = await DrillSample.ChooseFilesAsync(account, snapshot, DrillSample.ShareOf(files, snapshots.Count, index), random, cancellation);
                read += chosen.Count;
                if (chosen.Count > 0)
                {
                    await new Archive(account).WriteAsync(snapshot, new ArchiveOptions { Kind = ArchiveKind.Tar, Include = [.. chosen.Select(file => file.Path)], Scratch = "" }, Stream.Null, progress, cancellation);
                }
            }
            catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
            {
                (read, failures) = (read + 1, failures + 1);
            }

            (bytes, failures) = (bytes + progress.Bytes, failures + progress.TroubleCount);
        }

        return new ReadDrillResult([.. snapshots.Select(snapshot => Convert.ToHexStringLower(snapshot.Head.Id))], read, bytes, failures);
    }
}
