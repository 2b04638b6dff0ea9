using Holdfast.Pods.Drives;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Volumes;

/// <summary>A volume that records are appended to: the same offset on every drive, and only ever at the end.</summary>
internal sealed class OpenVolume(Volume volume, SafeFileHandle?[] extents, long extentLength) : IDisposable
{
    private readonly List<ContentsRow> _rows = [];

    public Volume Volume => volume;

    public long End { get; private set; } = VolumeLayout.FirstRecord;

    public IReadOnlyList<ContentsRow> Rows => _rows;

    /// <summary>Shards that have a drive, and the file there.</summary>
    public IEnumerable<(int Shard, int Slot, SafeFileHandle File)> Extents =>
        from shard in Enumerable.Range(0, extents.Length) where extents[shard] is not null select (shard, volume.SlotOf(shard), extents[shard]!);

    /// <summary>True if records of this length fit, and the contents and the seal behind them.</summary>
    public bool HasRoomFor(long length, int records) =>
        End + length + RecordHeader.RecordLengthOf((_rows.Count + records) * ContentsRow.Size) + VolumeLayout.Alignment <= extentLength;

    /// <summary>Takes the room of records that are written now.</summary>
    public void Advance(IEnumerable<ContentsRow> rows, long length)
    {
        _rows.AddRange(rows);
        End += length;
    }

    /// <summary>A record that was not acknowledged is no part of the contents; its room is not used again.</summary>
    public void Skip(long length) => End += length;

    /// <summary>Writes contents and seal on one drive, and gives back what was reserved behind them.</summary>
    public static void SealExtent(SafeFileHandle file, string path, ReadOnlySpan<byte> contentsRecord, long end, Guid generation)
    {
        PosixFile.Write(file, contentsRecord, end, path);
        PosixFile.Write(file, Seal.Encode(end, generation), end + contentsRecord.Length, path);
        PosixFile.Truncate(file, end + contentsRecord.Length + VolumeLayout.Alignment, path);
        PosixFile.Sync(file, path);
    }

    /// <summary>The record with an extent's contents, for one shard of it.</summary>
    public static byte[] ContentsRecord(Volume volume, int shard, IReadOnlyList<ContentsRow> rows, ulong sequence, DateTimeOffset time)
    {
        var contents = ContentsRow.Encode(rows);
        var record = new RecordHeader
        {
            Type = RecordType.Contents, Shard = shard, Name = default, Volume = volume.Id, Generation = volume.Generation, Sequence = sequence, Time = time,
            ObjectLength = contents.Length, ShardLength = contents.Length, BlockHashes = RecordHeader.HashBlocks(contents, sequence, shard),
        };
        var bytes = new byte[record.RecordLength];
        record.Write(bytes);
        contents.CopyTo(bytes, record.DataOffset);
        return bytes;
    }

    public void Dispose()
    {
        foreach (var extent in extents)
        {
            extent?.Dispose();
        }
    }
}
