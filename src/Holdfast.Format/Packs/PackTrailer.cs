using Holdfast.Format.Objects;

namespace Holdfast.Format.Packs;

/// <summary>The last 120 bytes of a pack: lengths of its tables, checksum and signature. Reading a pack starts here.</summary>
/// <remarks>0 frame table length u32 · 4 sealed blob table length u32 · 8 origin records length u32 · 12 zero u32 · 16 checksum 32 · 48 signature 64 · 112 magic "HOLDPACK".</remarks>
public sealed record PackTrailer(int FrameTableLength, int BlobTableLength, int OriginRecordsLength, ReadOnlyMemory<byte> Checksum, ReadOnlyMemory<byte> Signature)
{
    public const int Length = 120;

    private static ReadOnlySpan<byte> Magic => "HOLDPACK"u8;

    /// <summary>Bytes of the header's copy, all tables and this trailer: what a reader fetches from the end of the pack.</summary>
    public int TailLength => ObjectHeader.Length + FrameTableLength + BlobTableLength + OriginRecordsLength + Length;

    public void Write(Span<byte> destination)
    {
        var writer = new ByteWriter(Length)
            .UInt32((uint)FrameTableLength).UInt32((uint)BlobTableLength).UInt32((uint)OriginRecordsLength).UInt32(0)
            .Bytes(Checksum.Span).Bytes(Signature.Span).Bytes(Magic);
        writer.Written.CopyTo(destination);
    }

    /// <summary>Reads the trailer off the end of <paramref name="tail"/>, of a pack of <paramref name="packLength"/> bytes.</summary>
    public static PackTrailer Parse(ReadOnlyMemory<byte> tail, long packLength)
    {
        const string what = "pack trailer";
        if (tail.Length < Length || packLength > Limits.PackLengthMax)
        {
            throw new MalformedObjectException(what, "the pack is truncated or too long");
        }

        var bytes = tail[^Length..];
        var reader = new SpanReader(bytes.Span, what);
        var lengths = (reader.Count(Limits.PackLengthMax), reader.Count(Limits.PackLengthMax), reader.Count(Limits.PackLengthMax));
        reader.Zeros(4);
        if (!bytes.Span[^8..].SequenceEqual(Magic))
        {
            throw new MalformedObjectException(what, "the pack is truncated or damaged at its end");
        }

        var trailer = new PackTrailer(lengths.Item1, lengths.Item2, lengths.Item3, bytes.Slice(16, 32), bytes.Slice(48, Signatures.Length));
        return (long)lengths.Item1 + lengths.Item2 + lengths.Item3 + Length + ObjectHeader.Length + Limits.Alignment <= packLength
            ? trailer
            : throw new MalformedObjectException(what, "its tables are longer than the pack");
    }
}
