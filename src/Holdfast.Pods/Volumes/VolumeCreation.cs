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
        var made = ChooseDrives(volume).Select(choice => (Drive: set.Drives[choice.Slot], choice.Shard, Task: set.Drives[choice.Slot].RunAsync(() => set.Drives[choice.Slot].CreateExtent(volume.Id, extentLength)))).ToList();
        await answers.WaitForEnoughAsync(made.ConvertAll(item => (item.Drive, (Task)item.Task)), made.Count, isFullSuspect: false);
        var files = new SafeFileHandle?[volume.Code.Total];
        foreach (var (drive, shard, task) in made)
        {
            if (task.IsCompletedSuccessfully)
            {
                files[shard] = await task;
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
            Discard(volume, files);
            throw made.Select(item => item.Task.Exception?.InnerException).OfType<PosixException>().FirstOrDefault(exception => exception.IsFull) is not { } full
                ? new HoldfastException(FailureTable.PodUnavailable, $"Only {made.Count(item => item.Task.IsCompletedSuccessfully)} drives take writes; {set.FloorOf(volume)} are needed. `holdfastd pod status` says which are missing.")
                : isLast ? new HoldfastException(FailureTable.PodFull, "Too few drives have room for another extent.", full) : full;
        }

        await PublishAsync(volume, files);
        if (Placed(volume) < set.FloorOf(volume))
        {
            Discard(volume, files);
            throw new HoldfastException(FailureTable.PodUnavailable, $"Only {Placed(volume)} drives took a new extent; {set.FloorOf(volume)} are needed. `holdfastd pod status` says which are missing.");
        }

        set.Volumes.Add(volume);
        return new OpenVolume(volume, files, extentLength);
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
    private async Task PublishAsync(Volume volume, SafeFileHandle?[] files)
    {
        var published = Enumerable.Range(0, files.Length).Where(shard => files[shard] is not null).Select(shard =>
        {
            var (drive, file) = (set.Drives[volume.SlotOf(shard)], files[shard]!);
            var header = volume.HeaderOf(shard, set.Id, time.GetUtcNow()).Encode();
            return (Drive: drive, Shard: shard, Task: drive.RunAsync(() =>
            {
                PosixFile.Write(file, header, 0, drive.Describe(volume.Id));
                PosixFile.Sync(file, drive.Describe(volume.Id));
                drive.PublishExtent(volume.Id, replace: false);
            }));
        }).ToList();
        await answers.WaitForEnoughAsync(published.ConvertAll(item => (item.Drive, item.Task)), published.Count);
        foreach (var (_, shard, task) in published.Where(item => !item.Task.IsCompletedSuccessfully))
        {
            _ = task.ContinueWith(_ => { }, TaskScheduler.Default);
            volume.Place(shard, -1);
            files[shard] = null;
        }
    }

    private void Discard(Volume volume, SafeFileHandle?[] files)
    {
        for (var shard = 0; shard < files.Length; shard++)
        {
            files[shard]?.Dispose();
        }

        foreach (var drive in set.Drives.Where(drive => drive.CanWrite))
        {
            // On its own thread, behind what it still does; nobody waits.
            _ = drive.RunAsync(() => drive.DropUnpublished(volume.Id)).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }
}
