using System.Buffers.Binary;

namespace Holdfast.Format.Objects;

/// <summary>The first 64 bytes of every object on a pod.</summary>
/// <remarks>
/// 0 magic "HOLDFAST" · 8 version · 9 suite · 10 type · 11 kind · 12 number u32 · 16 account · 32 group u32 · 36 computer u32 ·
/// 40 session · 56 sequence u64. Little-endian.
/// </remarks>
public sealed record ObjectHeader
{
    public const int Length = 64;
    public const byte CurrentVersion = 1;

    /// <summary>P-256, HKDF-SHA256, AES-256-GCM, HMAC-SHA256, zstd.</summary>
    public const byte CurrentSuite = 1;

    public static ReadOnlySpan<byte> Magic => "HOLDFAST"u8;

    public byte Version { get; init; } = CurrentVersion;

    public byte Suite { get; init; } = CurrentSuite;

    public required ObjectType Type { get; init; }

    /// <summary>Packs: 1 written by a client, 2 made by compaction. Otherwise 0.</summary>
    public byte Kind { get; init; }

    /// <summary>From the account's counter; 0 for heads, log statements and keyrings; of a self-backup, which one.</summary>
    public uint Number { get; init; }

    public required AccountId Account { get; init; }

    public uint Group { get; init; }

    /// <summary>The computer that wrote it; 0 for what the root key writes.</summary>
    public uint Computer { get; init; }

    public SessionId Session { get; init; }

    /// <summary>Heads and log statements: their place in the chain; keyrings: their version; self-backups: the part. Otherwise 0.</summary>
    public ulong Sequence { get; init; }

    /// <summary>The number that names the object on a pod, unique within account and type.</summary>
    public ulong Name => Type switch
    {
        ObjectType.Head => ((ulong)Computer << 32) | (uint)Sequence,
        ObjectType.LogStatement or ObjectType.Keyring => Sequence,
        ObjectType.SelfBackup => ((ulong)Number << 32) | (uint)Sequence,
        _ => Number,
    };

    public void Write(Span<byte> destination)
    {
        destination[..Length].Clear();
        Magic.CopyTo(destination);
        destination[8] = Version;
        destination[9] = Suite;
        destination[10] = (byte)Type;
        destination[11] = Kind;
        BinaryPrimitives.WriteUInt32LittleEndian(destination[12..], Number);
        Account.Write(destination[16..]);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[32..], Group);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[36..], Computer);
        Session.Write(destination[40..]);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[56..], Sequence);
    }

    /// <summary>Reads a header; unknown versions, suites and types are refused before anything else is looked at.</summary>
    public static ObjectHeader Read(ReadOnlySpan<byte> bytes)
    {
        var reader = new SpanReader(bytes.Length > Length ? bytes[..Length] : bytes, "object header");
        if (!reader.Bytes(8).SequenceEqual(Magic))
        {
            throw new MalformedObjectException("object header", "it does not begin with HOLDFAST");
        }

        var version = reader.Byte();
        var suite = reader.Byte();
        if (version != CurrentVersion || suite != CurrentSuite)
        {
            throw new MalformedObjectException("object header",
                $"version {version}, suite {suite}; this program knows version {CurrentVersion}, suite {CurrentSuite}: use a newer Holdfast")
            {
                IsNewer = version > CurrentVersion || suite > CurrentSuite,
            };
        }

        var type = (ObjectType)reader.Byte();
        var kind = reader.Byte();
        if (!Enum.IsDefined(type) || (type == ObjectType.Pack ? kind is not (1 or 2) : kind != 0))
        {
            throw new MalformedObjectException("object header", $"type {(byte)type} of kind {kind} is unknown");
        }

        return new ObjectHeader
        {
            Type = type,
            Kind = kind,
            Number = reader.UInt32(),
            Account = new AccountId(reader.Bytes(AccountId.Length)),
            Group = reader.UInt32(),
            Computer = reader.UInt32(),
            Session = new SessionId(reader.Bytes(SessionId.Length)),
            Sequence = reader.UInt64(),
        };
    }

    /// <summary>Associated data of everything sealed in this object: version, suite, account, group, type and address (31 bytes).</summary>
    public static byte[] AssociatedData(AccountId account, uint group, SealedType type, Address address)
    {
        var data = new byte[31];
        data[0] = CurrentVersion;
        data[1] = CurrentSuite;
        account.Write(data.AsSpan(2));
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(18), group);
        data[22] = (byte)type;
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(23), address.Number);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(27), address.Slot);
        return data;
    }
}
