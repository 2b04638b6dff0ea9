using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Snapshots;

/// <summary>A link in a computer's chain of snapshots, kept for ever, so that a forged, hidden or rolled-back snapshot is noticed (format rule 14).</summary>
/// <remarks>
/// header 64 (computer, sequence from 1, number 0) · 64 previous head id 32 · 96 snapshot's number u32 · 100 zero u32 · 104 SHA-256 of the snapshot's object 32 ·
/// 136 SHA-256 of its page list 32 · 168 client time i64, nanoseconds since 1970 · 176 SHA-256 of its sightings 32 · 208 signature 64. 272 bytes.
/// </remarks>
public sealed record Head
{
    public const int Length = 272;
    private const int UnsignedLength = Length - Signatures.Length;
    private const string What = "head";

    public required AccountId Account { get; init; }

    public required uint Group { get; init; }

    public required uint Computer { get; init; }

    /// <summary>1 for a computer's first snapshot, then one more for each.</summary>
    public required uint Sequence { get; init; }

    /// <summary>Id of the computer's head before this one; 32 zero bytes for the first.</summary>
    public required ReadOnlyMemory<byte> Previous { get; init; }

    public required uint SnapshotNumber { get; init; }

    public required ReadOnlyMemory<byte> SnapshotHash { get; init; }

    public required ReadOnlyMemory<byte> PageListHash { get; init; }

    public required long TimeNanoseconds { get; init; }

    public required ReadOnlyMemory<byte> SightingsHash { get; init; }

    /// <summary>The whole head as it is stored.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private init; }

    /// <summary>SHA-256 of the unsigned bytes; the commit's idempotency key.</summary>
    public byte[] Id => SHA256.HashData(Bytes.Span[..UnsignedLength]);

    public Head Sign(ECDsa key)
    {
        var bytes = new byte[Length];
        new ObjectHeader { Type = ObjectType.Head, Account = Account, Group = Group, Computer = Computer, Sequence = Sequence }.Write(bytes);
        var writer = new ByteWriter(UnsignedLength).Bytes(Previous.Span).UInt32(SnapshotNumber).UInt32(0).Bytes(SnapshotHash.Span)
            .Bytes(PageListHash.Span).Int64(TimeNanoseconds).Bytes(SightingsHash.Span);
        writer.Written.CopyTo(bytes.AsSpan(ObjectHeader.Length));
        Signatures.Sign(key, Signatures.HeadLabel, bytes.AsSpan(0, UnsignedLength)).CopyTo(bytes, UnsignedLength);
        return this with { Bytes = bytes };
    }

    public bool IsSignedBy(ReadOnlySpan<byte> publicKey) =>
        Signatures.Verify(publicKey, Signatures.HeadLabel, Bytes.Span[..UnsignedLength], Bytes.Span[UnsignedLength..]);

    public static Head Parse(ReadOnlyMemory<byte> bytes)
    {
        var header = ObjectHeader.Read(bytes.Span);
        if (header.Type != ObjectType.Head || bytes.Length != Length || header.Sequence is 0 or > uint.MaxValue || header.Number != 0
            || header.Session != default)
        {
            throw new MalformedObjectException(What, "it is not a head, or of the wrong length");
        }

        var reader = new SpanReader(bytes.Span[ObjectHeader.Length..UnsignedLength], What);
        var previous = reader.Bytes(32).ToArray();
        var number = reader.UInt32();
        reader.Zeros(4);
        var head = new Head
        {
            Account = header.Account,
            Group = header.Group,
            Computer = header.Computer,
            Sequence = (uint)header.Sequence,
            Previous = previous,
            SnapshotNumber = number,
            SnapshotHash = reader.Bytes(32).ToArray(),
            PageListHash = reader.Bytes(32).ToArray(),
            TimeNanoseconds = reader.Int64(),
            SightingsHash = reader.Bytes(32).ToArray(),
            Bytes = bytes.ToArray(),
        };
        return (head.Sequence == 1) == !previous.AsSpan().ContainsAnyExcept((byte)0)
            ? head
            : throw new MalformedObjectException(What, "only the first of a chain has no head before it");
    }
}
