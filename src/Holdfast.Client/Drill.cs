using System.Security.Cryptography;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Drilling;
using Holdfast.Client.Restoring;
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
/// <remarks>What is chosen: <see cref="DrillSample"/>.</remarks>
public sealed class Drill(OpenedAccount account, Computer computer, ComputerFolders folders, ServiceClient service, TimeProvider time)
{
    /// <summary>When the last drill of this computer began, whose evidence is kept; null if there is none.</summary>
    public static DateTimeOffset? LastOf(ComputerFolders folders) => EvidenceFile.LastOf(folders);

    public RestoreProgress Progress { get; } = new();

    public async Task<DrillEvidence> RunAsync(DrillOptions options, CancellationToken cancellation)
    {
        var random = new Random(unchecked((int)(options.Seed ^ (options.Seed >> 32))));
        var startedAt = time.GetUtcNow().ToUnixTimeSeconds();
        var all = await account.SnapshotsAsync(cancellation);
        var snapshots = DrillSample.ChooseSnapshots(all, random);
        if (snapshots.Count + account.Unreadable.Count == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, "There is no snapshot yet that a drill could restore from.");
        }

        // A snapshot that cannot be opened is a failure, however well the others can be restored.
        var files = account.Unreadable.Select(unreadable => DrilledFile.LostSnapshot(Convert.ToHexStringLower(unreadable.Head.Id.AsSpan(0, 4)), unreadable.Failure.Message)).ToList();
        for (var i = 0; i < snapshots.Count; i++)
        {
            var share = DrillSample.ShareOf(options.Files, snapshots.Count, i);
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

        EvidenceFile.Sent(kept.Path);
        return evidence with { File = kept.Path };
    }

    private async Task<IReadOnlyList<DrilledFile>> DrillAsync(OpenedSnapshot snapshot, int count, string scratch, Random random, CancellationToken cancellation)
    {
        var chosen = await DrillSample.ChooseFilesAsync(account, snapshot, count, random, cancellation);
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
}
