using System.Collections;
using System.Threading.Channels;
using Holdfast.Client.Chunking;
using Holdfast.Client.Packing;
using Holdfast.Client.Walking;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;
using Holdfast.Posix;

namespace Holdfast.Client.Committing;

/// <summary>Puts the walk's steps together, in order: nodes of directories, the next listing, and which frames the snapshot needs.</summary>
internal sealed class TreeAssembler(FrameFiller trees, ListingWriter? listing, BackupProgress progress)
{
    private readonly Stack<OpenDirectory> _open = new();
    private readonly BitArray _used = new(1024);

    /// <summary>True for frames (numbers of the registry) that the snapshot needs.</summary>
    public bool Uses(int ordinal) => ordinal < _used.Length && _used[ordinal];

    /// <summary>Takes every step; returns the root node.</summary>
    public async Task<BlobId> RunAsync(ChannelReader<WalkStep> steps, CancellationToken cancellation)
    {
        _open.Push(new OpenDirectory(null, default, NewBuilder(cancellation)));
        await foreach (var step in steps.ReadAllAsync(cancellation))
        {
            switch (step)
            {
                case EnterDirectory enter:
                    // Its record comes before its content, as the walk will ask for it.
                    listing?.Add(_open.Count - 1, enter.Name, enter.Status, [], []);
                    _open.Push(new OpenDirectory(enter.Entry, enter.Status, NewBuilder(cancellation)));
                    break;
                case LeaveDirectory:
                    await LeaveAsync(cancellation);
                    break;
                case FinishedEntry finished:
                    if (finished.IsUnchanged && finished.Status.Kind == FileKind.File)
                    {
                        progress.Unchanged(finished.Status.Size);
                    }

                    await AddAsync(finished.Name, finished.Status, finished.Encoded, finished.Frames);
                    break;
                case FileToRead file:
                    if (await file.Job.Result.WaitAsync(cancellation) is { } result)
                    {
                        await AddAsync(file.Name, result.Status, result.Encoded, result.Frames);
                    }

                    break;
                default:
                    throw new InvalidOperationException($"unknown step {step}");
            }
        }

        var root = await _open.Pop().Nodes.FinishAsync();
        await trees.CloseAsync(cancellation);
        return root;
    }

    private async ValueTask LeaveAsync(CancellationToken cancellation)
    {
        var directory = _open.Pop();
        var entry = directory.Entry! with { Node = await directory.Nodes.FinishAsync() };
        var (complete, frame) = await LongAttributes.StoreAsync(entry, trees, progress, System.Text.Encoding.UTF8.GetString(entry.Name), cancellation);
        if (frame is { } used)
        {
            Use(used);
        }

        await AddToParentAsync(entry.Name, complete.Encode());
    }

    private async ValueTask AddAsync(byte[] name, FileStatus status, ReadOnlyMemory<byte> encoded, IReadOnlyList<uint> frames)
    {
        listing?.Add(_open.Count - 1, name, status, encoded.Span, frames);
        for (var i = 0; i < frames.Count; i++)
        {
            Use(frames[i]);
        }

        await AddToParentAsync(name, encoded);
    }

    private ValueTask AddToParentAsync(byte[] name, ReadOnlyMemory<byte> encoded) => _open.Peek().Nodes.AddAsync(encoded, trees.Hasher.NodeMark(name), name);

    private NodeBuilder<byte[]> NewBuilder(CancellationToken cancellation) => new(async node =>
    {
        var (id, frame) = await trees.StoreAsync(BlobType.Tree, node, cancellation);
        Use(frame);
        return id;
    }, static (name, id) => TreeNode.EncodeChild(name, id), static (first, _) => first);

    private void Use(uint ordinal)
    {
        if (ordinal >= _used.Length)
        {
            _used.Length = Math.Max(_used.Length * 2, (int)ordinal + 1);
        }

        _used[(int)ordinal] = true;
    }

    private sealed record OpenDirectory(TreeEntry? Entry, FileStatus Status, NodeBuilder<byte[]> Nodes);
}
