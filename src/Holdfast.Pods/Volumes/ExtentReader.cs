using System.Buffers;
using Holdfast.Pods.Drives;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Volumes;

/// <summary>Reads one extent: header, records and blocks, each verified; what does not verify is as good as not there.</summary>
internal sealed class ExtentReader : IDisposable
{
    /// <summary>A multiple of a block.</summary>
    private const int VerifyLength = 1 << 20;

    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly ReadWatch? _watch;
    private bool _readsAhead = true;

    private ExtentReader(SafeFileHandle file, string path, ExtentHeader header, ReadWatch? watch)
    {
        (_file, _path, Header, _watch) = (file, path, header, watch);
        Length = DirectoryHandle.StatusOf(file).Size;
    }

    public ExtentHeader Header { get; }

    public long Length { get; }

    /// <summary>Opens an extent; null if there is none, if its header is torn, or if the drive cannot read it. One of a newer layout is a <see cref="Format.MalformedObjectException"/>.</summary>
    public static ExtentReader? TryOpen(Drive drive, uint volume) => TryOpen(drive, volume, out _);

    /// <summary>The same, saying which: gone is only what is certainly not there, or has no header; a drive that cannot read now may read later.</summary>
    public static ExtentReader? TryOpen(Drive drive, uint volume, out bool isGone)
    {
        var opened = TryOpen(() => drive.OpenExtent(volume), drive.Describe(volume), drive.Reads, out isGone);
        if (opened is not null && opened.Header.Volume != volume)
        {
            opened.Dispose();
            isGone = true;
            return null;
        }

        return opened;
    }

