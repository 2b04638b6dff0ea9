using Holdfast.Format.Objects;
using Holdfast.Format.Packs;

namespace Holdfast.Format.Snapshots;

/// <summary>A page of a snapshot's reference map: which page, the object that holds it, and the SHA-256 of its body.</summary>
public sealed record MapPageReference(uint Index, uint Number, ReadOnlyMemory<byte> Hash)
{
    public const int Size = 40;
}

/// <summary>Another computer's newest head as this computer saw it; a sibling that is shown an older one later notices.</summary>
public sealed record HeadSighting(uint Computer, uint Sequence, ReadOnlyMemory<byte> HeadId)
{
    public const int Size = 40;
}

/// <summary>The body of a snapshot's object: map pages and sightings in plain, then the sealed <see cref="SnapshotBody"/>.</summary>
/// <remarks>u32 pages · u32 sightings · pages × (index u32 · number u32 · hash 32) · sightings × (computer u32 · sequence u32 · head id 32) ·
/// sealed session key (see frame table) · salt 32 · ciphertext and tag.</remarks>
public sealed record SnapshotObject(
    IReadOnlyList<MapPageReference> Pages, IReadOnlyList<HeadSighting> Sightings, SealedSessionKey Key, ReadOnlyMemory<byte> Salt, ReadOnlyMemory<byte> SealedBody)
{
    private const string What = "snapshot";

    public byte[] Encode()
    {
        var writer = new ByteWriter();
        writer.UInt32((uint)Pages.Count).UInt32((uint)Sightings.Count);
        writer.Bytes(EncodePages(Pages)).Bytes(EncodeSightings(Sightings));
        Key.Session.Write(writer.Reserve(SessionId.Length));
        writer.UInt32(Key.Group).UInt32(Key.Computer).Bytes(Key.Encapsulated.Span).Bytes(Key.Ciphertext.Span);
        return writer.Bytes(Salt.Span).Bytes(SealedBody.Span).ToArray();
    }

    /// <summary>The bytes whose SHA-256 is a head's hash of the map's page list.</summary>
    public static byte[] EncodePages(IReadOnlyList<MapPageReference> pages)
    {
        var writer = new ByteWriter();
        foreach (var page in pages)
        {
            writer.UInt32(page.Index).UInt32(page.Number).Bytes(page.Hash.Span);
        }

        return writer.ToArray();
    }

    /// <summary>The bytes whose SHA-256 is a head's hash of its sightings.</summary>
    public static byte[] EncodeSightings(IReadOnlyList<HeadSighting> sightings)
    {
        var writer = new ByteWriter();
        foreach (var sighting in sightings)
        {
            writer.UInt32(sighting.Computer).UInt32(sighting.Sequence).Bytes(sighting.HeadId.Span);
        }

        return writer.ToArray();
    }

    public static SnapshotObject Parse(ReadOnlySpan<byte> body)
    {
        var reader = new SpanReader(body, What);
        var pageCount = reader.Count(Limits.SmallObjectLengthMax / MapPageReference.Size);
        var sightingCount = reader.Count(Limits.SmallObjectLengthMax / HeadSighting.Size);
        if (((long)pageCount * MapPageReference.Size) + ((long)sightingCount * HeadSighting.Size) > reader.Remaining)
        {
            throw new MalformedObjectException(What, "truncated");
        }

        var pages = new MapPageReference[pageCount];
        for (var i = 0; i < pages.Length; i++)
        {
            pages[i] = new MapPageReference(reader.UInt32(), reader.UInt32(), reader.Bytes(32).ToArray());
            if (i > 0 && pages[i].Index <= pages[i - 1].Index)
            {
                throw new MalformedObjectException(What, "map pages are not sorted");
            }
        }

        var sightings = new HeadSighting[sightingCount];
        for (var i = 0; i < sightings.Length; i++)
        {
            sightings[i] = new HeadSighting(reader.UInt32(), reader.UInt32(), reader.Bytes(32).ToArray());
        }

        var key = new SealedSessionKey(new SessionId(reader.Bytes(SessionId.Length)), reader.UInt32(), reader.UInt32(),
            reader.Bytes(SealedSessionKey.EncapsulatedLength).ToArray(), reader.Bytes(SealedSessionKey.CiphertextLength).ToArray());
        var salt = reader.Bytes(FrameRow.SaltLength).ToArray();
        if (reader.Remaining == 0 || reader.Remaining % Limits.Alignment != 0)
        {
            throw new MalformedObjectException(What, "its sealed body is truncated");
        }

        return new SnapshotObject(pages, sightings, key, salt, reader.Bytes(reader.Remaining).ToArray());
    }
}
