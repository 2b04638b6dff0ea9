using System.Globalization;
using Holdfast.Permissions.Walking;

namespace Holdfast.Permissions.Estimating;

/// <summary>What a tree lies on: rates of one kind say nothing about another.</summary>
/// <param name="FileSystem">ext4, xfs, nfs…</param>
/// <param name="IsRotating">Disks turn; null where the machine does not say.</param>
public sealed record Medium(string FileSystem, bool? IsRotating)
{
    internal static Medium Of(TreeRoot root)
    {
        var device = root.Status.Device;
        return new Medium(FindFileSystem(root.Status.Mount) ?? "unknown", FindRotating($"{device >> 32}:{(uint)device}"));
    }

    /// <summary>From /proc/self/mountinfo (proc(5)): the mount's number comes first, the file system behind a dash.</summary>
    private static string? FindFileSystem(ulong mount)
    {
        var number = mount.ToString(CultureInfo.InvariantCulture);
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
        {
            var words = line.Split(' ');
            if (words[0] == number && Array.IndexOf(words, "-") is > 0 and var dash && dash + 1 < words.Length)
            {
                return words[dash + 1];
            }
        }

        return null;
    }

    /// <summary>A partition has no queue of its own: its disk, the folder above, has.</summary>
    private static bool? FindRotating(string device)
    {
        foreach (var path in new[] { $"/sys/dev/block/{device}/queue/rotational", $"/sys/dev/block/{device}/../queue/rotational" })
        {
            if (File.Exists(path))
            {
                return File.ReadAllText(path).Trim() == "1";
            }
        }

        return null;
    }
}
