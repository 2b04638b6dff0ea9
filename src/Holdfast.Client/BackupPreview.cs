using System.Threading.Channels;
using Holdfast.Client.Computers;
using Holdfast.Client.Indexing;
using Holdfast.Client.Walking;
using Holdfast.Format.Objects;

namespace Holdfast.Client;

/// <summary>A backup that only walks and compares: what would be read, without a word to the service.</summary>
public sealed class BackupPreview(Computer computer, ComputerFolders folders)
{
    private const int WaitingMax = 4096;

    /// <summary>Files and bytes that a backup would read; each path is told to <paramref name="visit"/>.</summary>
    public async Task<(long Files, long Bytes)> RunAsync(BackupOptions options, BackupProgress progress, Action<string>? visit, CancellationToken cancellation)
    {
        var (plan, paths) = WalkPlan.Of(options.Paths);
        var frames = new FrameRegistry();
        using var listing = ListingReader.TryOpen(Listing.PathOf(folders, computer.Account, paths), frames);
        var steps = Channel.CreateBounded<WalkStep>(WaitingMax);
        var jobs = Channel.CreateBounded<FileJob>(WaitingMax);
        var walker = new TreeWalker(plan, Exclusions.Of(options.Exclusions, folders), listing, frames, new HashSet<Address>(), new FileSystems(), progress, steps.Writer, jobs.Writer);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var (files, bytes) = (0L, 0L);
        await Stages.RunAllAsync(stop,
            Task.Run(() => walker.WalkAsync(stop.Token), stop.Token),
            Task.Run(async () =>
            {
                await foreach (var _ in steps.Reader.ReadAllAsync(stop.Token))
                {
                    // The jobs say what is to be read; the order of the tree does not matter here.
                }
            }, stop.Token),
            Task.Run(async () =>
            {
                await foreach (var job in jobs.Reader.ReadAllAsync(stop.Token))
                {
                    files++;
                    bytes += job.Status.Size;
                    visit?.Invoke(job.Path);
                    job.Finish(null);
                }
            }, stop.Token));
        return (files, bytes);
    }
}
