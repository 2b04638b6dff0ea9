using Holdfast.Format.Objects;

namespace Holdfast.Format.Indexes;

/// <summary>Plain head of an index segment's body, and where its sealed pages lie.</summary>
/// <remarks>
/// Body: u32 packs covered n · u32 segments replaced m · u32 directory pages · u32 entry pages · salt 32 · n × u32 · m × u32 · zeros to a
/// multiple of 4,096 · sealed pages of 16,384 bytes: directory, entries, footer. A page's nonce is its number (u64 after four zero bytes).
/// </remarks>
public sealed record SegmentLayout(uint[] PacksCovered, uint[] SegmentsReplaced, int DirectoryPages, int EntryPages, byte[] Salt)
{
    public const int PageLength = 16384;
    public const int PagePlainLength = PageLength - PaddedPlaintext.TagLength;

    /// <summary>Frame directory entries in a page: 32 bytes each.</summary>
    public const int DirectoryPerPage = PagePlainLength / DirectoryEntry.Size;

    /// <summary>Blob entries in a page: 48 bytes each.</summary>
    public const int EntriesPerPage = PagePlainLength / Blobs.BlobRow.Size;

    private const string What = "index segment";
    private const int FixedLength = 16 + 32;

    public int PagesOffset => Align(FixedLength + (4 * (PacksCovered.Length + SegmentsReplaced.Length)));

    /// <summary>Directory, entries and the footer.</summary>
    public int PageCount => DirectoryPages + EntryPages + 1;

    public int BodyLength => PagesOffset + (PageCount * PageLength);

    public void Append(ByteWriter writer)
    {
        writer.UInt32((uint)PacksCovered.Length).UInt32((uint)SegmentsReplaced.Length)
            .UInt32((uint)DirectoryPages).UInt32((uint)EntryPages).Bytes(Salt);
        foreach (var number in PacksCovered.Concat(SegmentsReplaced))
        {
            writer.UInt32(number);
        }

        writer.Zeros(PagesOffset - FixedLength - (4 * (PacksCovered.Length + SegmentsReplaced.Length)));
    }

    /// <summary>Bytes from the body's start that hold <paramref name="numbers"/> numbers of packs and segments.</summary>
    public static int HeadLength(int numbers) => FixedLength + (4 * numbers);

    /// <summary>Packs covered and segments replaced, from the beginning of a body: all that the server needs to know.</summary>
    public static (uint[] PacksCovered, uint[] SegmentsReplaced) ParseNumbers(ReadOnlySpan<byte> head, int max)
    {
        var reader = new SpanReader(head, What);
        var packs = reader.Count(max);
        var segments = reader.Count(max);
        reader.Bytes(FixedLength - 8);
        var numbers = new uint[packs + segments];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = reader.UInt32();
        }

        return (numbers[..packs], numbers[packs..]);
    }

    public static SegmentLayout Parse(ReadOnlySpan<byte> body)
    {
        var reader = new SpanReader(body, What);
        var packs = reader.Count(Limits.SegmentLengthMax / 4);
        var segments = reader.Count(Limits.SegmentLengthMax / 4);
        var directoryPages = reader.Count(Limits.SegmentLengthMax / PageLength);
        var entryPages = reader.Count(Limits.SegmentLengthMax / PageLength);
        var salt = reader.Bytes(32).ToArray();
        if (((long)packs + segments) * 4 > reader.Remaining)
        {
            throw new MalformedObjectException(What, "truncated");
        }

        var numbers = new uint[packs + segments];
        for (var i = 0; i < numbers.Length; i++)
        {
            numbers[i] = reader.UInt32();
        }

        var layout = new SegmentLayout(numbers[..packs], numbers[packs..], directoryPages, entryPages, salt);
        return layout.BodyLength == body.Length
            ? layout
            : throw new MalformedObjectException(What, $"{layout.BodyLength} bytes expected, {body.Length} found");
    }

    private static int Align(int length) => (length + Limits.Alignment - 1) / Limits.Alignment * Limits.Alignment;
}
