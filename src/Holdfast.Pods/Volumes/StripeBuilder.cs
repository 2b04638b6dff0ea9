using System.IO.Hashing;
using Holdfast.Parity;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Volumes;

/// <summary>Lays a batch of records out in memory as each drive will hold it: headers, shards of data, and parity computed over them.</summary>
/// <remarks>One piece of memory for each drive, so that a batch is one write to it; pieces are staggered for the encoder. The memory belongs to the batch until every drive is done with it.</remarks>
internal sealed unsafe class StripeBuilder
{
    private readonly Volume _volume;
    private readonly byte[] _memory;
    private readonly int _stride;

    /// <param name="volume">Whose code is used.</param>
    /// <param name="memory">Pinned; at least <see cref="MemoryLengthOf"/>.</param>
    /// <param name="length">Bytes of the batch on each drive.</param>
    public StripeBuilder(Volume volume, byte[] memory, int length)
    {
        (_volume, _memory, Length) = (volume, memory, length);
        _stride = ErasureCode.Stride(length);
    }

    /// <summary>Bytes of the batch on each drive.</summary>
    public int Length { get; }

    public static long MemoryLengthOf(ErasureCode code, int length) => (long)code.Total * ErasureCode.Stride(length);

    public ReadOnlyMemory<byte> Piece(int shard) => _memory.AsMemory(shard * _stride, Length);

    /// <summary>Lays out one record at <paramref name="position"/> of the batch.</summary>
    public void Add(Append append, int position, ulong sequence, DateTimeOffset time)
    {
        var code = _volume.Code;
        var content = append.Content.Span;
        var shardLength = code.ShardLength(content.Length);
        var dataOffset = RecordHeader.DataOffsetOf(shardLength);
        var recordLength = RecordHeader.RecordLengthOf(shardLength);
        for (var shard = 0; shard < code.Data; shard++)
        {
            var target = Bytes(shard, position + dataOffset, recordLength - dataOffset);
            var start = Math.Min((long)shard * shardLength, content.Length);
            var part = content.Slice((int)start, (int)Math.Min(shardLength, content.Length - start));
            part.CopyTo(target);
            target[part.Length..].Clear();
        }

        Encode(code, position + dataOffset, shardLength);
        var hash = XxHash128.HashToUInt128(content);
        for (var shard = 0; shard < code.Total; shard++)
        {
            var record = Bytes(shard, position, recordLength);
            record[(dataOffset + shardLength)..].Clear();
            new RecordHeader
            {
                Type = append.Type, Shard = shard, Name = append.Name, Volume = _volume.Id, Generation = _volume.Generation, Sequence = sequence, Time = time,
                ObjectLength = content.Length, ShardLength = shardLength, ObjectHash = hash,
                BlockHashes = RecordHeader.HashBlocks(record.Slice(dataOffset, shardLength), sequence, shard),
            }.Write(record);
        }
    }

    /// <summary>By columns of blocks, so that what was just written is still in the second cache.</summary>
    private void Encode(ErasureCode code, int start, int shardLength)
    {
        if (code.Parity == 0)
        {
            return;
        }

        Span<nint> addresses = stackalloc nint[code.Total];
        fixed (byte* memory = _memory)
        {
            for (var at = 0; at < shardLength; at += VolumeLayout.BlockLength)
            {
                for (var shard = 0; shard < code.Total; shard++)
                {
                    addresses[shard] = (nint)(memory + ((long)shard * _stride) + start + at);
                }

                code.Encode(addresses, Math.Min(VolumeLayout.BlockLength, shardLength - at));
            }
        }
    }

    private Span<byte> Bytes(int shard, int position, int length) => _memory.AsSpan((shard * _stride) + position, length);
}
