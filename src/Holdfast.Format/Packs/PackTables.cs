using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Packs;

/// <summary>A pack's header and tables, read and proved consistent by their checksum: all that is needed to place and verify its frames.</summary>
public sealed class PackTables
{
    private PackTables(ObjectHeader header, ReadOnlyMemory<byte> headerBytes, PackTrailer trailer, FrameTable frameTable, ReadOnlyMemory<byte> frameTableBytes,
        ReadOnlyMemory<byte> sealedBlobTable, IReadOnlyList<OriginRecord> origins)
    {
        Header = header;
        HeaderBytes = headerBytes;
        Trailer = trailer;
        FrameTable = frameTable;
        FrameTableBytes = frameTableBytes;
        SealedBlobTable = sealedBlobTable;
        Origins = origins;
    }

    public ObjectHeader Header { get; }

    public ReadOnlyMemory<byte> HeaderBytes { get; }

    public PackTrailer Trailer { get; }

    public FrameTable FrameTable { get; }

    public ReadOnlyMemory<byte> FrameTableBytes { get; }

    /// <summary>Salt and ciphertext; empty in a pack made by compaction.</summary>
    public ReadOnlyMemory<byte> SealedBlobTable { get; }

    /// <summary>Packs made by compaction: the signed records of the packs whose frames they carry. Otherwise empty.</summary>
    public IReadOnlyList<OriginRecord> Origins { get; }

    /// <summary>Reads the tail of a pack of <paramref name="packLength"/> bytes (a copy of the header stands before the tables); one that is too short is an error naming the length needed.</summary>
    public static PackTables Parse(ReadOnlyMemory<byte> tail, long packLength)
    {
        var trailer = PackTrailer.Parse(tail, packLength);
        if (tail.Length < trailer.TailLength)
        {
            throw new MalformedObjectException("pack", $"its last {trailer.TailLength} bytes are needed");
        }

        var headerBytes = tail[^trailer.TailLength..][..ObjectHeader.Length];
        var header = ObjectHeader.Read(headerBytes.Span);
        if (header.Type != ObjectType.Pack)
        {
            throw new MalformedObjectException("pack", $"it is a {header.Type}");
        }

        var tables = tail[^(trailer.TailLength - ObjectHeader.Length)..];
        var frameTableBytes = tables[..trailer.FrameTableLength];
        var blobTable = tables.Slice(trailer.FrameTableLength, trailer.BlobTableLength);
        var records = tables.Slice(trailer.FrameTableLength + trailer.BlobTableLength, trailer.OriginRecordsLength);
        Span<byte> checksum = stackalloc byte[32];
        Checksum(headerBytes.Span, frameTableBytes.Span, blobTable.Span, records.Span, checksum);
        if (!checksum.SequenceEqual(trailer.Checksum.Span))
        {
            throw new MalformedObjectException("pack", "the checksum of its tables does not match: it is damaged");
        }

        var frameTable = FrameTable.Parse(frameTableBytes, packLength - trailer.TailLength);
        if (header.Kind == 1 ? !records.IsEmpty : !blobTable.IsEmpty)
        {
            throw new MalformedObjectException("pack", "it has tables that its kind has not");
        }

        var origins = header.Kind == 2 ? OriginRecord.ParseAll(records, header) : [];
        var parsed = new PackTables(header, headerBytes, trailer, frameTable, frameTableBytes, blobTable, origins);
        parsed.CheckOrigins();
        return parsed;
    }

    /// <summary>Reads the tables of a whole pack held in memory.</summary>
    public static PackTables Parse(ReadOnlyMemory<byte> pack)
    {
        var tables = Parse(pack, pack.Length);
        return pack.Span.StartsWith(tables.HeaderBytes.Span) ? tables : throw new MalformedObjectException("pack", "its header is not the one before its tables");
    }

    /// <summary>True if the computer of the header signed these tables.</summary>
    public bool IsSignedBy(ReadOnlySpan<byte> publicKey) =>
        Signatures.Verify(publicKey, Signatures.PackLabel, Trailer.Checksum.Span, Trailer.Signature.Span);

    /// <summary>Hashes every frame of a whole pack; the address of the first that differs from its row, or null if all match.</summary>
    public Address? FirstDamagedFrame(ReadOnlySpan<byte> pack)
    {
        Span<byte> hash = stackalloc byte[32];
        foreach (var frame in FrameTable.Frames)
        {
            SHA256.HashData(pack.Slice((int)frame.Offset, frame.Length), hash);
            if (!hash.SequenceEqual(frame.Hash.Span))
            {
                return frame.Origin;
            }
        }

        return null;
    }

    /// <summary>SHA-256(header ‖ frame table ‖ sealed blob table ‖ origin records); the last is empty in a client's pack.</summary>
    public static void Checksum(ReadOnlySpan<byte> header, ReadOnlySpan<byte> frameTable, ReadOnlySpan<byte> blobTable, ReadOnlySpan<byte> records, Span<byte> destination)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(header[..ObjectHeader.Length]);
        hash.AppendData(frameTable);
        hash.AppendData(blobTable);
        hash.AppendData(records);
        hash.GetHashAndReset(destination);
    }

    /// <summary>A client's pack holds its own frames, numbered as they lie; every frame of a compacted one matches a signed row of its origin.</summary>
    private void CheckOrigins()
    {
        for (var i = 0; i < FrameTable.Frames.Count; i++)
        {
            var frame = FrameTable.Frames[i];
            var legal = Header.Kind == 1
                ? frame.Origin == new Address(Header.Number, (uint)i)
                : Origins.Any(record => record.Vouches(frame, FrameTable.Sessions));
            if (!legal)
            {
                throw new MalformedObjectException("pack", $"frame {frame.Origin} is not from where its row says");
            }
        }
    }
}
