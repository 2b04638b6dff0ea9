using System.Text;
using Holdfast.Client.Packing;
using Holdfast.Crypto.Keys;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Tests;

/// <summary>Directories and chunk lists of any length are nodes of at most 64 KiB, and an edit changes few of them.</summary>
public sealed class NodeBuilderTests
{
    private static readonly GroupKeys _keys = new(1, new byte[32]);

    [Fact]
    public async Task One_name_among_a_million_costs_less_than_256_KiB()
    {
        var before = new Dictionary<BlobId, int>();
        var after = new Dictionary<BlobId, int>();
        await BuildAsync(1_000_000, touched: -1, before);
        await BuildAsync(1_000_000, touched: 567_890, after);
        Assert.All(after.Values, length => Assert.InRange(length, 1, Limits.NodeLengthMax));
        var cost = after.Where(node => !before.ContainsKey(node.Key)).Sum(node => node.Value);
        Assert.InRange(cost, 1, 256 << 10);
    }

    [Fact]
    public async Task Trees_read_back_in_order_through_all_levels()
    {
        foreach (var count in new[] { 0, 1, 2, 500, 60_000 })
        {
            var nodes = new Dictionary<BlobId, byte[]>();
            var root = await BuildAsync(count, -1, [], nodes);
            Assert.Equal(Enumerable.Range(0, count).Select(NameOf), Read(root, nodes, Limits.LevelsMax));
        }
    }

    [Fact]
    public async Task A_chunk_list_adds_up_and_a_changed_chunk_of_a_terabyte_costs_little()
    {
        var before = new Dictionary<BlobId, int>();
        var after = new Dictionary<BlobId, int>();
        await BuildListAsync(400_000, -1, before);
        await BuildListAsync(400_000, 123_456, after);
        Assert.InRange(after.Where(node => !before.ContainsKey(node.Key)).Sum(node => node.Value), 1, 256 << 10);
    }

    private static IEnumerable<string> Read(BlobId id, Dictionary<BlobId, byte[]> nodes, int levelMax)
    {
        var node = TreeNode.Decode(nodes[id]);
        Assert.True(node.Level <= levelMax);
        return node.Level == 0 ? node.Entries.Select(entry => Encoding.UTF8.GetString(entry.Name)) : node.Children.SelectMany(child => Read(child.Id, nodes, node.Level - 1));
    }

    private static string NameOf(int i) => $"file-{i:D7}.txt";

    private static async Task<BlobId> BuildAsync(int count, int touched, Dictionary<BlobId, int> lengths, Dictionary<BlobId, byte[]>? nodes = null)
    {
        using var hasher = new BlobHasher(_keys);
        var builder = new NodeBuilder<byte[]>(node =>
        {
            var id = hasher.Id(BlobType.Tree, node);
            lengths[id] = node.Length;
            nodes?.TryAdd(id, node);
            return ValueTask.FromResult(id);
        }, static (name, id) => TreeNode.EncodeChild(name, id), static (first, _) => first);
        var entry = new TreeEntry { Name = [1], Type = EntryType.File, Mode = 420, Owner = 0, Group = 0, ModifiedSeconds = 0, ModifiedNanoseconds = 0 };
        for (var i = 0; i < count; i++)
        {
            var name = Encoding.UTF8.GetBytes(NameOf(i));
            await builder.AddAsync((entry with { Name = name, ModifiedSeconds = i == touched ? 99 : 1 }).Encode(), hasher.NodeMark(name), name);
        }

        return await builder.FinishAsync();
    }

    private static async Task BuildListAsync(int count, int touched, Dictionary<BlobId, int> lengths)
    {
        using var hasher = new BlobHasher(_keys);
        var builder = new NodeBuilder<ulong>(node =>
        {
            var id = hasher.Id(BlobType.List, node);
            lengths[id] = node.Length;
            return ValueTask.FromResult(id);
        }, static (length, id) => ListNode.EncodeItem(new ContentItem(length, id)), static (a, b) => a + b);
        for (var i = 0; i < count; i++)
        {
            var id = hasher.Id(BlobType.Data, BitConverter.GetBytes(i == touched ? -1 : i));
            await builder.AddAsync(ListNode.EncodeItem(new ContentItem(65536, id)), NodeSplitting.MarkOf(id), 65536);
        }

        await builder.FinishAsync();
    }
}
