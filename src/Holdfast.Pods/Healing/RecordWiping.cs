using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Pods.Volumes;
using Holdfast.Posix;

namespace Holdfast.Pods.Healing;

/// <summary>Makes deleted records zeros on every drive, in place: what is left says only where an object lay. Blocks of long ones go back to the disk.</summary>
/// <remarks>
/// A stripe of zeros has a parity of zeros: scrubbing, repairing and rebuilding go on as with any record. A record is done when every drive of the set has zeros there, or nothing; until
/// then it stays in the index's list, and nothing computes it again: neither from shards that still are somewhere, nor onto a new drive. A drive that is away gets its zeros when it is back.
/// </remarks>
internal sealed class RecordWiping(DriveSet set, PodIndex index)
{
    /// <summary>Shorter records are written over, byte by byte; of longer ones the blocks are given back.</summary>
    private const int OverwrittenMax = 256 << 10;

    private long AllSlots => (1L << set.Drives.Count) - 1;

    /// <summary>Drives that can be wiped on now, a bit for each slot.</summary>
    public long WritableSlots => set.Drives.Where(drive => drive.CanWrite).Aggregate(0L, (slots, drive) => slots | (1L << drive.Slot));

    /// <summary>What stands before a shard's zeros.</summary>
    public static RecordHeader HeaderOf(Volume volume, ObjectPlace place, int shard)
    {
        var shardLength = volume.Code.ShardLength(place.Length);
        return new RecordHeader
        {
            Type = RecordType.Wiped, Shard = shard, Name = place.Name, Volume = volume.Id, Generation = volume.Generation, Sequence = place.Sequence, Time = place.StoredAt,
            ObjectLength = place.Length, ShardLength = shardLength, BlockHashes = RecordHeader.HashZeros(shardLength, place.Sequence, shard),
        };
    }

    /// <summary>Wipes records of one volume on every drive that can be written; false if that failed on one of them.</summary>
    public async Task<bool> TryWipeAsync(IReadOnlyList<ObjectPlace> places)
    {
        var writable = set.Drives.Where(drive => drive.CanWrite).ToList();
        var done = set.Volumes.Find(places[0].Volume) is { } volume
            ? await Task.WhenAll(writable.Select(drive => TryWipeAsync(drive, volume, places)))
            : [.. writable.Select(drive => !drive.HasExtent(places[0].Volume))];
        index.Wiped(places, writable.Where((_, i) => done[i]).Aggregate(0L, (slots, drive) => slots | (1L << drive.Slot)), AllSlots);
        return done.All(isDone => isDone);
    }

    private async Task<bool> TryWipeAsync(Drive drive, Volume volume, IReadOnlyList<ObjectPlace> places)
    {
        try
        {
            var isDone = true;
            await drive.RunWithinLimitAsync(() => isDone = TryWipe(drive, volume, places));
            return isDone;
        }
        catch (PosixException exception)
        {
            if (exception.IsFull)
            {
                set.Report("drive_full", $"drive {drive.Slot} ({drive.Path}) has no room to write zeros over what is deleted");
            }
            else
            {
                drive.Suspect(exception.Message);
            }

            return false;
        }
    }

    /// <summary>Whatever shard the drive holds, also one that was computed onto another drive while this one was away.</summary>
    private bool TryWipe(Drive drive, Volume volume, IReadOnlyList<ObjectPlace> places)
    {
        using var extent = ExtentReader.TryOpen(drive, volume.Id, out var isGone);
        if (extent is null)
        {
            if (!isGone)
            {
                drive.Suspect($"{drive.Describe(volume.Id)} cannot be read");
            }

            // One without a readable header may hold it all the same, until it is made again as a whole.
            return isGone && !drive.HasExtent(volume.Id);
        }

        if (extent.Header.Generation != volume.Generation)
        {
            return true;
        }

        using var file = drive.OpenExtent(volume.Id, forWriting: true);
        var path = drive.Describe(volume.Id);
        foreach (var place in places)
        {
            var header = HeaderOf(volume, place, extent.Header.Shard);
            if (extent.TryReadRecord(place.Offset) is { } there && (there.Sequence != place.Sequence || there.RecordLength != header.RecordLength))
            {
                // The index is wrong about this place: what is there is not touched.
                set.Report("wipe_refused", $"{drive.Describe(volume.Id)} at {place.Offset}: another record than the deleted one lies there; it was left as it is");
                continue;
            }

            var isLong = header.RecordLength > OverwrittenMax;
            var record = new byte[isLong ? header.DataOffset : header.RecordLength];
            header.Write(record);
            PosixFile.Write(file, record, place.Offset, path);
            if (isLong && !PosixFile.TryPunchHole(file, place.Offset + header.DataOffset, header.RecordLength - header.DataOffset, path))
            {
                PosixFile.Write(file, new byte[header.RecordLength - header.DataOffset], place.Offset + header.DataOffset, path);
            }
        }

        PosixFile.SyncData(file, path);
        return true;
    }
}
