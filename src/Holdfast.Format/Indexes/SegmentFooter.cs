using Holdfast.Format.Objects;

namespace Holdfast.Format.Indexes;

/// <summary>The last sealed page of a segment: its totals, so that a segment cut at a page is noticed.</summary>
/// <remarks>u32 frames · u32 zero · u64 entries · zeros to the end of the page.</remarks>
public readonly record struct SegmentFooter(int Frames, long Entries)
{
    public void Write(Span<byte> page)
    {
        page.Clear();
        new ByteWriter(16).UInt32((uint)Frames).UInt32(0).Int64(Entries).Written.CopyTo(page);
    }

    public static SegmentFooter Parse(ReadOnlySpan<byte> page, SegmentLayout layout)
    {
        const string what = "index segment footer";
        var reader = new SpanReader(page, what);
        var frames = reader.Count(layout.DirectoryPages * SegmentLayout.DirectoryPerPage);
        reader.Zeros(4);
        var entries = reader.Int64();
        reader.Zeros(reader.Remaining);
        return Pages(frames, SegmentLayout.DirectoryPerPage) == layout.DirectoryPages
            && entries >= 0 && Pages(entries, SegmentLayout.EntriesPerPage) == layout.EntryPages
            ? new SegmentFooter(frames, entries)
            : throw new MalformedObjectException(what, "its totals do not fit its pages");
    }

    public static int Pages(long count, int perPage) => (int)((count + perPage - 1) / perPage);
}
