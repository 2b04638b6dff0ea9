using System.Runtime.InteropServices;
using Holdfast.Parity;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Volumes;

/// <summary>Reads objects out of volumes: straight from the drives that hold the bytes; what is lost or rotten is computed from the other shards.</summary>
/// <remarks>A block that is bad is reported, to be repaired; one whose drive is absent is not. Column by column, so that what was read is still in the cache when it is needed to compute the rest. Thread-safe.</remarks>
internal sealed unsafe class ObjectReader(IReadOnlyList<Drive> drives, VolumeMap volumes, Action<ObjectPlace> reportBad)
{
    /// <summary>Reads of so much are part of a restore of whole packs.</summary>
    private const int BulkLengthMin = 256 << 10;

    /// <summary>Fills <paramref name="destination"/> with the object's bytes from <paramref name="offset"/>, verified; what cannot be given back is the failure damaged_object.</summary>
    public void Read(ObjectPlace place, long offset, Span<byte> destination)
    {
        if (destination.IsEmpty)
        {
            return;
        }

        var volume = volumes.Find(place.Volume) ?? throw Damaged(place, $"volume {place.Volume:x8} is on no drive");
        using var extents = new VolumeExtents(drives, volume);
        var shards = new ShardSet(extents, place.Offset, place.Sequence, isOfObject: true);
        fixed (byte* target = destination)
        {
            var range = new ObjectRange(offset, (nint)target, destination.Length, volume.Code.ShardLength(place.Length));
            Prefetch(extents, shards, place, range, isBulk: destination.Length >= BulkLengthMin);
            var isBad = false;
            foreach (var column in range.Columns())
            {
                isBad |= !ReadColumn(place, shards, volume.Code, range, column);
            }

            if (isBad)
            {
                reportBad(place);
            }
        }
    }

    /// <summary>The checksum of a whole object as any drive has it, or null if none has.</summary>
    public UInt128? HashOf(ObjectPlace place)
    {
        if (volumes.Find(place.Volume) is not { } volume)
        {
            return null;
        }

        using var extents = new VolumeExtents(drives, volume);
        return new ShardSet(extents, place.Offset, place.Sequence, isOfObject: true).AnyRecord()?.ObjectHash;
    }

    /// <summary>Drives read at the same time all that is going to be asked for; and if one is absent, what it is computed from.</summary>
    /// <remarks>
    /// A small read asks for headers too, and then waits once. In bulk, packs are read one after the other: the kernel notices by the reads of their headers, and reads far ahead on every
    /// drive, which is a quarter faster than asking for each.
    /// </remarks>
    private static void Prefetch(VolumeExtents extents, ShardSet shards, ObjectPlace place, ObjectRange range, bool isBulk)
    {
        var (first, last) = range.Shards;
        var touched = Enumerable.Range(first, last - first + 1);
        var isWhole = touched.All(shard => !extents.IsAbsent(shard));
        if (isBulk && isWhole && first == last)
        {
            return;
        }

        var header = (place.Offset, (long)RecordHeader.DataOffsetOf(range.ShardLength));
        (long, long) BytesOf(int shard) => (place.Offset + header.Item2 + range.BytesOf(shard).Start, range.BytesOf(shard).Length);

        // What two shards are asked for at their ends may be far apart; what more are asked for is all there is.
        (long, long)[] computedFrom = last - first > 1 ? [BytesOf(first + 1)] : [.. touched.Select(BytesOf)];
        foreach (var shard in isWhole ? touched : Enumerable.Range(0, extents.Volume.Code.Total).Where(shard => !extents.IsAbsent(shard)).Take(extents.Volume.Code.Data))
        {
            (long, long)[] wanted = isWhole ? [BytesOf(shard)] : computedFrom;
            if (!isBulk)
            {
                extents.Prefetch(shard, [header, .. wanted]);
            }
            else if (shards.Record(shard) is not null)
            {
                extents.Prefetch(shard, wanted);
            }
        }
    }

    /// <summary>Reads the wanted blocks of one column; false if one of them was bad and had to be computed.</summary>
    private static bool ReadColumn(ObjectPlace place, ShardSet shards, ErasureCode code, ObjectRange range, IReadOnlyList<BlockPiece> wanted)
    {
        var missing = wanted.Where(piece => !TryReadPiece(shards, range, piece)).ToList();
        if (missing.Count > 0)
        {
            Reconstruct(place, shards, code, range, wanted, missing);
        }

        return missing.TrueForAll(piece => shards.IsAbsent(piece.Shard));
    }

    private static bool TryReadPiece(ShardSet shards, ObjectRange range, BlockPiece piece)
    {
        var length = range.BlockLengthOf(piece.Block);
        if (range.WholePlaceOf(piece) is { } whole)
        {
            return shards.TryReadBlock(piece.Shard, piece.Block, new Span<byte>((byte*)whole, length));
        }

        using var memory = new ColumnMemory();
        if (!shards.TryReadBlock(piece.Shard, piece.Block, memory.Span(0, length)))
        {
            return false;
        }

        range.Take(piece, memory.Span(0, length));
        return true;
    }

    /// <summary>Computes missing blocks of one column from enough others; those that the range holds already are not read again.</summary>
    private static void Reconstruct(ObjectPlace place, ShardSet shards, ErasureCode code, ObjectRange range, IReadOnlyList<BlockPiece> wanted, List<BlockPiece> missing)
    {
        var block = missing[0].Block;
        var length = range.BlockLengthOf(block);
        using var memory = new ColumnMemory();
        var (sources, addresses) = (new List<int>(code.Data), new List<nint>(code.Data));
        for (var shard = 0; shard < code.Total && sources.Count < code.Data; shard++)
        {
            var piece = new BlockPiece(shard, block);
            if (missing.Contains(piece))
            {
                continue;
            }

            if (wanted.Contains(piece) && range.WholePlaceOf(piece) is { } whole)
            {
                sources.Add(shard);
                addresses.Add(whole);
            }
            else if (shards.TryReadBlock(shard, block, memory.Span(sources.Count, length)))
            {
                addresses.Add(memory.Block(sources.Count));
                sources.Add(shard);
            }
        }

        if (sources.Count < code.Data)
        {
            throw Damaged(place, $"of its {code.Total} shards only {sources.Count} are whole, {code.Data} are needed");
        }

        var results = missing.Select((piece, index) => range.WholePlaceOf(piece) ?? memory.Block(code.Data + index)).ToArray();
        code.Reconstruct(CollectionsMarshal.AsSpan(sources), CollectionsMarshal.AsSpan(addresses), [.. missing.Select(piece => piece.Shard)], results, length);
        for (var i = 0; i < missing.Count; i++)
        {
            if (range.WholePlaceOf(missing[i]) is null)
            {
                range.Take(missing[i], new ReadOnlySpan<byte>((byte*)results[i], length));
            }
        }
    }

    private static HoldfastException Damaged(ObjectPlace place, string why) => new(FailureTable.DamagedObject, $"{place.Name}: {why}.");
}
