using System.Runtime.InteropServices;
using Holdfast.Pods.Volumes;

namespace Holdfast.Pods.Healing;

/// <summary>Computes whole records (header and shard) of shards that are lost, column by column: each from any blocks of it that are whole, on whatever drive.</summary>
internal static class LostShards
{
    /// <summary>The records of the wanted shards, each at the start of its memory; null if some column has too few whole blocks.</summary>
    /// <param name="extents">The volume.</param>
    /// <param name="offset">Where the record begins.</param>
    /// <param name="sequence">The record that is meant.</param>
    /// <param name="wanted">The shards to compute.</param>
    /// <param name="memory">Gives pinned memory for a record of this length.</param>
    /// <param name="pace">Gives way to customers between columns; null for who is waited for.</param>
    /// <param name="cancellation">Ends it between columns.</param>
    public static async Task<byte[][]?> TryComputeAsync(VolumeExtents extents, long offset, ulong sequence, IReadOnlyList<int> wanted, Func<int, byte[]> memory, Pace? pace, CancellationToken cancellation)
    {
        var shards = new ShardSet(extents, offset, sequence);
        if (shards.AnyRecord() is not { } any)
        {
            return null;
        }

        var records = wanted.Select(_ => memory(any.RecordLength)).ToArray();
        for (var start = 0; start < any.ShardLength; start += VolumeLayout.BlockLength)
        {
            if (pace is not null)
            {
                if (start > 0)
                {
                    await pace.GiveWayAsync(cancellation);
                }

                extents.ReadAhead(pace.IsFree);
            }

            if (!TryComputeColumn(extents, shards, start / VolumeLayout.BlockLength, Math.Min(VolumeLayout.BlockLength, any.ShardLength - start), wanted, records, any.DataOffset + start))
            {
                return null;
            }
        }

        for (var i = 0; i < wanted.Count; i++)
        {
            Complete(any, wanted[i], records[i].AsSpan(0, any.RecordLength));
        }

        return records;
    }

    public static byte[] NewMemory(int length) => GC.AllocateUninitializedArray<byte>(length, pinned: true);

    /// <summary>Puts the header before a shard that was computed.</summary>
    private static void Complete(RecordHeader any, int shard, Span<byte> record)
    {
        var content = record.Slice(any.DataOffset, any.ShardLength);
        record[(any.DataOffset + any.ShardLength)..].Clear();
        (any with { Shard = shard, BlockHashes = RecordHeader.HashBlocks(content, any.Sequence, shard) }).Write(record);
    }

    /// <summary>Has the drives begin to read a record that is computed next.</summary>
    public static void Prefetch(VolumeExtents extents, ContentsRow row)
    {
        var (shard, needed) = (0, extents.Volume.Code.Data);
        for (; shard < extents.Volume.Code.Total && needed > 0; shard++)
        {
            if (extents.Of(shard) is { } extent)
            {
                extent.Prefetch(row.Offset, row.RecordLength);
                needed--;
            }
        }
    }

    private static bool TryComputeColumn(VolumeExtents extents, ShardSet shards, int block, int length, IReadOnlyList<int> wanted, byte[][] records, int position)
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

        // Straight into the records, which are pinned: there may be more of them than a column has room for.
        var results = records.Select(record => Marshal.UnsafeAddrOfPinnedArrayElement(record, position)).ToArray();
        code.Reconstruct(CollectionsMarshal.AsSpan(sources), CollectionsMarshal.AsSpan(addresses), [.. wanted], results, length);
        return true;
    }
}
