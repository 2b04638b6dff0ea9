using Holdfast.Pods.Drives;

namespace Holdfast.Pods.Volumes;

/// <summary>The shards of one record, opened as they are needed. Not thread-safe.</summary>
/// <param name="drives">The set's drives.</param>
/// <param name="volume">The volume.</param>
/// <param name="offset">Where the record begins.</param>
/// <param name="sequence">The record that is meant: another one there is as good as none.</param>
/// <param name="fromDisk">Reads past the page cache: for who decides whether a drive has it.</param>
internal sealed class ShardSet(IReadOnlyList<Drive> drives, Volume volume, long offset, ulong sequence, bool fromDisk = false) : IDisposable
{
    private readonly (ExtentReader? Extent, RecordHeader? Record, bool IsOpened)[] _shards = new (ExtentReader?, RecordHeader?, bool)[volume.Code.Total];

    /// <summary>The record's header on a shard's drive, or null if it is not whole there.</summary>
    public RecordHeader? Record(int shard) => Open(shard).Record;

    /// <summary>A header from any drive that has one.</summary>
    public RecordHeader? AnyRecord() => Enumerable.Range(0, volume.Code.Total).Select(Record).FirstOrDefault(record => record is not null);

    /// <summary>One block of a shard, verified; false if it is not whole.</summary>
    public bool TryReadBlock(int shard, int block, Span<byte> destination)
    {
        var (extent, record) = Open(shard);
        return extent is not null && record is not null && block < record.BlockHashes.Count && extent.TryReadBlocks(record, offset, block, destination);
    }

    /// <summary>A whole shard, verified, or null.</summary>
    public byte[]? TryReadShard(int shard)
    {
        var (extent, record) = Open(shard);
        return extent is null || record is null ? null : extent.TryReadShard(record, offset);
    }

    public void Dispose()
    {
        foreach (var shard in _shards)
        {
            shard.Extent?.Dispose();
        }
    }

    private (ExtentReader? Extent, RecordHeader? Record) Open(int shard)
    {
        if (!_shards[shard].IsOpened)
        {
            var extent = volume.ReadableDrive(shard, drives) is { } drive ? ExtentReader.TryOpen(drive, volume, shard) : null;
            if (fromDisk)
            {
                extent?.DropCache();
            }

            var record = extent?.TryReadRecord(offset);
            _shards[shard] = (extent, record?.Sequence == sequence ? record : null, true);
        }

        return (_shards[shard].Extent, _shards[shard].Record);
    }
}
