using System.IO.Hashing;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Pods.Volumes;

/// <summary>What a volume holds: coded objects, or copies of small ones and the marks.</summary>
internal enum VolumeKind : byte
{
    Coded = 1,
    Copies = 2,
}

/// <summary>First block of an extent, one drive's part of a volume: which volume, which code, and which drive holds which shard.</summary>
/// <remarks>
/// 0 magic "HFEXTENT" · 8 version u8 · 9 kind u8 · 10 data shards u8 · 11 parity shards u8 · 12 this shard u8 · 13 zeros 3 · 16 set 16 · 32 generation 16 · 48 volume u32 ·
/// 52 zeros 4 · 56 created i64 (seconds) · 64 slot of each shard, 32 × u8, 255 for none · 96 XxHash128 of bytes 0–95.
/// </remarks>
internal sealed record ExtentHeader(VolumeKind Kind, int Data, int Parity, int Shard, Guid Set, Guid Generation, uint Volume, DateTimeOffset Created, IReadOnlyList<byte> Slots)
{
    public const int Length = 112;

    /// <summary>The slot of a shard that nobody holds.</summary>
    public const byte NoSlot = 255;

    private const byte Version = 1;
    private const int SlotsMax = 32;
    private const string What = "extent";

    private static ReadOnlySpan<byte> Magic => "HFEXTENT"u8;

    public byte[] Encode()
    {
        var writer = new ByteWriter(VolumeLayout.Alignment).Bytes(Magic).Byte(Version).Byte((byte)Kind).Byte((byte)Data).Byte((byte)Parity).Byte((byte)Shard).Zeros(3)
            .Bytes(Set.ToByteArray()).Bytes(Generation.ToByteArray()).UInt32(Volume).Zeros(4).Int64(Created.ToUnixTimeSeconds());
        for (var shard = 0; shard < SlotsMax; shard++)
        {
            writer.Byte(shard < Slots.Count ? Slots[shard] : NoSlot);
        }

        writer.Bytes(XxHash128.Hash(writer.Written));
        return writer.Zeros(VolumeLayout.Alignment - Length).ToArray();
    }

    /// <summary>Reads a header; one that is torn or of a newer version is a <see cref="MalformedObjectException"/>.</summary>
    public static ExtentHeader Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new SpanReader(bytes, What);
        var hashed = reader.Bytes(96);
        if (!XxHash128.Hash(hashed).AsSpan().SequenceEqual(reader.Bytes(16)) || !hashed.StartsWith(Magic))
        {
            throw new MalformedObjectException(What, "its header is torn or damaged");
        }

        reader = new SpanReader(hashed[8..], What);
        if (reader.Byte() is var version && version != Version)
        {
            throw new MalformedObjectException(What, $"it has layout version {version}; this program knows version {Version}") { IsNewer = version > Version };
        }

        var kind = (VolumeKind)reader.Byte();
        var (data, parity, shard) = (reader.Byte(), reader.Byte(), reader.Byte());
        reader.Zeros(3);
        var set = new Guid(reader.Bytes(16));
        var generation = new Guid(reader.Bytes(16));
        var volume = reader.UInt32();
        reader.Zeros(4);
        var created = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(reader.Int64(), 0, 253402300799));
        var slots = reader.Bytes(SlotsMax)[..Math.Min(SlotsMax, data + parity)].ToArray();
        return data >= 1 && data + parity <= SlotsMax && shard < data + parity && kind is VolumeKind.Coded or VolumeKind.Copies
            ? new ExtentHeader(kind, data, parity, shard, set, generation, volume, created, slots)
            : throw new MalformedObjectException(What, "its code is impossible");
    }
}
