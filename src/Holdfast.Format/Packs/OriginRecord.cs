using Holdfast.Format.Objects;

namespace Holdfast.Format.Packs;

/// <summary>A pack's header, tables and signature, kept word for word where its frames were copied: they prove frames that have moved.</summary>
/// <remarks>u32 length · header 64 · u32 frame table length · frame table · u32 blob table length · sealed blob table · checksum 32 · signature 64.</remarks>
public sealed class OriginRecord
{
    private const string What = "origin record";

    private OriginRecord(ObjectHeader header, ReadOnlyMemory<byte> headerBytes, FrameTable frames, ReadOnlyMemory<byte> frameTableBytes,
        ReadOnlyMemory<byte> sealedBlobTable, ReadOnlyMemory<byte> checksum, ReadOnlyMemory<byte> signature)
    {
        Header = header;
        HeaderBytes = headerBytes;
        Frames = frames;
        FrameTableBytes = frameTableBytes;
        SealedBlobTable = sealedBlobTable;
        Checksum = checksum;
        Signature = signature;
    }

    public ObjectHeader Header { get; }

    public ReadOnlyMemory<byte> HeaderBytes { get; }

    public FrameTable Frames { get; }

    public ReadOnlyMemory<byte> FrameTableBytes { get; }

    public ReadOnlyMemory<byte> SealedBlobTable { get; }

    public ReadOnlyMemory<byte> Checksum { get; }

    public ReadOnlyMemory<byte> Signature { get; }

    public bool IsSignedBy(ReadOnlySpan<byte> publicKey) =>
        Signatures.Verify(publicKey, Signatures.PackLabel, Checksum.Span, Signature.Span);

    /// <summary>The record of a client's pack.</summary>
    public static OriginRecord Of(PackTables pack) => new(
        pack.Header, pack.HeaderBytes, pack.FrameTable, pack.FrameTableBytes, pack.SealedBlobTable,
        pack.Trailer.Checksum, pack.Trailer.Signature);

    public void Append(ByteWriter writer)
    {
        var length = ObjectHeader.Length + 4 + FrameTableBytes.Length + 4 + SealedBlobTable.Length + 32 + Signatures.Length;
        writer.UInt32((uint)length).Bytes(HeaderBytes.Span)
            .UInt32((uint)FrameTableBytes.Length).Bytes(FrameTableBytes.Span)
            .UInt32((uint)SealedBlobTable.Length).Bytes(SealedBlobTable.Span)
            .Bytes(Checksum.Span).Bytes(Signature.Span);
    }

    public static List<OriginRecord> ParseAll(ReadOnlyMemory<byte> bytes, ObjectHeader pack)
    {
        var records = new List<OriginRecord>();
        while (!bytes.IsEmpty)
        {
            var reader = new SpanReader(bytes.Span, What);
            var length = reader.Count(Limits.PackLengthMax);
            reader.Bytes(length);
            var record = Parse(bytes.Slice(4, length));
            if (record.Header.Account != pack.Account)
            {
                throw new MalformedObjectException(What, "it is of another account");
            }

            records.Add(record);
            bytes = bytes[(4 + length)..];
        }

        return records;
    }

    /// <summary>True if this record's signed table has the frame under the same session key, salt and hash.</summary>
    internal bool Vouches(FrameRow frame, List<SealedSessionKey> sessions)
    {
        if (frame.Origin.Number != Header.Number || frame.Origin.Slot >= Frames.Frames.Count)
        {
            return false;
        }

        var origin = Frames.Frames[(int)frame.Origin.Slot];
        return origin.Kind == frame.Kind && origin.Length == frame.Length
            && origin.Salt.Span.SequenceEqual(frame.Salt.Span) && origin.Hash.Span.SequenceEqual(frame.Hash.Span)
            && SameKey(Frames.Sessions[origin.Session], sessions[frame.Session]);
    }

    private static bool SameKey(SealedSessionKey a, SealedSessionKey b) =>
        a.Session == b.Session && a.Group == b.Group && a.Computer == b.Computer
        && a.Encapsulated.Span.SequenceEqual(b.Encapsulated.Span) && a.Ciphertext.Span.SequenceEqual(b.Ciphertext.Span);

    private static OriginRecord Parse(ReadOnlyMemory<byte> bytes)
    {
        var reader = new SpanReader(bytes.Span, What);
        var headerBytes = bytes[..Math.Min(ObjectHeader.Length, bytes.Length)];
        var header = ObjectHeader.Read(reader.Bytes(ObjectHeader.Length));
        if (header is not { Type: ObjectType.Pack, Kind: 1 })
        {
            throw new MalformedObjectException(What, "it is not of a client's pack");
        }

        var frameTable = Take(bytes, ref reader);
        var blobTable = Take(bytes, ref reader);
        var checksum = reader.Bytes(32).ToArray();
        var signature = reader.Bytes(Signatures.Length).ToArray();
        reader.End();
        Span<byte> computed = stackalloc byte[32];
        PackTables.Checksum(headerBytes.Span, frameTable.Span, blobTable.Span, [], computed);
        if (!computed.SequenceEqual(checksum))
        {
            throw new MalformedObjectException(What, "its checksum does not match");
        }

        return new OriginRecord(header, headerBytes, FrameTable.Parse(frameTable, Limits.PackLengthMax), frameTable, blobTable, checksum, signature);
    }

    private static ReadOnlyMemory<byte> Take(ReadOnlyMemory<byte> bytes, ref SpanReader reader)
    {
        var length = reader.Count(Limits.PackLengthMax);
        var start = bytes.Length - reader.Remaining;
        reader.Bytes(length);
        return bytes.Slice(start, length);
    }
}
