using System.Text;
using System.Threading.Channels;
using Holdfast.Client.Restoring;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client;

/// <summary>What to restore, and where to.</summary>
public sealed record RestoreOptions
{
    /// <summary>Made if it is missing; a snapshot's absolute paths are restored below it.</summary>
    public required string Target { get; init; }

    /// <summary>Paths in the snapshot, with everything below them; none means all.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    public int Writers { get; init; } = Math.Clamp(Environment.ProcessorCount + 1, 2, 8);

}

/// <summary>Restores: walk the tree → fetch and open frames → write, in parallel; directories are completed when their content is.</summary>
public sealed class Restore(OpenedAccount account)
{
    private const int FilesWaitingMax = 256;

    public async Task RunAsync(OpenedSnapshot snapshot, RestoreOptions options, RestoreProgress progress, CancellationToken cancellation)
    {
        var map = await account.ReadMapAsync(snapshot, cancellation);
        using var blobs = await account.NewBlobReaderAsync(map, cancellation);
        await account.Source.OpenAsync(options.Include.Count == 0 ? map.Packs : [], cancellation);
        var target = Encoding.UTF8.GetBytes(options.Target);
        Directory.CreateDirectory(options.Target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var tree = new TreeReader(blobs);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var selection = new PathSelection(options.Include);
        var files = Channel.CreateBounded<FileToWrite>(FilesWaitingMax);
        var walker = new RestoreWalker(tree, selection, progress, files.Writer);
        var root = new RestoringDirectory(null, DirectoryHandle.Open(target), options.Target, [], null, [], progress);
        await Stages.RunAllAsync(stop, [
            Task.Run(() => walker.WalkAsync(snapshot.Body.Root, root, target, stop.Token), stop.Token),
            .. Enumerable.Range(0, options.Writers).Select(_ => Task.Run(() => new FileWriter(tree, blobs, progress).RunAsync(files.Reader, stop.Token), stop.Token))]);
        if (blobs.OutsideMap.Count is > 0 and var outside)
        {
            progress.Trouble($"snapshot {snapshot.ShortId}", $"map incomplete: {outside} frames that were needed are not in it; they were read all the same. Back up again with this program, and tell your operator");
        }

        if (selection.Missing.ToList() is { Count: > 0 } missing)
        {
            throw new HoldfastException(FailureTable.NotFound, $"The snapshot has no {string.Join(", ", missing)}.");
        }
    }
}
