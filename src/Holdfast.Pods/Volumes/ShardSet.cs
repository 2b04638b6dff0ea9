namespace Holdfast.Pods.Volumes;

/// <summary>The shards of one record. Not thread-safe.</summary>
/// <param name="extents">The volume's extents; they stay open.</param>
/// <param name="offset">Where the record begins.</param>
/// <param name="sequence">The record that is meant: another one there is as good as none.</param>
/// <param name="isOfObject">True for who wants an object's bytes: where it was wiped meanwhile, its zeros are none.</param>
internal sealed class ShardSet(VolumeExtents extents, long offset, ulong sequence, bool isOfObject = false)
{
    private readonly (RecordHeader? Record, bool IsRead)[] _records = new (RecordHeader?, bool)[extents.Volume.Code.Total];

    /// <summary>The record's header on a shard's drive, or null if it is not whole there.</summary>
    public RecordHeader? Record(int shard)
    {
        if (!_records[shard].IsRead)
        {
            var record = extents.Of(shard)?.TryReadRecord(offset);
            _records[shard] = (record?.Sequence == sequence && !(isOfObject && record.Type != RecordType.Object) ? record : null, true);
        }

        return _records[shard].Record;
    }

    /// <summary>A header from any drive that has one.</summary>
    public RecordHeader? AnyRecord() => Enumerable.Range(0, extents.Volume.Code.Total).Select(Record).FirstOrDefault(record => record is not null);

    /// <summary>One block of a shard, verified; false if it is not whole.</summary>
    public bool TryReadBlock(int shard, int block, Span<byte> destination) =>
        Record(shard) is { } record && block < record.BlockHashes.Count && extents.Of(shard)!.TryReadBlocks(record, offset, block, destination);

    /// <summary>True if every block of a shard is whole.</summary>
    public bool IsWhole(int shard) => Record(shard) is { } record && extents.Of(shard)!.IsWhole(record, offset);

    /// <summary>True if no drive that can be read holds the shard: it is absent, not bad.</summary>
    public bool IsAbsent(int shard) => extents.IsAbsent(shard);
}
