using System.Collections.Concurrent;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Pods.Volumes;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Healing;

/// <summary>Computes what drives have lost from what the others hold: single shards in place, and whole extents onto a drive that has none.</summary>
/// <param name="set">The drives.</param>
/// <param name="index">Remembers that an extent may lack something, to be mended later; knows which records are wiped.</param>
/// <param name="wiping">What is to be wiped is wiped, never computed.</param>
/// <param name="time">Clock.</param>
internal sealed class VolumeRepair(DriveSet set, PodIndex index, RecordWiping wiping, TimeProvider time)
{
    private readonly ConcurrentDictionary<(uint, long), bool> _lost = new();

    /// <summary>The shards of one record that are not whole on drives that should hold them, as the disks have them.</summary>
    public List<int> FindBad(Volume volume, long offset, ulong sequence)
    {
        using var extents = new VolumeExtents(set.Drives, volume, fromDisk: true);
        var shards = new ShardSet(extents, offset, sequence);
        return [.. Enumerable.Range(0, volume.Code.Total).Where(shard => !shards.IsAbsent(shard) && !shards.IsWhole(shard))];
    }

    /// <summary>How many shards of a record are whole, as the disks have them.</summary>
    public int CountWhole(Volume volume, long offset, ulong sequence)
    {
        using var extents = new VolumeExtents(set.Drives, volume, fromDisk: true);
        return Enumerable.Range(0, volume.Code.Total).Count(new ShardSet(extents, offset, sequence).IsWhole);
    }

