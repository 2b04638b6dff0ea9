using System.Runtime.InteropServices;
using Holdfast.Parity;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Volumes;

/// <summary>Reads objects out of volumes: straight from the drives that hold the bytes; what is lost or rotten is computed from the other shards.</summary>
/// <remarks>A block that is bad is reported, to be repaired. Thread-safe.</remarks>
internal sealed unsafe class ObjectReader(IReadOnlyList<Drive> drives, VolumeMap volumes, Action<ObjectPlace> reportBad)
{
    /// <summary>Fills <paramref name="destination"/> with the object's bytes from <paramref name="offset"/>, verified; what cannot be given back is the failure damaged_object.</summary>
    public void Read(ObjectPlace place, long offset, Span<byte> destination)
    {
        if (destination.IsEmpty)
        {
            return;
        }

        var volume = volumes.Find(place.Volume) ?? throw Damaged(place, $"volume {place.Volume:x8} is on no drive");
        using var shards = new ShardSet(drives, volume, place.Offset, place.Sequence);
        var code = volume.Code;
        var shardLength = code.ShardLength(place.Length);
        var isBad = false;
        fixed (byte* target = destination)
        {
            var read = new Reading(place, offset, (nint)target, destination.Length, shardLength);
            var missing = new List<Piece>();
            foreach (var piece in read.Pieces())
            {
                if (!TryReadPiece(shards, read, piece))
                {
                    missing.Add(piece);
                }
            }

            foreach (var column in missing.GroupBy(piece => piece.Block))
            {
                isBad = true;
                Reconstruct(shards, code, read, column.Key, [.. column], missing);
            }
        }

        if (isBad)
        {
            reportBad(place);
        }
    }

    /// <summary>The checksum of a whole object as any drive has it, or null if none has.</summary>
    public UInt128? HashOf(ObjectPlace place)
    {
        if (volumes.Find(place.Volume) is not { } volume)
        {
            return null;
        }

        using var shards = new ShardSet(drives, volume, place.Offset, place.Sequence);
        return shards.AnyRecord()?.ObjectHash;
    }

    /// <summary>A block of a shard, and which of its bytes are wanted.</summary>
    private readonly record struct Piece(int Shard, int Block);

    /// <summary>Which blocks of which shards a range touches, and where their bytes go.</summary>
    private readonly record struct Reading(ObjectPlace Place, long Offset, nint Target, int Length, int ShardLength)
    {
        public IEnumerable<Piece> Pieces()
        {
            var end = Offset + Length;
            for (var at = Offset; at < end;)
            {
                var (shard, inShard) = ((int)(at / ShardLength), (int)(at % ShardLength));
                var block = inShard / VolumeLayout.BlockLength;
                yield return new Piece(shard, block);
                at = Math.Min(((long)shard * ShardLength) + Math.Min((block + 1) * VolumeLayout.BlockLength, ShardLength), end);
            }
        }

        public int BlockLengthOf(int block) => Math.Min(VolumeLayout.BlockLength, ShardLength - (block * VolumeLayout.BlockLength));

        /// <summary>Where a block begins, counted from the target; it may begin before it or end behind it.</summary>
        public long PositionOf(Piece piece) => ((long)piece.Shard * ShardLength) + (piece.Block * VolumeLayout.BlockLength) - Offset;

        /// <summary>The block's place in the target, if all of it is wanted.</summary>
        public nint? WholePlaceOf(Piece piece) => PositionOf(piece) is >= 0 and var position && position + BlockLengthOf(piece.Block) <= Length ? Target + (nint)position : null;

        /// <summary>Copies what is wanted of a block.</summary>
        public void Take(Piece piece, ReadOnlySpan<byte> block)
        {
            var position = PositionOf(piece);
            var skip = (int)Math.Max(0, -position);
            var count = (int)Math.Min(block.Length - skip, Length - (position + skip));
            block.Slice(skip, count).CopyTo(new Span<byte>((byte*)Target + position + skip, count));
        }
    }

    private static bool TryReadPiece(ShardSet shards, Reading read, Piece piece)
    {
        var length = read.BlockLengthOf(piece.Block);
        if (read.WholePlaceOf(piece) is { } place)
        {
            return shards.TryReadBlock(piece.Shard, piece.Block, new Span<byte>((byte*)place, length));
        }

        Span<byte> block = stackalloc byte[VolumeLayout.BlockLength];
        if (!shards.TryReadBlock(piece.Shard, piece.Block, block[..length]))
        {
            return false;
        }

        read.Take(piece, block[..length]);
        return true;
    }

    /// <summary>Computes the missing pieces of one column of blocks from enough others; those that the range holds already are not read again.</summary>
    private static void Reconstruct(ShardSet shards, ErasureCode code, Reading read, int block, List<Piece> wanted, List<Piece> allMissing)
    {
        var length = read.BlockLengthOf(block);
        var stride = ErasureCode.Stride(length);
        var memory = (byte*)NativeMemory.AlignedAlloc((nuint)(stride * (code.Data + wanted.Count)), 64);
        try
        {
            var (sources, addresses) = (new List<int>(), new List<nint>());
            for (var shard = 0; shard < code.Total && sources.Count < code.Data; shard++)
            {
                var piece = new Piece(shard, block);
                if (shard < code.Data && !allMissing.Contains(piece) && read.WholePlaceOf(piece) is { } place)
                {
                    sources.Add(shard);
                    addresses.Add(place);
                    continue;
                }

                var buffer = memory + (sources.Count * stride);
                if (!wanted.Contains(piece) && shards.TryReadBlock(shard, block, new Span<byte>(buffer, length)))
                {
                    sources.Add(shard);
                    addresses.Add((nint)buffer);
                }
            }

            if (sources.Count < code.Data)
            {
                throw Damaged(read.Place, $"of its {code.Total} shards only {sources.Count} are whole, {code.Data} are needed");
            }

            var results = wanted.Select((_, index) => (nint)(memory + ((code.Data + index) * stride))).ToArray();
            code.Reconstruct(CollectionsMarshal.AsSpan(sources), CollectionsMarshal.AsSpan(addresses), [.. wanted.Select(piece => piece.Shard)], results, length);
            for (var i = 0; i < wanted.Count; i++)
            {
                read.Take(wanted[i], new ReadOnlySpan<byte>((byte*)results[i], length));
            }
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    private static HoldfastException Damaged(ObjectPlace place, string why) => new(FailureTable.DamagedObject, $"{place.Name}: {why}.");
}
