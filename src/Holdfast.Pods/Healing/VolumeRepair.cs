using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Holdfast.Parity;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Volumes;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Healing;

/// <summary>Computes what drives have lost from what the others hold: single shards in place, and whole extents onto a drive that has none.</summary>
internal sealed class VolumeRepair(DriveSet set, TimeProvider time)
{
    private readonly ConcurrentDictionary<(uint, long), bool> _lost = new();

    /// <summary>The shards of one record that are not whole on drives that should hold them, as the disks have them.</summary>
    public List<int> FindBad(Volume volume, long offset, ulong sequence)
    {
        using var shards = new ShardSet(set.Drives, volume, offset, sequence, fromDisk: true);
        return [.. Enumerable.Range(0, volume.Code.Total).Where(shard => volume.ReadableDrive(shard, set.Drives) is not null && (shards.Record(shard) is null || shards.TryReadShard(shard) is null))];
    }

    /// <summary>How many shards of a record are whole.</summary>
    public int CountWhole(Volume volume, long offset, ulong sequence) =>
        Enumerable.Range(0, volume.Code.Total).Count(shard => volume.ReadableDrive(shard, set.Drives) is not null) - FindBad(volume, offset, sequence).Count;

    /// <summary>Writes the bad shards of one record again, in place, and reads them back; false if too few others are whole.</summary>
    public async Task<bool> TryRepairRecordAsync(Volume volume, long offset, ulong sequence)
    {
        var bad = FindBad(volume, offset, sequence).ConvertAll(shard => (Shard: shard, Drive: set.Drives[Math.Max(0, volume.SlotOf(shard))]));
        if (bad.Count == 0)
        {
            return true;
        }

        if (TryCompute(volume, offset, sequence, bad.ConvertAll(item => item.Shard)) is not { } records)
        {
            if (_lost.TryAdd((volume.Id, offset), true))
            {
                set.Report("record_lost", $"volume {volume.Id:x8} at {offset}: more than {volume.Code.Parity} shards are damaged or missing; it cannot be repaired now");
            }

            return false;
        }

        for (var i = 0; i < bad.Count; i++)
        {
            var (drive, bytes) = (bad[i].Drive, records[i]);
            if (!drive.CanWrite)
            {
                continue;
            }

            try
            {
                await drive.RunWithinLimitAsync(() =>
                {
                    using var file = drive.OpenExtent(volume.Id, forWriting: true);
                    PosixFile.Write(file, bytes, offset, drive.Describe(volume.Id));
                    PosixFile.SyncData(file, drive.Describe(volume.Id));
                });
            }
            catch (PosixException exception)
            {
                SuspectUnlessFull(drive, exception);
            }
        }

        var left = FindBad(volume, offset, sequence);
        foreach (var (shard, drive) in bad.Where(item => item.Drive.CanWrite && left.Contains(item.Shard)))
        {
            drive.Suspect($"what was written again to {drive.Describe(volume.Id)} does not read back");
        }

        _lost.TryRemove((volume.Id, offset), out _);
        set.Report("record_repaired", $"volume {volume.Id:x8} at {offset}: {bad.Count - left.Count} shards were computed again");
        return left.Count == 0;
    }

