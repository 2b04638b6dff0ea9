using Holdfast.Pods.Drives;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Volumes;

/// <summary>The file of one shard of a volume that is open, on the drive that it was made on.</summary>
internal sealed record OpenExtent(int Shard, Drive Drive, SafeFileHandle File);

/// <summary>A volume that records are appended to: the same offset on every drive, and only ever at the end.</summary>
/// <param name="volume">The volume.</param>
/// <param name="extents">Its files, on the drives that have one.</param>
/// <param name="extentLength">Bytes reserved for each.</param>
/// <param name="fillMax">How many zeros are written ahead of the end at once, at most; 0 for none.</param>
internal sealed class OpenVolume(Volume volume, IReadOnlyList<OpenExtent> extents, long extentLength, int fillMax) : IDisposable
{
    private const int FillMin = 1 << 20;

    private readonly List<ContentsRow> _rows = [];
    private long _filledTo;

    public Volume Volume => volume;

    public long End { get; private set; } = VolumeLayout.FirstRecord;

    public IReadOnlyList<ContentsRow> Rows => _rows;

    public IReadOnlyList<OpenExtent> Extents => extents;

    /// <summary>True if records of this length fit, and the contents and the seal behind them.</summary>
    public bool HasRoomFor(long length, int records) =>
        End + length + RecordHeader.RecordLengthOf((_rows.Count + records) * ContentsRow.Size) + VolumeLayout.Alignment <= extentLength;

    /// <summary>How many zeros are written behind records of this length: none, unless these reach beyond what is filled.</summary>
    /// <remarks>
    /// A sync of blocks that were written before is one wait for the disk; one of blocks that were only reserved, or of a file that grew, also waits for the file system's journal.
    /// Small records are synced often, and gain more than the zeros cost; long ones do not. As much again as was written so far: where little is written, little is filled.
    /// </remarks>
    public int TakeFill(long length)
    {
        if (fillMax == 0 || End + length <= _filledTo)
        {
            return 0;
        }

        _filledTo = Math.Min(End + length + Math.Clamp(End, FillMin, fillMax), extentLength);
        return (int)Math.Max(0, _filledTo - End - length);
    }

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
            extent.File.Dispose();
        }
    }
}
