using System.Runtime.CompilerServices;
using Holdfast.Client.Connecting;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Restoring;

/// <summary>Streams the entries of directories and the pieces of files out of their nodes, however long they are.</summary>
internal sealed class TreeReader(BlobReader blobs)
{
    /// <summary>The entries of a directory in order; with <paramref name="only"/>, just that name, reading only the nodes on its way.</summary>
    public async IAsyncEnumerable<TreeEntry> EntriesAsync(BlobId node, byte[]? only = null, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var pending = new Stack<(BlobId Id, int LevelMax)>([(node, Limits.LevelsMax)]);
        while (pending.TryPop(out var next))
        {
            var bytes = await blobs.ReadAsync(next.Id, BlobType.Tree, cancellation);
            var decoded = AccountView.Verified(() => TreeNode.Decode(bytes));
            CheckLevel(decoded.Level, next.LevelMax);
            foreach (var entry in decoded.Entries)
            {
                if (only is null || entry.Name.AsSpan().SequenceEqual(only))
                {
                    yield return entry;
                }
            }

            var children = only is null ? decoded.Children : Containing(decoded.Children, only);
            for (var i = children.Count - 1; i >= 0; i--)
            {
                pending.Push((children[i].Id, decoded.Level - 1));
            }
        }
    }

    /// <summary>The chunks and holes of a file in order.</summary>
    public async IAsyncEnumerable<ContentItem> ContentAsync(TreeEntry file, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        foreach (var item in file.Content)
        {
            yield return item;
        }

        if (file.Node is not { } root)
        {
            yield break;
        }

        var pending = new Stack<(BlobId Id, int LevelMax)>([(root, Limits.LevelsMax)]);
        while (pending.TryPop(out var next))
        {
            var bytes = await blobs.ReadAsync(next.Id, BlobType.List, cancellation);
            var node = AccountView.Verified(() => ListNode.Decode(bytes));
            CheckLevel(node.Level, next.LevelMax);
            if (node.Level == 0)
            {
                foreach (var item in node.Items)
                {
                    yield return item;
                }

                continue;
            }

            for (var i = node.Items.Count - 1; i >= 0; i--)
            {
                pending.Push((node.Items[i].Id!.Value, node.Level - 1));
            }
        }
    }

    public async ValueTask<IReadOnlyList<ExtendedAttribute>> AttributesAsync(TreeEntry entry, CancellationToken cancellation)
    {
        if (entry.AttributesBlob is not { } id)
        {
            return entry.Attributes;
        }

        var bytes = await blobs.ReadAsync(id, BlobType.Attributes, cancellation);
        return AccountView.Verified(() => ExtendedAttributes.Decode(bytes));
    }

    /// <summary>Levels fall on the way down, so that no tree can be endless.</summary>
    private static void CheckLevel(int level, int levelMax) => AccountView.Verified(() =>
        level <= levelMax ? 0 : throw new MalformedObjectException("tree node", "its level is above its parent's"));

    private static List<TreeChild> Containing(IReadOnlyList<TreeChild> children, byte[] name)
    {
        var found = children.LastOrDefault(child => child.FirstName.AsSpan().SequenceCompareTo(name) <= 0);
        return found is null ? [] : [found];
    }
}
