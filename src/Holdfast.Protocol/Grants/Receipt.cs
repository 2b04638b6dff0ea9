using System.Security.Cryptography;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>A pod's signed word that an object is durable, and what it found in it.</summary>
/// <remarks>
/// 192 bytes and a signature of 64: 0 version u8 · 1 object type u8 · 2 kind u8 · 3 zero · 4 computer u32 · 8 account 16 · 24 name u64 ·
/// 32 length u64 · 40 offset of the tables u64 · 48 frames u32 · 52 group u32 · 56 checksum 32 · 88 the object's own signature 64 · 152 zeros 40.
/// </remarks>
public sealed record Receipt
{
    private const int UnsignedLength = 192;
    private const string What = "receipt";
    private const byte Version = 1;

    public required ObjectType Type { get; init; }

    public byte Kind { get; init; }

    public required AccountId Account { get; init; }

    public required ulong Name { get; init; }

    public uint Computer { get; init; }

    public uint Group { get; init; }

    public required long Length { get; init; }

    /// <summary>Packs: where frame table and blob table begin.</summary>
    public long TablesOffset { get; init; }

    public int Frames { get; init; }

    /// <summary>The checksum that the object carries, and its writer signed.</summary>
    public required ReadOnlyMemory<byte> Checksum { get; init; }

    /// <summary>The writer's signature; who may write is for the authority to judge.</summary>
    public required ReadOnlyMemory<byte> ObjectSignature { get; init; }

    private static ReadOnlySpan<byte> Label => "holdfast receipt v1\0"u8;

    public byte[] Sign(ECDsa podKey)
    {
        var writer = new ByteWriter(UnsignedLength + Signatures.Length)
            .Byte(Version).Byte((byte)Type).Byte(Kind).Byte(0).UInt32(Computer);
        Account.Write(writer.Reserve(AccountId.Length));
        writer.UInt64(Name).Int64(Length).Int64(TablesOffset).UInt32((uint)Frames).UInt32(Group).Bytes(Checksum.Span).Bytes(ObjectSignature.Span).Zeros(40);
        writer.Bytes(Signatures.Sign(podKey, Label, writer.Written));
        return writer.ToArray();
    }

    /// <summary>Reads a receipt that one of the pods signed; null if it is forged.</summary>
    public static Receipt? TryVerify(ReadOnlySpan<byte> bytes, IReadOnlyList<ECDsa> podKeys)
    {
        if (bytes.Length != UnsignedLength + Signatures.Length)
        {
            return null;
        }

        foreach (var key in podKeys)
        {
            if (Signatures.Verify(key, Label, bytes[..UnsignedLength], bytes[UnsignedLength..]))
            {
                return Parse(bytes);
            }
        }

        return null;
    }

    /// <summary>Reads a receipt without checking who signed it.</summary>
    public static Receipt Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new SpanReader(bytes, What);
        if (reader.Byte() != Version)
        {
            throw new MalformedObjectException(What, "its version is unknown");
        }

        var type = (ObjectType)reader.Byte();
        var kind = reader.Byte();
        reader.Zeros(1);
        var computer = reader.UInt32();
        var account = new AccountId(reader.Bytes(AccountId.Length));
        var name = reader.UInt64();
        var length = reader.Int64();
        var tablesOffset = reader.Int64();
        var frames = reader.Count(Limits.FramesPerPackMax);
        return new Receipt
        {
            Type = type,
            Kind = kind,
            Computer = computer,
            Account = account,
            Name = name,
            Length = length,
            TablesOffset = tablesOffset,
            Frames = frames,
            Group = reader.UInt32(),
            Checksum = reader.Bytes(32).ToArray(),
            ObjectSignature = reader.Bytes(Signatures.Length).ToArray(),
        };
    }
}
