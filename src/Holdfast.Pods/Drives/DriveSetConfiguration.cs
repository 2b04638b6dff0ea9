using Holdfast.Pods.Converting;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Drives;

/// <summary>Which drives make a pod, as the operator lists them; kept beside the service's other settings.</summary>
/// <param name="Set">The set that all of them belong to.</param>
/// <param name="Drives">Their directories, by slot.</param>
/// <param name="WriteFloor">Drives that must have a write, if the operator declared another number than the usual.</param>
public sealed record DriveSetConfiguration(Guid Set, IReadOnlyList<string> Drives, int? WriteFloor = null)
{
    /// <summary>Makes empty directories the drives of a new set.</summary>
    public static DriveSetConfiguration Create(IReadOnlyList<string> paths)
    {
        if (paths.Count is 0 or > ShardCode.DrivesMax || paths.Select(Path.GetFullPath).Distinct(StringComparer.Ordinal).Count() != paths.Count)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A set has 1 to {ShardCode.DrivesMax} drives, each in a directory of its own.");
        }

        foreach (var path in paths)
        {
            RefuseUnlessEmpty(path);
        }

        var configuration = new DriveSetConfiguration(Guid.NewGuid(), [.. paths.Select(Path.GetFullPath)]);
        for (var slot = 0; slot < paths.Count; slot++)
        {
            new DriveMark(DriveMark.CurrentVersion, Guid.NewGuid(), configuration.Set, slot, paths.Count).Write(configuration.Drives[slot]);
        }

        return configuration;
    }

    /// <summary>Takes a single drive as it is: one of the first layout becomes the only one of a new set.</summary>
    public static DriveSetConfiguration Adopt(string path)
    {
        if (FirstLayout.IsOn(path))
        {
            return FirstLayout.Adopt(path);
        }

        var mark = DriveMark.Read(path);
        return mark.Drives == 1
            ? new DriveSetConfiguration(mark.Set, [Path.GetFullPath(path)])
            : throw new HoldfastException(FailureTable.ForeignDrive, $"{path} is drive {mark.Slot} of {mark.Drives}; list all of them.");
    }

    /// <summary>Puts an empty directory into the place of a drive that is lost; what it should hold is computed from the others once the pod runs.</summary>
    public DriveSetConfiguration Replace(int slot, string path)
    {
        if (slot < 0 || slot >= Drives.Count)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"There is no drive {slot}: they are 0 to {Drives.Count - 1}.");
        }

        RefuseUnlessEmpty(path);
        new DriveMark(DriveMark.CurrentVersion, Guid.NewGuid(), Set, slot, Drives.Count).Write(path);
        return this with { Drives = [.. Drives.Select((drive, index) => index == slot ? Path.GetFullPath(path) : drive)] };
    }

    private static void RefuseUnlessEmpty(string path)
    {
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(entry => Path.GetFileName(entry) != "lost+found"))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{path} is not empty. Nothing was changed.");
        }
    }
}