    /// <summary>Writes the bad shards of one record again, in place, and reads them back; false if too few others are whole.</summary>
    public async Task<bool> TryRepairRecordAsync(Volume volume, long offset, ulong sequence)
    {
        if (index.FindWipe(volume.Id, offset) is { } wipe)
        {
            return await wiping.TryWipeAsync([wipe]);
        }

        var found = FindBad(volume, offset, sequence);
        if (found.Count == 0)
        {
            return true;
        }

        // A drive may be replaced while this looks.
        var bad = (from shard in found let drive = volume.ReadableDrive(shard, set.Drives) where drive is { CanWrite: true } select (Shard: shard, Drive: drive)).ToList();
        if (bad.Count == 0)
        {
            // What cannot be written to is rebuilt elsewhere, or mended when it can.
            return false;
        }

        using var extents = new VolumeExtents(set.Drives, volume, fromDisk: true);
        if (await LostShards.TryComputeAsync(extents, offset, sequence, bad.ConvertAll(item => item.Shard), LostShards.NewMemory, null, CancellationToken.None) is not { } records)
        {
            if (_lost.TryAdd((volume.Id, offset), true))
            {
                set.Report("record_lost", $"volume {volume.Id:x8} at {offset}: more than {volume.Code.Parity} shards are damaged or missing; it cannot be repaired now");
            }

            return false;
        }

        for (var i = 0; i < bad.Count; i++)
        {
            var ((shard, drive), bytes) = (bad[i], records[i]);
            try
            {
                await drive.RunWithinLimitAsync(() =>
                {
                    using (var extent = ExtentReader.TryOpen(drive, volume.Id))
                    {
                        if (extent is not null && (extent.Header.Generation != volume.Generation || extent.Header.Shard != shard))
                        {
                            // Another shard lies there by now.
                            return;
                        }

                        if (extent?.TryReadRecord(offset) is { Type: RecordType.Wiped } wiped && wiped.Sequence == sequence && bytes[9] != (byte)RecordType.Wiped)
                        {
                            // It was deleted while this was computed.
                            return;
                        }
                    }

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
        foreach (var (shard, drive) in bad.Where(item => left.Contains(item.Shard)))
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
    /// <param name="pace">How much of the time it may take from customers.</param>
    /// <param name="cancellation">Ends it between two records.</param>
    public async Task<bool> TryRebuildAsync(Volume volume, int shard, Drive drive, Action<long> progress, Pace pace, CancellationToken cancellation)
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
            if (!await TryFillAsync(file!, volume, shard, drive, rows, progress, pace, cancellation))
            {
                return false;
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
        catch (OperationCanceledException)
        {
            await DropAsync(drive, volume);
            throw;
        }
        catch (PosixException exception)
        {
            SuspectUnlessFull(drive, exception);
            await DropAsync(drive, volume);
            return false;
        }
        finally
        {
            file?.Dispose();
        }
    }

    /// <summary>An extent that is not made any further: nobody looks into it, and what is deleted meanwhile must not stay in it.</summary>
    private static async Task DropAsync(Drive drive, Volume volume)
    {
        if (drive.CanWrite)
        {
            await drive.RunWithinLimitAsync(() => drive.DropUnpublished(volume.Id)).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    /// <summary>Computes record after record; while one is written the next is computed.</summary>
    private async Task<bool> TryFillAsync(
        SafeFileHandle file, Volume volume, int shard, Drive drive, List<ContentsRow> rows, Action<long> progress, Pace pace, CancellationToken cancellation)
    {
        using var extents = new VolumeExtents(set.Drives, volume, fromDisk: true);
        // One is written while the other is computed.
        var longest = rows.Count == 0 ? 0 : rows.Max(row => row.RecordLength);
        byte[][] buffers = [LostShards.NewMemory(longest), LostShards.NewMemory(longest)];
        var turn = 0;
        var writing = Task.CompletedTask;
        var isLacking = false;
        try
        {
            for (var i = 0; i < rows.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                await pace.GiveWayAsync(cancellation);
                var row = rows[i];
                if (i + 1 < rows.Count && pace.IsFree)
                {
                    // Drives go on while this record is computed: 1.6 times as fast as without, on one disk.
                    LostShards.Prefetch(extents, rows[i + 1]);
                }

                byte[] NextMemory(int length) => length <= longest ? buffers[turn++ % 2] : LostShards.NewMemory(length);
                var record = index.FindWipe(volume.Id, row.Offset) is { } wipe ? Zeros(volume, wipe, shard, NextMemory)
                    : await LostShards.TryComputeAsync(extents, row.Offset, row.Sequence, [shard], NextMemory, pace, cancellation) is [var computed] ? computed : null;
                if (record is null)
                {
                    if (set.Drives.All(other => other.CanRead) && extents.AreAllOpen)
                    {
                        // Lost, with every drive there: it must not keep the others of this volume from being whole. Scrub names it.
                        isLacking = true;
                        continue;
                    }

                    set.Report("rebuild_deferred", $"volume {volume.Id:x8} at {row.Offset}: too few shards are whole now; the extent on drive {drive.Slot} is not made yet");
                    await writing;
                    await drive.RunWithinLimitAsync(() => drive.DropUnpublished(volume.Id));
                    return false;
                }

                await writing;
                writing = drive.RunWithinLimitAsync(() =>
                {
                    PosixFile.Write(file, record.AsSpan(0, row.RecordLength), row.Offset, drive.Describe(volume.Id));

                    // Not all at once at the end, while customers wait.
                    PosixFile.BeginWriteBack(file, row.Offset, row.RecordLength);
                });
                progress(row.RecordLength);
                extents.DropCache(row.Offset, row.RecordLength);
            }
        }
        finally
        {
            // Nothing writes to the file any more when it is closed; a write that failed ends the rebuild of this extent.
            await writing;
        }

        if (isLacking)
        {
            index.Doubt(volume.Id, shard);
        }

        return true;
    }

    private static byte[] Zeros(Volume volume, ObjectPlace wipe, int shard, Func<int, byte[]> memory)
    {
        var header = RecordWiping.HeaderOf(volume, wipe, shard);
        var record = memory(header.RecordLength);
        record.AsSpan(0, header.RecordLength).Clear();
        header.Write(record);
        return record;
    }

    /// <summary>Looks through an extent that may lack something, writes what is missing again, and seals it; false if that cannot be done now.</summary>
    public async Task<bool> TryMendAsync(Volume volume, int shard, Pace pace, CancellationToken cancellation)
    {
        if (volume.ReadableDrive(shard, set.Drives) is not { CanWrite: true } drive || ExtentReader.TryReadContents(volume, set.Drives) is not { } rows)
        {
            return false;
        }

        var isWhole = true;
        foreach (var row in rows)
        {
            cancellation.ThrowIfCancellationRequested();
            await pace.GiveWayAsync(cancellation);
            isWhole &= await TryRepairRecordAsync(volume, row.Offset, row.Sequence);
            if (volume.ReadableDrive(shard, set.Drives) != drive)
            {
                // It stopped answering, or was replaced: what is absent was not looked at.
                return false;
            }
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
            var end = extent.WrittenEnd(rows.Count == 0 ? VolumeLayout.FirstRecord : rows.Max(row => row.Offset + row.RecordLength));
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
}
