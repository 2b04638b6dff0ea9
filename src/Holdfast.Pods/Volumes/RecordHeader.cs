using System.Buffers.Binary;
using System.IO.Hashing;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Volumes;

/// <summary>What a record says.</summary>
internal enum RecordType : byte
{
    Object = 1,

    /// <summary>Marks an object for deletion.</summary>
    Condemned = 2,

    /// <summary>Takes the mark away.</summary>
    Revived = 3,

    /// <summary>The object is gone.</summary>
    Deleted = 4,

    /// <summary>The contents of a sealed extent.</summary>
    Contents = 5,

    /// <summary>An account is closed: nothing of it is here any more, whatever its sequence.</summary>
    Closed = 6,

    /// <summary>What was an object, deleted for good: its shards are zeros, and only where it lay is left.</summary>
    Wiped = 7,
}

/// <summary>Begins every record of an extent: of which object, and the checksums of this drive's shard of it.</summary>
/// <remarks>
/// 0 magic "HFRECORD" · 8 version u8 (2 for closed and wiped: an older program must not take zeros for an object) · 9 type u8 · 10 shard u8 · 11 space u8 · 12 volume u32 · 16 generation 16 · 32 account 16 · 48 name u64 · 56 sequence u64 ·
/// 64 time i64 (seconds) · 72 object length u64 · 80 shard length u32 · 84 data offset u32 · 88 blocks u32 · 92 zeros 4 · 96 XxHash128 of the object ·
/// 112 XxHash128 of bytes 0–111 and the block checksums · 128 block checksums u64: XxHash3 of 64 KiB, seeded with sequence, shard and number.
/// The shard begins at the data offset from the record's start. What is in the wrong place, of another time or torn fails a checksum.
/// </remarks>
internal sealed record RecordHeader
{
    public const int FixedLength = 128;

    /// <summary>An index segment of 128 MiB, not coded, has 2,048 blocks.</summary>
    public const int LengthMax = FixedLength + (BlocksMax * 8);

    private const int BlocksMax = (Limits.SegmentLengthMax / VolumeLayout.BlockLength) + 1;

    /// <summary>Records up to this lie in one piece; behind longer headers the shard is aligned.</summary>
    private const int InlineLengthMax = 32 << 10;

    private static readonly byte[] _zeros = new byte[VolumeLayout.BlockLength];

    public required RecordType Type { get; init; }

    public int Shard { get; init; }

    public required ObjectName Name { get; init; }

    public required uint Volume { get; init; }

    public required Guid Generation { get; init; }

    /// <summary>Rises with every record of the set: of two that contradict each other, the later counts.</summary>
    public required ulong Sequence { get; init; }

    public required DateTimeOffset Time { get; init; }

    public long ObjectLength { get; init; }

    public int ShardLength { get; init; }

    public UInt128 ObjectHash { get; init; }

    /// <summary>One for each block of the shard.</summary>
    public IReadOnlyList<ulong> BlockHashes { get; init; } = [];

    public int DataOffset => DataOffsetOf(ShardLength);

    /// <summary>Bytes from this record to the next.</summary>
    public int RecordLength => RecordLengthOf(ShardLength);

    private byte Version => VersionOf(Type);

    private static ReadOnlySpan<byte> Magic => "HFRECORD"u8;

    private static byte VersionOf(RecordType type) => type >= RecordType.Closed ? (byte)2 : (byte)1;

    public static int DataOffsetOf(int shardLength)
    {
        var header = FixedLength + (8 * VolumeLayout.Blocks(shardLength));
        return header + shardLength <= InlineLengthMax ? header : VolumeLayout.Align(header);
    }

    public static int RecordLengthOf(int shardLength) => VolumeLayout.Align(DataOffsetOf(shardLength) + shardLength);

    public static ulong HashBlock(ReadOnlySpan<byte> block, ulong sequence, int shard, int number) =>
        XxHash3.HashToUInt64(block, (long)((sequence << 24) ^ ((ulong)shard << 16) ^ (uint)number));

    /// <summary>The checksums of a shard.</summary>
    public static ulong[] HashBlocks(ReadOnlySpan<byte> shard, ulong sequence, int number)
    {
        var hashes = new ulong[VolumeLayout.Blocks(shard.Length)];
        for (var block = 0; block < hashes.Length; block++)
        {
            var start = block * VolumeLayout.BlockLength;
            hashes[block] = HashBlock(shard.Slice(start, Math.Min(VolumeLayout.BlockLength, shard.Length - start)), sequence, number, block);
        }

        return hashes;
    }