    /// <summary>Makes a missing extent on a drive that holds no shard of the volume. A partial one is not used: it gets its name when it is whole.</summary>
    /// <param name="volume">A sealed volume.</param>
    /// <param name="shard">The shard that is missing.</param>
    /// <param name="drive">The drive that gets it.</param>
    /// <param name="progress">Told the bytes of each record that is done.</param>
    /// <param name="giveWay">Waits while customers are served.</param>
    /// <param name="cancellation">Ends it between two records.</param>
    public async Task<bool> TryRebuildAsync(Volume volume, int shard, Drive drive, Action<long> progress, Func<CancellationToken, Task> giveWay, CancellationToken cancellation)
    {
        using (ExtentReader.TryOpen(drive, volume.Id, out var isGone))
        {
            if (!isGone)
            {
                // It has a header, or cannot be read just now: whatever it is, it may hold what nobody else does.
                return false;
            }
        }

        if (ExtentReader.TryReadContents(volume, set.Drives) is not { } rows)
        {
            set.Report("volume_unreadable", $"volume {volume.Id:x8}: its contents cannot be read from any drive now");
            return false;
        }

        var end = rows.Count == 0 ? VolumeLayout.FirstRecord : rows.Max(row => row.Offset + row.RecordLength);
        SafeFileHandle? file = null;
        try
        {
            await drive.RunWithinLimitAsync(() => file = drive.CreateExtent(volume.Id, end));
            await drive.RunWithinLimitAsync(() => PosixFile.Write(file!, volume.HeaderOf(shard, set.Id, time.GetUtcNow()).Encode(), 0, drive.Describe(volume.Id)));
            foreach (var row in rows)
            {
                cancellation.ThrowIfCancellationRequested();
                await giveWay(cancellation);
                if (TryCompute(volume, row.Offset, row.Sequence, [shard]) is not [var bytes])
                {
                    if (set.Drives.All(other => other.CanRead))
                    {
                        // Lost, with every drive there: it must not keep the others of this volume from being whole. Scrub names it.
                        continue;
                    }

                    set.Report("rebuild_deferred", $"volume {volume.Id:x8} at {row.Offset}: too few shards are whole now; the extent on drive {drive.Slot} is not made yet");
                    await drive.RunWithinLimitAsync(() => drive.DropUnpublished(volume.Id));
                    return false;
                }

                await drive.RunWithinLimitAsync(() => PosixFile.Write(file!, bytes, row.Offset, drive.Describe(volume.Id)));
                progress(bytes.Length);
            }

            var contents = OpenVolume.ContentsRecord(volume, shard, rows, set.NextSequence(), time.GetUtcNow());
            await drive.RunWithinLimitAsync(() =>
            {
                OpenVolume.SealExtent(file!, drive.Describe(volume.Id), contents, end, volume.Generation);

                // In the place of one whose header was gone: every record of it was computed from the others.
                drive.PublishExtent(volume.Id, replace: true);
            });
            volume.Place(shard, drive.Slot);
            return true;
        }
        catch (PosixException exception)
        {
            SuspectUnlessFull(drive, exception);
            return false;
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>Looks through an extent that may lack something, writes what is missing again, and seals it; false if that cannot be done now.</summary>
    public async Task<bool> TryMendAsync(Volume volume, int shard, Func<CancellationToken, Task> giveWay, CancellationToken cancellation)
    {
        if (volume.ReadableDrive(shard, set.Drives) is not { CanWrite: true } drive || ExtentReader.TryReadContents(volume, set.Drives) is not { } rows)
        {
            return false;
        }

        var isWhole = true;
        foreach (var row in rows)
        {
            cancellation.ThrowIfCancellationRequested();
            await giveWay(cancellation);
            isWhole &= await TryRepairRecordAsync(volume, row.Offset, row.Sequence);
        }

        if (!isWhole)
        {
            return false;
        }

        using var extent = ExtentReader.TryOpen(drive, volume.Id, out var isGone);
        if (extent is null)
        {
            if (isGone)
            {
                // No reader uses it, and it is made again as a whole.
                volume.Place(shard, -1);
            }

            return isGone;
        }

        if (extent.TryReadContents() is not null)
        {
            return true;
        }

        try
        {
            var end = Math.Max(rows.Count == 0 ? VolumeLayout.FirstRecord : rows.Max(row => row.Offset + row.RecordLength), (extent.Length + VolumeLayout.Alignment - 1) / VolumeLayout.Alignment * VolumeLayout.Alignment);
            var contents = OpenVolume.ContentsRecord(volume, shard, rows, set.NextSequence(), time.GetUtcNow());
            await drive.RunWithinLimitAsync(() =>
            {
                using var file = drive.OpenExtent(volume.Id, forWriting: true);
                OpenVolume.SealExtent(file, drive.Describe(volume.Id), contents, end, volume.Generation);
            });
            set.Report("extent_mended", $"{drive.Describe(volume.Id)} lacked something, and is whole again");
            return true;
        }
        catch (PosixException exception)
        {
            SuspectUnlessFull(drive, exception);
            return false;
        }
    }

    /// <summary>A full drive is no bad one.</summary>
    private void SuspectUnlessFull(Drive drive, PosixException exception)
    {
        if (exception.IsFull)
        {
            set.Report("drive_full", $"drive {drive.Slot} ({drive.Path}) has no room for what it should hold");
            return;
        }

        drive.Suspect(exception.Message);
    }

    /// <summary>Whole records (header and shard) of the wanted shards, computed from others; null if too few are whole.</summary>
    private unsafe byte[][]? TryCompute(Volume volume, long offset, ulong sequence, IReadOnlyList<int> wanted)
    {
        using var shards = new ShardSet(set.Drives, volume, offset, sequence, fromDisk: true);
        if (shards.AnyRecord() is not { } any)
        {
            return null;
        }

        var code = volume.Code;
        var stride = ErasureCode.Stride(Math.Max(1, any.ShardLength));
        var memory = (byte*)NativeMemory.AlignedAlloc((nuint)((long)stride * (code.Data + wanted.Count)), 64);
        try
        {
            var (sources, addresses) = (new List<int>(), new List<nint>());
            for (var shard = 0; shard < code.Total && sources.Count < code.Data; shard++)
            {
                if (!wanted.Contains(shard) && shards.TryReadShard(shard) is { } bytes)
                {
                    var place = memory + ((long)sources.Count * stride);
                    bytes.CopyTo(new Span<byte>(place, bytes.Length));
                    sources.Add(shard);
                    addresses.Add((nint)place);
                }
            }

            if (sources.Count < code.Data)
            {
                return null;
            }

            var results = wanted.Select((_, i) => (nint)(memory + ((long)(code.Data + i) * stride))).ToArray();
            code.Reconstruct(CollectionsMarshal.AsSpan(sources), CollectionsMarshal.AsSpan(addresses), [.. wanted], results, any.ShardLength);
            return [.. wanted.Select((shard, i) => Record(any, shard, new ReadOnlySpan<byte>((byte*)results[i], any.ShardLength)))];
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }

    private static byte[] Record(RecordHeader any, int shard, ReadOnlySpan<byte> content)
    {
        var record = any with { Shard = shard, BlockHashes = RecordHeader.HashBlocks(content, any.Sequence, shard) };
        var bytes = new byte[record.RecordLength];
        record.Write(bytes);
        content.CopyTo(bytes.AsSpan(record.DataOffset));
        return bytes;
    }
}
