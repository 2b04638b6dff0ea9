using System.Runtime.InteropServices;
using Holdfast.Pods.Volumes;

namespace Holdfast.Pods.Healing;

/// <summary>Computes whole records (header and shard) of shards that are lost, column by column: each from any blocks of it that are whole, on whatever drive.</summary>
internal static class LostShards
{
    /// <summary>The records of the wanted shards, or null if some column has too few whole blocks.</summary>
    public static byte[][]? TryCompute(VolumeExtents extents, long offset, ulong sequence, IReadOnlyList<int> wanted)
    {
        var shards = new ShardSet(extents, offset, sequence);
        if (shards.AnyRecord() is not { } any)
        {
            return null;
        }

        var records = wanted.Select(_ => GC.AllocateUninitializedArray<byte>(any.RecordLength)).ToArray();
        for (var start = 0; start < any.ShardLength; start += VolumeLayout.BlockLength)
        {
            if (!TryComputeColumn(extents, shards, start / VolumeLayout.BlockLength, Math.Min(VolumeLayout.BlockLength, any.ShardLength - start), wanted, records, any.DataOffset + start))
            {
                return null;
            }
        }

        for (var i = 0; i < wanted.Count; i++)
        {
            var content = records[i].AsSpan(any.DataOffset, any.ShardLength);
            records[i].AsSpan(any.DataOffset + any.ShardLength).Clear();
            (any with { Shard = wanted[i], BlockHashes = RecordHeader.HashBlocks(content, any.Sequence, wanted[i]) }).Write(records[i]);
        }

        return records;
    }

    /// <summary>Has the drives begin to read a record that is computed next.</summary>
    public static void Prefetch(VolumeExtents extents, ContentsRow row)
    {
        for (var shard = 0; shard < extents.Volume.Code.Total; shard++)
        {
            extents.Of(shard)?.Prefetch(row.Offset, row.RecordLength);
        }
    }

    private static unsafe bool TryComputeColumn(VolumeExtents extents, ShardSet shards, int block, int length, IReadOnlyList<int> wanted, byte[][] records, int position)
    {
        var code = extents.Volume.Code;
        using var memory = new ColumnMemory();
        var (sources, addresses) = (new List<int>(code.Data), new List<nint>(code.Data));
        for (var shard = 0; shard < code.Total && sources.Count < code.Data; shard++)
        {
            if (shards.TryReadBlock(shard, block, memory.Span(sources.Count, length)))
            {
                addresses.Add(memory.Block(sources.Count));
                sources.Add(shard);
            }
        }

        if (sources.Count < code.Data)
        {
            return false;
        }

        var results = wanted.Select((_, index) => memory.Block(code.Data + index)).ToArray();
        code.Reconstruct(CollectionsMarshal.AsSpan(sources), CollectionsMarshal.AsSpan(addresses), [.. wanted], results, length);
        for (var i = 0; i < wanted.Count; i++)
        {
            new ReadOnlySpan<byte>((byte*)results[i], length).CopyTo(records[i].AsSpan(position));
        }

        return true;
    }
}
