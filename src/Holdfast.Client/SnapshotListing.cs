using System.Runtime.CompilerServices;
using System.Text;
using Holdfast.Client.Restoring;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client;

/// <summary>Streams what a snapshot holds.</summary>
public sealed class SnapshotListing(OpenedAccount account)
{
    /// <summary>Entries below <paramref name="path"/> (all if it is null), each with the path of its directory.</summary>
    public async IAsyncEnumerable<(byte[] Directory, TreeEntry Entry)> EntriesAsync(OpenedSnapshot snapshot, string? path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var blobs = await account.NewBlobReaderAsync(await account.ReadMapAsync(snapshot, cancellation), cancellation);
        var tree = new TreeReader(blobs);
        var selection = new PathSelection(path is null ? [] : [path]);
        var pending = new Stack<(Format.Blobs.BlobId Node, byte[][] Names)>([(snapshot.Body.Root, [])]);
        while (pending.TryPop(out var directory))
        {
            var below = new List<(Format.Blobs.BlobId, byte[][])>();
            await foreach (var entry in tree.EntriesAsync(directory.Node, selection.OnlyName(directory.Names), cancellation))
            {
                if (!selection.Includes(directory.Names, entry.Name))
                {
                    continue;
                }

                yield return (Join(directory.Names), entry);
                if (entry.Type == EntryType.Directory)
                {
                    below.Add((entry.Node!.Value, [.. directory.Names, entry.Name]));
                }
            }

            below.Reverse();
            foreach (var child in below)
            {
                pending.Push(child);
            }
        }
    }

    /// <summary>What is directly in the directory at <paramref name="path"/>, in the order of names, behind <paramref name="after"/>; a path that is no directory is the failure not_found.</summary>
    public async IAsyncEnumerable<TreeEntry> ChildrenAsync(OpenedSnapshot snapshot, string path, byte[]? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var blobs = await account.NewBlobReaderAsync(await account.ReadMapAsync(snapshot, cancellation), cancellation);
        var (tree, node) = (new TreeReader(blobs), snapshot.Body.Root);
        foreach (var name in path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Encoding.UTF8.GetBytes))
        {
            var found = (TreeEntry?)null;
            await foreach (var entry in tree.EntriesAsync(node, name, cancellation))
            {
                found = entry;
            }

            node = found is { Type: EntryType.Directory, Node: { } below } ? below : throw new HoldfastException(FailureTable.NotFound, $"The snapshot has no directory {path}.");
        }

        await foreach (var entry in tree.EntriesAsync(node, null, cancellation))
        {
            if (after is null || entry.Name.AsSpan().SequenceCompareTo(after) > 0)
            {
                yield return entry;
            }
        }
    }

    private static byte[] Join(byte[][] names) => [.. names.SelectMany(name => name.Prepend((byte)'/'))];
}
