using Holdfast.Client.Packing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Chunking;

/// <summary>Collects a file's chunks and holes: in its entry while they are few, in a chunk list when they are many.</summary>
internal sealed class ContentBuilder(FrameFiller lists, CancellationToken cancellation)
{
    private readonly List<ContentItem> _few = [];
    private readonly List<uint> _frames = [];
    private NodeBuilder<ulong>? _many;

    /// <summary>Bytes so far, holes included.</summary>
    public ulong Length { get; private set; }

    /// <summary>Frames used, each run once.</summary>
    public IReadOnlyList<uint> Frames => _frames;

    public ValueTask AddChunkAsync(BlobId id, int length, uint frame)
    {
        Use(frame);
        return AddAsync(new ContentItem((ulong)length, id));
    }

    public ValueTask AddHoleAsync(long length) => length > 0 ? AddAsync(new ContentItem((ulong)length, null)) : ValueTask.CompletedTask;

    public void Use(uint frame)
    {
        if (_frames.Count == 0 || _frames[^1] != frame)
        {
            _frames.Add(frame);
        }
    }

    /// <summary>The entry with its content, or with the root of its chunk list.</summary>
    public async ValueTask<TreeEntry> FinishAsync(TreeEntry entry) =>
        _many is null ? entry with { Content = _few } : entry with { Node = await _many.FinishAsync() };

    private async ValueTask AddAsync(ContentItem item)
    {
        Length += item.Length;
        if (_many is null && _few.Count < ContentItem.InlineMax)
        {
            _few.Add(item);
            return;
        }

        if (_many is null)
        {
            _many = new NodeBuilder<ulong>(StoreAsync, (length, id) => ListNode.EncodeItem(new ContentItem(length, id)), (a, b) => a + b);
            foreach (var first in _few)
            {
                await AddToListAsync(first);
            }
        }

        await AddToListAsync(item);
    }

    private ValueTask AddToListAsync(ContentItem item) =>
        _many!.AddAsync(ListNode.EncodeItem(item), item.Id is { } id ? NodeSplitting.MarkOf(id) : 1, item.Length);

    private async ValueTask<BlobId> StoreAsync(byte[] node)
    {
        var (id, frame) = await lists.StoreAsync(BlobType.List, node, cancellation);
        Use(frame);
        return id;
    }
}
