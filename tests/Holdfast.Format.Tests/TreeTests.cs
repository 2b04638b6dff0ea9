using CsCheck;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;

namespace Holdfast.Format.Tests;

/// <summary>Trees say exactly one thing in exactly one way.</summary>
public sealed class TreeTests
{
    private static readonly Gen<byte[]> _name = Gen.Byte.Array[1, 40].Where(name => TreeEntry.IsLegalName(name));
    private static readonly Gen<BlobId> _id = Gen.Byte.Array[32].Select(bytes => new BlobId(bytes));

    private static readonly Gen<TreeEntry> _entry =
        Gen.Select(_name, Gen.Int[0, 0xFFF], Gen.UInt, Gen.Long, Gen.UInt[0, 999_999_999], Gen.Select(Gen.ULong[1, 262144], _id.Nullable(0.3)).Array[0, 8], Gen.Bool,
            (name, mode, owner, seconds, nanoseconds, content, link) => new TreeEntry
            {
                Name = name, Type = EntryType.File, Mode = (ushort)mode, Owner = owner, Group = owner / 2, ModifiedSeconds = seconds, ModifiedNanoseconds = nanoseconds,
                Content = [.. content.Select(item => new ContentItem(item.Item1, item.Item2))], Size = content.Aggregate(0UL, (sum, item) => sum + item.Item1),
                HardLink = link ? new HardLink(owner, owner) : null,
            });

    [Fact]
    public void Entries_come_back_and_encode_the_same_again() => _entry.Sample(entry =>
    {
        var bytes = entry.Encode();
        var decoded = TreeEntry.Decode(bytes);
        Assert.Equal(bytes, decoded.Encode());
        Assert.Equal(entry.Name, decoded.Name);
        Assert.Equal(entry.Content, decoded.Content);
        Assert.Equal((entry.ModifiedSeconds, entry.ModifiedNanoseconds, entry.HardLink), (decoded.ModifiedSeconds, decoded.ModifiedNanoseconds, decoded.HardLink));
    }, iter: 500);

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    public void Names_that_could_lead_elsewhere_are_refused(string name) =>
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode(Samples.Entry("x") is var entry ? (entry with { Name = System.Text.Encoding.UTF8.GetBytes(name) }).Encode() : []));

    [Fact]
    public void Unsorted_doubled_and_foreign_entries_are_refused()
    {
        Assert.Throws<MalformedObjectException>(() => TreeNode.Decode(TreeNode.Encode(0, [Samples.Entry("b").Encode(), Samples.Entry("a").Encode()])));
        Assert.Throws<MalformedObjectException>(() => TreeNode.Decode(TreeNode.Encode(0, [Samples.Entry("a").Encode(), Samples.Entry("a").Encode()])));
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode((Samples.Entry("a") with { Size = 31 }).Encode()));
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode((Samples.Entry("a") with { Type = EntryType.SymbolicLink }).Encode()));
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode((Samples.Entry("a") with { LinkTarget = [1] }).Encode()));
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode((Samples.Entry("a") with { Type = (EntryType)8 }).Encode()));
    }

    [Fact]
    public void Other_encodings_of_the_same_meaning_are_refused()
    {
        var bytes = Samples.Entry("a").Encode();
        Assert.Equal(0x00, bytes[1]);

        // Key 0 in two bytes instead of one; and a map of unknown length.
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode((byte[])[bytes[0], 0x18, 0x00, .. bytes[2..]]));
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode((byte[])[0xBF, .. bytes[1..], 0xFF]));
        Assert.Throws<MalformedObjectException>(() => TreeEntry.Decode((byte[])[.. bytes, 0x00]));
    }

    [Fact]
    public void Nodes_of_every_count_have_the_shortest_head()
    {
        foreach (var count in new[] { 0, 1, 22, 23, 24, 254, 255, 300 })
        {
            var items = Enumerable.Range(0, count).Select(i => (ReadOnlyMemory<byte>)ListNode.EncodeItem(new ContentItem((ulong)i + 1, null))).ToList();
            if (count == 0)
            {
                Assert.Throws<MalformedObjectException>(() => ListNode.Decode(ListNode.Encode(0, items)));
                Assert.Empty(TreeNode.Decode(TreeNode.Encode(0, items)).Entries);
                continue;
            }

            Assert.Equal(count, ListNode.Decode(ListNode.Encode(0, items)).Items.Count);
        }
    }
}
