using System.Formats.Cbor;
using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Accounts;

/// <summary>What a statement of the account log says. The bytes of all are fixed; programs act on those they have a use for.</summary>
public enum StatementKind : byte
{
    /// <summary>First of the log: root key, and the public key that session keys are sealed to.</summary>
    Genesis = 1,

    /// <summary>Certifies a computer's signing key and puts it into a trust group.</summary>
    Computer = 2,

    /// <summary>Publishes a keyring slot's public key.</summary>
    SlotAdded = 3,
    SlotRemoved = 4,
    ComputerRevoked = 5,

    /// <summary>A new public key for session keys; the old private key stays in the keyring.</summary>
    AccountKeyRotated = 6,
    GroupCreated = 7,

    /// <summary>Minimum age of what may be evicted, in days.</summary>
    MinimumAge = 8,

    /// <summary>What a computer wrote after a pack is not trusted.</summary>
    Distrust = 9,
    SuiteFloor = 10,

    /// <summary>A person deleted a snapshot: number is the computer, value the sequence.</summary>
    SnapshotDeleted = 11,
}

/// <summary>A numbered, root-signed sentence of the account log. Each names the hash of the one before, so none can be left out.</summary>
/// <remarks>header 64 (sequence from 1) · CBOR map: 0 previous hash · 1 kind · 2 number · 3 key 65 · 4 group · 5 name · 6 value · 7 account key 65, those present · signature 64 by the root.</remarks>
public sealed record Statement
{
    public const int LengthMax = 4096;
    private const string What = "account log statement";

    public required AccountId Account { get; init; }

    public required ulong Sequence { get; init; }

    /// <summary>SHA-256 of the whole statement before this one; zeros for the first.</summary>
    public required ReadOnlyMemory<byte> Previous { get; init; }

    public required StatementKind Kind { get; init; }

    /// <summary>The computer, slot, group or suite spoken of.</summary>
    public uint Number { get; init; }

    /// <summary>Root, signing or slot public key, by kind.</summary>
    public ReadOnlyMemory<byte> Key { get; init; }

    public uint Group { get; init; }

    public string Name { get; init; } = "";

    public ulong Value { get; init; }

    /// <summary>The public key that session keys are sealed to.</summary>
    public ReadOnlyMemory<byte> AccountKey { get; init; }

    public ReadOnlyMemory<byte> Bytes { get; private init; }

    public byte[] Hash => SHA256.HashData(Bytes.Span);

    public Statement Sign(ECDsa root)
    {
        var writer = new ByteWriter();
        new ObjectHeader { Type = ObjectType.LogStatement, Account = Account, Sequence = Sequence }.Write(writer.Reserve(ObjectHeader.Length));
        writer.Bytes(EncodeFields());
        writer.Bytes(Signatures.Sign(root, Signatures.StatementLabel, writer.Written));
        return this with { Bytes = writer.ToArray() };
    }

    public bool IsSignedBy(ReadOnlySpan<byte> root) =>
        Signatures.Verify(root, Signatures.StatementLabel, Bytes.Span[..^Signatures.Length], Bytes.Span[^Signatures.Length..]);

    public static Statement Parse(ReadOnlyMemory<byte> bytes)
    {
        var header = ObjectHeader.Read(bytes.Span);
        if (header.Type != ObjectType.LogStatement || header.Sequence == 0
            || bytes.Length is < ObjectHeader.Length + Signatures.Length or > LengthMax)
        {
            throw new MalformedObjectException(What, "it is not a statement, or of an impossible length");
        }

        return Cbor.Read(bytes[ObjectHeader.Length..^Signatures.Length], What, reader => ReadFields(reader, header, bytes.ToArray()));
    }

    private byte[] EncodeFields()
    {
        var writer = Cbor.Writer();
        writer.WriteStartMap(null);
        writer.WriteInt32(0);
        writer.WriteByteString(Previous.Span);
        writer.WriteInt32(1);
        writer.WriteUInt32((uint)Kind);
        writer.WriteInt32(2);
        writer.WriteUInt32(Number);
        if (!Key.IsEmpty)
        {
            writer.WriteInt32(3);
            writer.WriteByteString(Key.Span);
        }

        writer.WriteInt32(4);
        writer.WriteUInt32(Group);
        writer.WriteInt32(5);
        writer.WriteTextString(Name);
        writer.WriteInt32(6);
        writer.WriteUInt64(Value);
        if (!AccountKey.IsEmpty)
        {
            writer.WriteInt32(7);
            writer.WriteByteString(AccountKey.Span);
        }

        writer.WriteEndMap();
        return writer.Encode();
    }

    private static Statement ReadFields(CborReader reader, ObjectHeader header, byte[] bytes)
    {
        var fields = Cbor.Count(reader.ReadStartMap(), 8, What);
        var statement = new Statement
        {
            Account = header.Account, Sequence = header.Sequence, Previous = default, Kind = default, Bytes = bytes,
        };
        for (var i = 0; i < fields; i++)
        {
            statement = reader.ReadInt32() switch
            {
                0 => statement with { Previous = Cbor.Fixed(reader, 32, What) },
                1 => statement with { Kind = (StatementKind)Math.Min(reader.ReadUInt32(), 255) },
                2 => statement with { Number = reader.ReadUInt32() },
                3 => statement with { Key = Cbor.Fixed(reader, Signatures.PublicKeyLength, What) },
                4 => statement with { Group = reader.ReadUInt32() },
                5 => statement with { Name = Cbor.Text(reader, 255, What) },
                6 => statement with { Value = reader.ReadUInt64() },
                7 => statement with { AccountKey = Cbor.Fixed(reader, Signatures.PublicKeyLength, What) },
                var key => throw new MalformedObjectException(What, $"field {key} is unknown"),
            };
        }

        reader.ReadEndMap();
        var needsKey = statement.Kind is StatementKind.Genesis or StatementKind.Computer or StatementKind.SlotAdded;
        var needsAccountKey = statement.Kind is StatementKind.Genesis or StatementKind.AccountKeyRotated;
        return Enum.IsDefined(statement.Kind) && statement.Previous.Length == 32
            && needsKey != statement.Key.IsEmpty && needsAccountKey != statement.AccountKey.IsEmpty
            ? statement
            : throw new MalformedObjectException(What, $"kind {(byte)statement.Kind} is unknown, or a field is missing");
    }
}