    /// <summary>Opens an extent by its path, wherever it lies.</summary>
    public static ExtentReader? TryOpen(string path) => TryOpen(() =>
    {
        using var directory = DirectoryHandle.Open(Path.GetDirectoryName(Path.GetFullPath(path))!);
        return directory.OpenFile(System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(path)), OpenFlags.ReadOnly);
    }, path, null, out _);

    private static ExtentReader? TryOpen(Func<SafeFileHandle> open, string path, ReadWatch? watch, out bool isGone)
    {
        using var reading = watch?.Begin() ?? default;
        SafeFileHandle? file = null;
        isGone = true;
        try
        {
            file = open();
            var block = new byte[ExtentHeader.Length];
            if (PosixFile.ReadFull(file, block, 0, path) == block.Length)
            {
                var opened = new ExtentReader(file, path, ExtentHeader.Parse(block), watch);
                (file, isGone) = (null, false);
                return opened;
            }

            return null;
        }
        catch (PosixException exception)
        {
            isGone = exception.Error == Errno.NoEntry;
            return null;
        }
        catch (Format.MalformedObjectException exception) when (!exception.IsNewer)
        {
            return null;
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Opens the extent of a shard of a volume; null if the drive has none of this generation.</summary>
    public static ExtentReader? TryOpen(Drive drive, Volume volume, int shard)
    {
        var opened = TryOpen(drive, volume.Id);
        if (opened is not null && (opened.Header.Generation != volume.Generation || opened.Header.Shard != shard))
        {
            opened.Dispose();
            return null;
        }

        return opened;
    }

    /// <summary>The record at an offset, or null if there is none that is whole.</summary>
    public RecordHeader? TryReadRecord(long offset)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(RecordHeader.LengthMax);
        try
        {
            // Most headers are short; few need more than the first block.
            var first = ReadUpTo(buffer.AsSpan(0, VolumeLayout.Alignment), offset);
            if (first < RecordHeader.FixedLength)
            {
                return null;
            }

            return RecordHeader.TryParse(buffer.AsSpan(0, first), Header)
                ?? (first == VolumeLayout.Alignment ? RecordHeader.TryParse(buffer.AsSpan(0, ReadUpTo(buffer.AsSpan(0, RecordHeader.LengthMax), offset)), Header) : null);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads blocks of a record's shard, verified; false if any of them is not whole.</summary>
    public bool TryReadBlocks(RecordHeader record, long offset, int firstBlock, Span<byte> destination)
    {
        var start = firstBlock * VolumeLayout.BlockLength;
        return ReadUpTo(destination, offset + record.DataOffset + start) == destination.Length && record.IsWhole(destination, firstBlock);
    }

    /// <summary>Reads all of a record's shard and says whether it is whole.</summary>
    public bool IsWhole(RecordHeader record, long offset)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(VerifyLength);
        try
        {
            for (var at = 0; at < record.ShardLength; at += VerifyLength)
            {
                if (!TryReadBlocks(record, offset, at / VolumeLayout.BlockLength, buffer.AsSpan(0, Math.Min(VerifyLength, record.ShardLength - at))))
                {
                    return false;
                }
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Has the drive begin to read what will be asked for.</summary>
    public void Prefetch(long offset, long length) => PosixFile.Prefetch(_file, offset, length);

    /// <summary>Whether the kernel may read more than is asked for: fast for who reads everything, and a long wait for whoever comes meanwhile.</summary>
    public void ReadAhead(bool isOn)
    {
        if (_readsAhead != isOn)
        {
            PosixFile.ReadAhead(_file, isOn);
            _readsAhead = isOn;
        }
    }

    /// <summary>The contents of a volume, from the first drive that has them; null if none has.</summary>
    public static List<ContentsRow>? TryReadContents(Volume volume, IReadOnlyList<Drive> drives)
    {
        for (var shard = 0; shard < volume.Code.Total; shard++)
        {
            if (volume.ReadableDrive(shard, drives) is { } drive)
            {
                using var extent = TryOpen(drive, volume, shard);
                if (extent?.TryReadContents() is { } contents)
                {
                    return contents;
                }
            }
        }

        return null;
    }

    /// <summary>True if the extent's last block is its seal.</summary>
    public bool HasSeal()
    {
        var block = new byte[VolumeLayout.Alignment];
        return Length >= 3 * VolumeLayout.Alignment && ReadUpTo(block, Length - block.Length) == block.Length && Seal.TryParse(block, Header.Generation) is not null;
    }

    /// <summary>The contents of a sealed extent, or null if it is not sealed or they are not whole.</summary>
    public List<ContentsRow>? TryReadContents()
    {
        var block = new byte[VolumeLayout.Alignment];
        if (Length < 3 * VolumeLayout.Alignment || ReadUpTo(block, Length - block.Length) != block.Length || Seal.TryParse(block, Header.Generation) is not { } offset
            || TryReadRecord(offset) is not { Type: RecordType.Contents } record)
        {
            return null;
        }

        var contents = new byte[record.ShardLength];
        return TryReadBlocks(record, offset, 0, contents) ? ContentsRow.Parse(contents) : null;
    }

    /// <summary>The first block at or behind an aligned offset in which anything is written; null if only zeros follow, or nothing. What the drive cannot read counts as written.</summary>
    public long? NextWritten(long offset)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(VolumeLayout.BlockLength);
        try
        {
            for (var at = offset; at < Length; at += VolumeLayout.BlockLength)
            {
                var wanted = buffer.AsSpan(0, (int)Math.Min(VolumeLayout.BlockLength, Length - at));
                var read = ReadUpTo(wanted, at);
                if (wanted[..read].IndexOfAnyExcept((byte)0) is >= 0 and var first)
                {
                    return at + (first / VolumeLayout.Alignment * VolumeLayout.Alignment);
                }

                if (read < wanted.Length)
                {
                    return at + (read / VolumeLayout.Alignment * VolumeLayout.Alignment);
                }
            }

            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Behind the last block at or behind an aligned offset in which anything is written: only zeros follow, if anything. The offset itself if there is none.</summary>
    public long WrittenEnd(long offset)
    {
        var end = offset;
        while (NextWritten(end) is { } written)
        {
            end = written + VolumeLayout.Alignment;
        }

        return end;
    }

    /// <summary>What is read next comes from the disk: after a failed sync the page cache holds bytes that the disk does not.</summary>
    public void DropCache() => DropCache(0, 0);

    public void DropCache(long offset, long length) => PosixFile.DropCache(_file, offset, length);

    /// <summary>Bytes read; fewer at the end of the file, or before what the drive cannot read.</summary>
    public int ReadUpTo(Span<byte> destination, long offset)
    {
        using var reading = _watch?.Begin() ?? default;
        var total = 0;
        try
        {
            while (total < destination.Length && PosixFile.Read(_file, destination[total..], offset + total, _path) is > 0 and var count)
            {
                total += count;
            }
        }
        catch (PosixException)
        {
            // What came before it was read.
        }

        return total;
    }

    public void Dispose() => _file.Dispose();
}
