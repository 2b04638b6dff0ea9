using Holdfast.Format.Objects;

namespace Holdfast.Format.Packs;

/// <summary>A session key as it travels: sealed by HPKE to the account's public key (enc 65 bytes, ciphertext and tag 48 bytes).</summary>
public sealed record SealedSessionKey(SessionId Session, uint Group, uint Computer, ReadOnlyMemory<byte> Encapsulated, ReadOnlyMemory<byte> Ciphertext)
{
    public const int EncapsulatedLength = 65;
    public const int CiphertextLength = 48;
    public const int Size = SessionId.Length + 8 + EncapsulatedLength + CiphertextLength;
}

/// <summary>What a frame holds; trees lie apart from data, so that browsing reads little.</summary>
public enum FrameKind : byte
{
    Data = 1,
    Tree = 2,
}

/// <summary>One frame of a pack: its permanent address, where it lies in this pack (bytes) and the SHA-256 of its sealed bytes.</summary>
public sealed record FrameRow(
    Address Origin, int Session, FrameKind Kind, long Offset, int Length, ReadOnlyMemory<byte> Salt, ReadOnlyMemory<byte> Hash)
{
    public const int Size = 84;
    public const int SaltLength = 32;
    public const int HashLength = 32;

    public SealedType SealedType => Kind == FrameKind.Tree ? SealedType.TreeFrame : SealedType.DataFrame;
}

/// <summary>The plaintext table of a pack: the sealed session keys used, and its frames. The server reads it and learns no blob id or size.</summary>
/// <remarks>
/// u32 sessions · sessions × (session 16 · group u32 · computer u32 · enc 65 · ciphertext 48) · u32 frames · frames × (origin number u32 ·
/// origin slot u32 · session u16 · kind u8 · zero u8 · offset u32 and length u32 in units of 4,096 · salt 32 · SHA-256 32).
/// </remarks>
public sealed class FrameTable
{
    private const string What = "frame table";

    public List<SealedSessionKey> Sessions { get; init; } = [];

    public List<FrameRow> Frames { get; init; } = [];

    public byte[] Encode()
    {
        var writer = new ByteWriter(8 + (Sessions.Count * SealedSessionKey.Size) + (Frames.Count * FrameRow.Size));
        writer.UInt32((uint)Sessions.Count);
        foreach (var session in Sessions)
        {
            session.Session.Write(writer.Reserve(SessionId.Length));
            writer.UInt32(session.Group).UInt32(session.Computer).Bytes(session.Encapsulated.Span).Bytes(session.Ciphertext.Span);
        }

        writer.UInt32((uint)Frames.Count);
        foreach (var frame in Frames)
        {
            writer.UInt32(frame.Origin.Number).UInt32(frame.Origin.Slot).UInt16((ushort)frame.Session).Byte((byte)frame.Kind).Byte(0)
                .UInt32((uint)(frame.Offset / Limits.Alignment)).UInt32((uint)(frame.Length / Limits.Alignment))
                .Bytes(frame.Salt.Span).Bytes(frame.Hash.Span);
        }

        return writer.ToArray();
    }

    /// <summary>Reads a table; every row must lie inside <paramref name="framesEnd"/> bytes, in order and without overlap.</summary>
    public static FrameTable Parse(ReadOnlyMemory<byte> bytes, long framesEnd)
    {
        var reader = new SpanReader(bytes.Span, What);
        var sessions = new List<SealedSessionKey>(reader.Count(Limits.SessionKeysPerPackMax));
        for (var i = 0; i < sessions.Capacity; i++)
        {
            sessions.Add(new SealedSessionKey(new SessionId(reader.Bytes(SessionId.Length)), reader.UInt32(), reader.UInt32(),
                reader.Bytes(SealedSessionKey.EncapsulatedLength).ToArray(), reader.Bytes(SealedSessionKey.CiphertextLength).ToArray()));
        }

        var count = reader.Count(Limits.FramesPerPackMax);
        if (reader.Remaining != count * FrameRow.Size)
        {
            throw new MalformedObjectException(What, $"{count} frames do not fit its length");
        }

        var frames = new List<FrameRow>(count);
        long end = Limits.Alignment;
        for (var i = 0; i < count; i++)
        {
            var row = ReadRow(bytes.Slice(bytes.Length - reader.Remaining, FrameRow.Size));
            reader.Bytes(FrameRow.Size);
            if (row.Session >= sessions.Count || row.Offset < end || row.Offset + row.Length > framesEnd)
            {
                throw new MalformedObjectException(What, $"frame {i} is out of place");
            }

            end = row.Offset + row.Length;
            frames.Add(row);
        }

        reader.End();
        return new FrameTable { Sessions = sessions, Frames = frames };
    }

    private static FrameRow ReadRow(ReadOnlyMemory<byte> bytes)
    {
        var reader = new SpanReader(bytes.Span, What);
        var origin = new Address(reader.UInt32(), reader.UInt32());
        var session = reader.UInt16();
        var kind = (FrameKind)reader.Byte();
        reader.Zeros(1);
        var offset = (long)reader.UInt32() * Limits.Alignment;
        var length = (long)reader.UInt32() * Limits.Alignment;
        if (kind is not (FrameKind.Data or FrameKind.Tree) || origin.Slot >= Limits.FramesPerPackMax
            || length is < Limits.Alignment or > Limits.FrameLengthMax + (2 * Limits.Alignment))
        {
            throw new MalformedObjectException(What, $"frame {origin} has an unknown kind or an illegal length");
        }

        return new FrameRow(origin, session, kind, offset, (int)length, bytes.Slice(20, FrameRow.SaltLength), bytes.Slice(52, FrameRow.HashLength));
    }
}
