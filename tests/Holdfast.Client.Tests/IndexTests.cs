using System.Security.Cryptography;
using Holdfast.Client.Indexing;
using Holdfast.Crypto.Keys;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;

namespace Holdfast.Client.Tests;

/// <summary>Segments: sealed page by page, found by interpolation.</summary>
public sealed class IndexTests
{
    private static readonly GroupKeys _group = new(1, SHA256.HashData("group"u8));
    private static readonly AccountId _account = new(new byte[16]);
    private static readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(341)]
    [InlineData(5000)]
    public void A_segment_comes_back_and_every_id_is_found(int count)
    {
        var content = Content(count);
        var opened = SegmentSealing.Open(Segment(content), _group);
        Assert.Equal(content.Entries, opened.Entries);
        Assert.Equal(content.Frames, opened.Frames);
        Assert.Equal(content.PacksCovered, opened.PacksCovered);
        var path = Path.GetTempFileName();
        try
        {
            LocalSegment.Write(path, opened);
            using var local = LocalSegment.TryOpen(path, 4)!;
            var places = new List<BlobPlace>();
            foreach (var entry in content.Entries)
            {
                places.Clear();
                local.Find(entry.Id, places);
                Assert.Contains(new BlobPlace(content.Frames[(int)entry.Frame].Address, entry.Offset, entry.Length, entry.Type), places);
            }

            places.Clear();
            local.Find(new BlobId(SHA256.HashData("absent"u8)), places);
            Assert.Empty(places);
            File.WriteAllBytes(path, File.ReadAllBytes(path)[..^1]);
            Assert.Null(LocalSegment.TryOpen(path, 4));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Swapped_cut_and_foreign_pages_are_refused()
    {
        var content = Content(2000);
        var signed = Segment(content);
        var layout = SegmentLayout.Parse(signed.Body.Span);
        var body = signed.Body.ToArray();
        var (first, second) = (layout.PagesOffset + SegmentLayout.PageLength, layout.PagesOffset + (2 * SegmentLayout.PageLength));
        var page = body[first..(first + SegmentLayout.PageLength)];
        body.AsSpan(second, SegmentLayout.PageLength).CopyTo(body.AsSpan(first));
        page.CopyTo(body, second);
        Assert.Throws<MalformedObjectException>(() => SegmentSealing.Open(Sign(body, 4), _group));

        var cut = signed.Body.ToArray()[..^SegmentLayout.PageLength];
        BitConverter.TryWriteBytes(cut.AsSpan(12), layout.EntryPages - 1);
        Assert.Throws<MalformedObjectException>(() => SegmentSealing.Open(Sign(cut, 4), _group));
        Assert.Throws<MalformedObjectException>(() => SegmentSealing.Open(Sign(signed.Body.ToArray(), 5), _group));
        Assert.Throws<MalformedObjectException>(() => SegmentSealing.Open(signed, new GroupKeys(1, new byte[32])));
    }

    private static SegmentContent Content(int count)
    {
        var frames = Enumerable.Range(0, (count / 50) + 1).Select(i => new DirectoryEntry(new Address((uint)(i / 16), (uint)(i % 16)), (uint)i, 3, (UInt128)i)).ToList();
        var rows = Enumerable.Range(0, count).Select(i => new BlobRow(new BlobId(SHA256.HashData(BitConverter.GetBytes(i / 2))), (uint)(i / 50), (uint)i, 7, BlobType.Data)).Order().ToList();
        return new SegmentContent([1, 2, 3], frames, rows);
    }

    private static SignedObject Segment(SegmentContent content) => Sign(SegmentSealing.Seal(_account, 4, _group, content, RandomNumberGenerator.GetBytes).ToArray(), 4);

    private static SignedObject Sign(byte[] body, uint number) => SignedObject.Parse(
        SignedObject.Build(new ObjectHeader { Type = ObjectType.IndexSegment, Number = number, Account = _account, Group = 1, Computer = 1 }, body, _key), ObjectType.IndexSegment);
}
