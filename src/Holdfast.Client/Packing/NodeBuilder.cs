using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Packing;

/// <summary>Stores a finished node and says its id.</summary>
internal delegate ValueTask<BlobId> StoreNode(byte[] node);

/// <summary>Builds a directory or chunk list of any length in bounded memory: nodes of at most 64 KiB, cut where the content says, under levels of index nodes.</summary>
/// <typeparam name="TSummary">What a parent says of a child besides its id: its first name, or its length.</typeparam>
internal sealed class NodeBuilder<TSummary>(
    StoreNode store, Func<TSummary, BlobId, byte[]> encodeChild, Func<TSummary, TSummary, TSummary> merge)
{
    private readonly List<Level> _levels = [new Level()];

    public async ValueTask AddAsync(ReadOnlyMemory<byte> encoded, ulong mark, TSummary summary) => await AddAtAsync(0, encoded, mark, summary, default);

    /// <summary>Stores what is left and returns the root; an empty directory is a node without items.</summary>
    public async ValueTask<BlobId> FinishAsync()
    {
        for (var level = 0; ; level++)
        {
            if (level == _levels.Count - 1)
            {
                var top = _levels[level];
                return level > 0 && top.Items.Count == 1 ? top.OnlyChild : await store(Encode(level, top));
            }

            if (_levels[level].Items.Count > 0)
            {
                await CutAsync(level);
            }
        }
    }

    private async ValueTask AddAtAsync(int level, ReadOnlyMemory<byte> encoded, ulong mark, TSummary summary, BlobId child)
    {
        if (level == _levels.Count)
        {
            _levels.Add(new Level());
        }

        var node = _levels[level];
        if (NodeSplitting.EndsBefore(node.Length, encoded.Length))
        {
            await CutAsync(level);
        }

        node.Summary = node.Items.Count == 0 ? summary : merge(node.Summary!, summary);
        node.OnlyChild = child;
        node.Items.Add(encoded);
        node.Length += encoded.Length;
        if (NodeSplitting.EndsBehind(mark, node.Length))
        {
            await CutAsync(level);
        }
    }

    private async ValueTask CutAsync(int level)
    {
        var node = _levels[level];
        var id = await store(Encode(level, node));
        var summary = node.Summary!;
        node.Items.Clear();
        node.Length = 0;
        await AddAtAsync(level + 1, encodeChild(summary, id), NodeSplitting.MarkOf(id), summary, id);
    }

    private static byte[] Encode(int level, Level node) => TreeNode.Encode(level, node.Items);

    private sealed class Level
    {
        public List<ReadOnlyMemory<byte>> Items { get; } = [];

        public int Length { get; set; }

        public TSummary? Summary { get; set; }

        public BlobId OnlyChild { get; set; }
    }
}
