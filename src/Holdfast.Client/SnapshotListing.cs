using System.Runtime.CompilerServices;
using System.Text;
using Holdfast.Client.Restoring;
using Holdfast.Format.Trees;

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

    private static byte[] Join(byte[][] names) => [.. names.SelectMany(name => name.Prepend((byte)'/'))];
}
