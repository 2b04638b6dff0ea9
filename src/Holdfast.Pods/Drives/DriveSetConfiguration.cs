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

    /// <summary>Takes drives as they are, in any order: their marks say which set they are and in which place. Of one that is not given, the place is missing until it is replaced.</summary>
    /// <param name="paths">Drives of one set, or a single one of the first layout, which becomes the only one of a new set.</param>
    public static DriveSetConfiguration Adopt(params IReadOnlyList<string> paths)
    {
        if (paths is [var only] && FirstLayout.IsOn(only))
        {
            return FirstLayout.Adopt(only);
        }

        var marks = paths.Select(path => (Path: Path.GetFullPath(path), Mark: DriveMark.Read(path))).ToList();
        if (marks.Count == 0)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "No drive was named.");
        }

        var first = marks[0];
        if (marks.FirstOrDefault(other => other.Mark.Set != first.Mark.Set || other.Mark.Drives != first.Mark.Drives) is { Path: not null } foreign)
        {
            throw new HoldfastException(FailureTable.ForeignDrive, $"{foreign.Path} is a drive of set {foreign.Mark.Set}, {first.Path} of set {first.Mark.Set}. Nothing was touched.");
        }

        if (marks.GroupBy(drive => drive.Mark.Slot).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new HoldfastException(FailureTable.ForeignDrive, $"{string.Join(" and ", twice.Select(drive => drive.Path))} are both drive {twice.Key}: one of them was replaced. Name the newer one. Nothing was touched.");
        }

        var bySlot = marks.ToDictionary(drive => drive.Mark.Slot, drive => drive.Path);
        return new DriveSetConfiguration(first.Mark.Set, [.. Enumerable.Range(0, first.Mark.Drives).Select(slot => bySlot.GetValueOrDefault(slot, MissingPath(slot)))]);
    }

    /// <summary>What was listed before of the same set fills in what is not known here: paths of drives that were not named, and a declared write floor.</summary>
    public DriveSetConfiguration With(DriveSetConfiguration? known) => known is null || known.Set != Set || known.Drives.Count != Drives.Count
        ? this : this with { Drives = [.. Drives.Select((path, slot) => path == MissingPath(slot) ? known.Drives[slot] : path)], WriteFloor = known.WriteFloor };

    private static string MissingPath(int slot) => $"/drive-{slot}-is-missing";

    /// <summary>Puts an empty directory into the place of a drive that is lost; what it should hold is computed from the others once the pod runs.</summary>
    public DriveSetConfiguration Replace(int slot, string path)
    {
        if (slot < 0 || slot >= Drives.Count)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"There is no drive {slot}: they are 0 to {Drives.Count - 1}.");
        }

        if (!IsBegun(slot, path))
        {
            RefuseUnlessEmpty(path);
            new DriveMark(DriveMark.CurrentVersion, Guid.NewGuid(), Set, slot, Drives.Count).Write(path);
        }

        return this with { Drives = [.. Drives.Select((drive, index) => index == slot ? Path.GetFullPath(path) : drive)] };
    }

    /// <summary>True of a directory that was marked for this place before, and holds nothing yet: an attempt that did not get further.</summary>
    private bool IsBegun(int slot, string path)
    {
        try
        {
            var extents = Path.Combine(path, Drive.ExtentFolder);
            return !Drives.Contains(Path.GetFullPath(path), StringComparer.Ordinal) && DriveMark.Read(path) is var mark && mark.Set == Set && mark.Slot == slot
                && (!Directory.Exists(extents) || !Directory.EnumerateFileSystemEntries(extents).Any());
        }
        catch (HoldfastException)
        {
            // It has no mark, or a newer one: it is refused unless it is empty.
            return false;
        }
    }

    private static void RefuseUnlessEmpty(string path)
    {
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(entry => Path.GetFileName(entry) != "lost+found"))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{path} is not empty. Nothing was changed.");
        }
    }
}
