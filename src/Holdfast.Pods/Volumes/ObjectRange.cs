namespace Holdfast.Pods.Volumes;

/// <summary>A block of a shard.</summary>
internal readonly record struct BlockPiece(int Shard, int Block);

/// <summary>Which blocks of which shards a range of an object touches, and where in memory their bytes go.</summary>
/// <param name="Offset">Where the range begins in it.</param>
/// <param name="Target">The memory of the range.</param>
/// <param name="Length">Bytes of the range.</param>
/// <param name="ShardLength">Bytes of each shard.</param>
internal readonly unsafe record struct ObjectRange(long Offset, nint Target, int Length, int ShardLength)
{
    /// <summary>The first and the last shard that the range touches.</summary>
    public (int First, int Last) Shards => ((int)(Offset / ShardLength), (int)((Offset + Length - 1) / ShardLength));

    /// <summary>What the range touches of a shard, in whole blocks.</summary>
    public (int Start, int Length) BytesOf(int shard)
    {
        var begin = (long)shard * ShardLength;
        var start = (int)Math.Max(0, Offset - begin) / VolumeLayout.BlockLength * VolumeLayout.BlockLength;
        var end = (int)Math.Min(ShardLength, Offset + Length - begin);
        return (start, Math.Min(VolumeLayout.Blocks(end) * VolumeLayout.BlockLength, ShardLength) - start);
    }

    /// <summary>The blocks of the range, a column after the other.</summary>
    public IEnumerable<IReadOnlyList<BlockPiece>> Columns()
    {
        var (first, last) = Shards;
        var (start, length) = first == last ? BytesOf(first) : (0, ShardLength);
        for (var block = start / VolumeLayout.BlockLength; block < VolumeLayout.Blocks(start + length); block++)
        {
            var column = new List<BlockPiece>(last - first + 1);
            for (var shard = first; shard <= last; shard++)
            {
                var from = ((long)shard * ShardLength) + (block * VolumeLayout.BlockLength);
                if (from < Offset + Length && from + BlockLengthOf(block) > Offset)
                {
                    column.Add(new BlockPiece(shard, block));
                }
            }

            if (column.Count > 0)
            {
                yield return column;
            }
        }
    }

    public int BlockLengthOf(int block) => Math.Min(VolumeLayout.BlockLength, ShardLength - (block * VolumeLayout.BlockLength));

    /// <summary>The block's place in the target, if all of it is wanted.</summary>
    public nint? WholePlaceOf(BlockPiece piece) => PositionOf(piece) is >= 0 and var position && position + BlockLengthOf(piece.Block) <= Length ? Target + (nint)position : null;

    /// <summary>Copies what is wanted of a block.</summary>
    public void Take(BlockPiece piece, ReadOnlySpan<byte> block)
    {
        var position = PositionOf(piece);
        var skip = (int)Math.Max(0, -position);
        var count = (int)Math.Min(block.Length - skip, Length - (position + skip));
        block.Slice(skip, count).CopyTo(new Span<byte>((byte*)Target + position + skip, count));
    }

    /// <summary>Where a block begins, counted from the target; it may begin before it or end behind it.</summary>
    private long PositionOf(BlockPiece piece) => ((long)piece.Shard * ShardLength) + (piece.Block * VolumeLayout.BlockLength) - Offset;
}