    /// <summary>The checksums of a shard of zeros.</summary>
    public static ulong[] HashZeros(int shardLength, ulong sequence, int number)
    {
        var hashes = new ulong[VolumeLayout.Blocks(shardLength)];
        for (var block = 0; block < hashes.Length; block++)
        {
            hashes[block] = HashBlock(_zeros.AsSpan(0, Math.Min(VolumeLayout.BlockLength, shardLength - (block * VolumeLayout.BlockLength))), sequence, number, block);
        }

        return hashes;
    }

    /// <summary>True if these bytes of the shard, whole blocks from <paramref name="firstBlock"/> on, have the checksums that the header names.</summary>
    public bool IsWhole(ReadOnlySpan<byte> blocks, int firstBlock)
    {
        for (var at = 0; at < blocks.Length; at += VolumeLayout.BlockLength)
        {
            var number = firstBlock + (at / VolumeLayout.BlockLength);
            if (HashBlock(blocks.Slice(at, Math.Min(VolumeLayout.BlockLength, blocks.Length - at)), Sequence, Shard, number) != BlockHashes[number])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Writes the header; the destination's first <see cref="DataOffset"/> bytes are taken.</summary>
    public void Write(Span<byte> destination)
    {
        var writer = new ByteWriter(FixedLength).Bytes(Magic).Byte(Version).Byte((byte)Type).Byte((byte)Shard).Byte((byte)Name.Space).UInt32(Volume)
            .Bytes(Generation.ToByteArray()).Bytes(Name.Account.ToArray()).UInt64(Name.Number).UInt64(Sequence).Int64(Time.ToUnixTimeSeconds())
            .Int64(ObjectLength).UInt32((uint)ShardLength).UInt32((uint)DataOffset).UInt32((uint)BlockHashes.Count).Zeros(4);
        BinaryPrimitives.WriteUInt128LittleEndian(writer.Reserve(16), ObjectHash);
        destination[..DataOffset].Clear();
        writer.Written.CopyTo(destination);
        for (var block = 0; block < BlockHashes.Count; block++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(destination[(FixedLength + (block * 8))..], BlockHashes[block]);
        }

        HashOf(destination, BlockHashes.Count).CopyTo(destination[112..]);
    }

    /// <summary>Reads a header, or null if these bytes are none: torn, rotten, never written, or of another place.</summary>
    /// <param name="bytes">From the record's start; at least the header if it is whole.</param>
    /// <param name="extent">The extent it stands in.</param>
    public static RecordHeader? TryParse(ReadOnlySpan<byte> bytes, ExtentHeader extent)
    {
        if (bytes.Length < FixedLength || !bytes.StartsWith(Magic) || bytes[8] != VersionOf((RecordType)bytes[9]))
        {
            return null;
        }

        var blocks = BinaryPrimitives.ReadUInt32LittleEndian(bytes[88..]);
        if (blocks > BlocksMax || bytes.Length < FixedLength + (8 * (int)blocks) || !HashOf(bytes, (int)blocks).AsSpan().SequenceEqual(bytes.Slice(112, 16)))
        {
            return null;
        }

        var reader = new SpanReader(bytes[9..112], "record");
        var (type, shard, space, volume) = ((RecordType)reader.Byte(), reader.Byte(), (ObjectSpace)reader.Byte(), reader.UInt32());
        var generation = new Guid(reader.Bytes(16));
        var name = new ObjectName(new AccountId(reader.Bytes(AccountId.Length)), space, reader.UInt64());
        var header = new RecordHeader
        {
            Type = type, Shard = shard, Name = name, Volume = volume, Generation = generation, Sequence = reader.UInt64(),
            Time = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(reader.Int64(), 0, 253402300799)), ObjectLength = reader.Int64(), ShardLength = reader.Count(Limits.SegmentLengthMax),
            ObjectHash = BinaryPrimitives.ReadUInt128LittleEndian(bytes[96..]),
            BlockHashes = ReadHashes(bytes.Slice(FixedLength, 8 * (int)blocks)),
        };
        return generation == extent.Generation && volume == extent.Volume && shard == extent.Shard && VolumeLayout.Blocks(header.ShardLength) == (int)blocks ? header : null;
    }

    private static ulong[] ReadHashes(ReadOnlySpan<byte> bytes)
    {
        var hashes = new ulong[bytes.Length / 8];
        for (var block = 0; block < hashes.Length; block++)
        {
            hashes[block] = BinaryPrimitives.ReadUInt64LittleEndian(bytes[(block * 8)..]);
        }

        return hashes;
    }

    private static byte[] HashOf(ReadOnlySpan<byte> bytes, int blocks)
    {
        var hash = new XxHash128();
        hash.Append(bytes[..112]);
        hash.Append(bytes.Slice(FixedLength, blocks * 8));
        return hash.GetCurrentHash();
    }
}
