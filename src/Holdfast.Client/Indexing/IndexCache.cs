using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Indexing;

/// <summary>Brings this computer's copies of the index segments up to date: fetches those it lacks, drops those that are no longer in force.</summary>
internal static class IndexCache
{
    /// <summary>The segments in force; those that are lost, damaged or garbage are told to <paramref name="reportLost"/>, and left out.</summary>
    public static async Task<IReadOnlyList<LocalSegment>> OpenAsync(
        ComputerFolders folders, Computer computer, ServiceClient service, ObjectSource source, Action<uint> reportLost, CancellationToken cancellation)
    {
        var folder = Path.Combine(folders.Cache, "index");
        Directory.CreateDirectory(folder);
        var current = await service.GetSegmentsAsync(cancellation);
        var segments = new List<LocalSegment>();
        foreach (var summary in current)
        {
            var path = PathOf(folders, summary.Number);
            if ((LocalSegment.TryOpen(path, summary.Number) ?? await TryFetchAsync(path, summary.Number, computer, source, cancellation)) is { } segment)
            {
                segments.Add(segment);
            }
            else
            {
                reportLost(summary.Number);
            }
        }

        var wanted = current.Select(summary => PathOf(folders, summary.Number)).ToHashSet();
        foreach (var stale in Directory.EnumerateFiles(folder).Where(path => path.EndsWith(".segment", StringComparison.Ordinal) ? !wanted.Contains(path) : IsLeftover(path)))
        {
            File.Delete(stale);
        }

        return segments;
    }

    /// <summary>
    /// One computer's segment that is lost, damaged or garbage must not stop the others: without it a backup sends blobs again, and a restore
    /// reads the blob tables of packs, which are the truth.
    /// </summary>
    private static async Task<LocalSegment?> TryFetchAsync(string path, uint number, Computer computer, ObjectSource source, CancellationToken cancellation)
    {
        try
        {
            var signed = await source.ReadSignedAsync(number, ObjectType.IndexSegment, cancellation);
            LocalSegment.Write(path, AccountView.Verified(() => SegmentSealing.Open(signed, computer.Group)));
            return LocalSegment.TryOpen(path, number);
        }
        catch (HoldfastException exception) when (Restoring.BlobReader.IsDamage(exception))
        {
            return null;
        }
    }

    /// <summary>What a command that was killed was writing; younger files may be another command's.</summary>
    private static bool IsLeftover(string path) => TimeProvider.System.GetUtcNow() - File.GetLastWriteTimeUtc(path) > TimeSpan.FromDays(1);

    public static string PathOf(ComputerFolders folders, uint number) => Path.Combine(folders.Cache, "index", $"{number}.segment");
}
