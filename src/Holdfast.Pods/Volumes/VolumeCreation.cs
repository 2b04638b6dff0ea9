using Holdfast.Pods.Drives;
using Holdfast.Pods.Locating;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Volumes;

/// <summary>Makes volumes: reserves an extent on each drive, writes its header, and gives it its name, all durably, before the first record.</summary>
internal sealed class VolumeCreation(DriveSet set, PodIndex index, WriterOptions options, DriveAnswers answers, TimeProvider time)
{
    private const long ExtentLengthMin = 16 << 20;

    /// <summary>A new volume on the drives that are up. Extents are reserved whole, so that an append cannot meet a full disk; on small disks they are smaller.</summary>
    public async Task<OpenVolume> CreateAsync(long recordLength)
    {
        var needed = Math.Max(ExtentLengthMin, VolumeLayout.FirstRecord + recordLength + (64 << 10));
        for (var length = options.ExtentLength; ; length /= 4)
        {
            length = Math.Max(length, needed);
            try
            {
                return await CreateAsync(length, isLast: length == needed);
            }
            catch (PosixException exception) when (exception.IsFull && length > needed)
            {
                // A smaller one may fit.
            }
        }
    }

    private async Task<OpenVolume> CreateAsync(long extentLength, bool isLast)
    {
        var (data, parity) = set.CodeOf(options.Kind);
        var volume = new Volume(set.Volumes.NextId(), options.Kind, Guid.NewGuid(), data, parity);
        index.Reserve(volume.Id, volume.Generation);
        var made = (from choice in ChooseDrives(volume) let drive = set.Drives[choice.Slot] select (Drive: drive, choice.Shard, Task: drive.RunAsync(() => drive.CreateExtent(volume.Id, extentLength)))).ToList();
        await answers.WaitForEnoughAsync(made.ConvertAll(item => (item.Drive, (Task)item.Task)), made.Count, isFullSuspect: false);
        var extents = new List<OpenExtent>();
        foreach (var (drive, shard, task) in made)
        {
            if (task.IsCompletedSuccessfully)
            {
                extents.Add(new OpenExtent(shard, drive, await task));
                volume.Place(shard, drive.Slot);
            }
            else
            {
                // Whenever it comes, nobody waits for it any more.
                _ = task.ContinueWith(late => late.IsCompletedSuccessfully ? DisposeLateAsync(late) : Task.CompletedTask, TaskScheduler.Default);
            }
        }

        if (Placed(volume) < set.FloorOf(volume))
        {
            Discard(volume, extents);
            throw made.Select(item => item.Task.Exception?.InnerException).OfType<PosixException>().FirstOrDefault(exception => exception.IsFull) is not { } full
                ? new HoldfastException(FailureTable.PodUnavailable, $"Only {made.Count(item => item.Task.IsCompletedSuccessfully)} drives take writes; {set.FloorOf(volume)} are needed. `holdfastd pod status` says which are missing.")
                : isLast ? new HoldfastException(FailureTable.PodFull, "Too few drives have room for another extent.", full) : full;
        }

        await PublishAsync(volume, extents);
        if (Placed(volume) < set.FloorOf(volume))
        {
            Discard(volume, extents);
            throw new HoldfastException(FailureTable.PodUnavailable, $"Only {Placed(volume)} drives took a new extent; {set.FloorOf(volume)} are needed. `holdfastd pod status` says which are missing.");
        }

        set.Volumes.Add(volume);
        return new OpenVolume(volume, extents, extentLength, options.FillMax);
    }

    private static async Task DisposeLateAsync(Task<SafeFileHandle> late) => (await late).Dispose();

    private static int Placed(Volume volume) => volume.Code.Total - volume.MissingShards().Count();

    /// <summary>Each volume begins on another drive, so that what is read and what is copied spreads over all.</summary>
    private List<(int Shard, int Slot)> ChooseDrives(Volume volume)
    {
        var up = Enumerable.Range(0, set.Drives.Count).Select(index => (int)((index + volume.Id) % set.Drives.Count)).ToList();
        return options.Kind == VolumeKind.Coded
            ? [.. up.Select((slot, shard) => (shard, slot)).Where(choice => set.Drives[choice.slot].CanWrite)]
            : [.. up.Where(slot => set.Drives[slot].CanWrite).Take(volume.Code.Total).Select((slot, shard) => (shard, slot))];
    }

    /// <summary>Extents get their headers and their names; a drive on which that failed holds no shard of the volume, and counts for nothing.</summary>
    private async Task PublishAsync(Volume volume, List<OpenExtent> extents)
    {
        var published = extents.ConvertAll(extent =>
        {
            var (shard, drive, file) = extent;
            var header = volume.HeaderOf(shard, set.Id, time.GetUtcNow()).Encode();
            return (Extent: extent, Task: drive.RunAsync(() =>
            {
                PosixFile.Write(file, header, 0, drive.Describe(volume.Id));
                PosixFile.Sync(file, drive.Describe(volume.Id));
                drive.PublishExtent(volume.Id, replace: false);
            }));
        });
        await answers.WaitForEnoughAsync(published.ConvertAll(item => (item.Extent.Drive, item.Task)), published.Count);
        foreach (var (extent, task) in published.Where(item => !item.Task.IsCompletedSuccessfully))
        {
            _ = task.ContinueWith(_ => { }, TaskScheduler.Default);
            volume.Place(extent.Shard, -1);
            extents.Remove(extent);
        }
    }

    private void Discard(Volume volume, List<OpenExtent> extents)
    {
        extents.ForEach(extent => extent.File.Dispose());

        foreach (var drive in set.Drives.Where(drive => drive.CanWrite))
        {
            // On its own thread, behind what it still does; nobody waits.
            _ = drive.RunAsync(() => drive.DropUnpublished(volume.Id)).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }
}
