using System.IO.Hashing;
using Holdfast.Format.Objects;

namespace Holdfast.Pods.Drives;

/// <summary>What follows an object in its file: a checksum for every 64 KiB, so that a range is verified without reading the rest.</summary>
/// <remarks>n × XxHash128 of the block, seeded with its number and the object's · u64 object length · u64 number · XxHash128 of all before it in the trailer · magic "HOLDDRV1". Detects faults, not attackers: those meet the signatures inside.</remarks>
internal static class BlockChecksums
{
    public const int BlockLength = 64 << 10;
    private const int HashLength = 16;
    private const int FooterLength = 16 + HashLength + 8;

    private static ReadOnlySpan<byte> Magic => "HOLDDRV1"u8;

    public static int BlockCount(long length) => (int)((length + BlockLength - 1) / BlockLength);

    public static int TrailerLength(long length) => (BlockCount(length) * HashLength) + FooterLength;

    /// <summary>The length of an object whose file has <paramref name="fileLength"/> bytes; negative if no object has.</summary>
    public static long ObjectLength(long fileLength)
    {
        // file = n + 16 × ceil(n / 65536) + footer; one division finds n to within a block.
        var estimate = (fileLength - FooterLength) * BlockLength / (BlockLength + HashLength);
        for (var n = Math.Max(0, estimate - HashLength); n <= estimate + HashLength; n++)
        {
            if (n + TrailerLength(n) == fileLength)
            {
                return n;
            }
        }

        return -1;
    }

    public static byte[] Trailer(ReadOnlySpan<byte> content, ulong number)
    {
        var writer = new ByteWriter(TrailerLength(content.Length));
        for (var block = 0; block < BlockCount(content.Length); block++)
        {
            var bytes = content.Slice(block * BlockLength, Math.Min(BlockLength, content.Length - (block * BlockLength)));
            XxHash128.Hash(bytes, writer.Reserve(HashLength), Seed(number, block));
        }

        writer.Int64(content.Length).UInt64(number);
        var hash = XxHash128.Hash(writer.Written);
        return writer.Bytes(hash).Bytes(Magic).ToArray();
    }

    /// <summary>True if a trailer is whole and belongs to the object.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> trailer, long length, ulong number)
    {
        var hashed = trailer[..^(HashLength + 8)];
        return trailer[^8..].SequenceEqual(Magic)
            && XxHash128.Hash(hashed).AsSpan().SequenceEqual(trailer[^(HashLength + 8)..^8])
            && BitConverter.ToInt64(hashed[^16..]) == length && BitConverter.ToUInt64(hashed[^8..]) == number;
    }

    public static bool Matches(ReadOnlySpan<byte> trailer, ReadOnlySpan<byte> block, int index, ulong number)
    {
        Span<byte> hash = stackalloc byte[HashLength];
        XxHash128.Hash(block, hash, Seed(number, index));
        return hash.SequenceEqual(trailer.Slice(index * HashLength, HashLength));
    }

    private static long Seed(ulong number, int block) => (long)((number << 16) ^ (uint)block);
}
