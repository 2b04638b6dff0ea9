using System.Text.Json;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Drives;

/// <summary>The file <c>drive.hf</c> that makes a directory a drive. Without it a mount is missing: the drive is refused, never taken for empty.</summary>
internal sealed record DriveMark(int Version, Guid Drive)
{
    public const string FileName = "drive.hf";
    private const int CurrentVersion = 1;

    /// <summary>Reads the mark; a directory without one is refused.</summary>
    public static DriveMark Read(string root)
    {
        var path = Path.Combine(root, FileName);
        if (!File.Exists(path))
        {
            throw new HoldfastException(FailureTable.PodUnavailable,
                $"{root} has no {FileName}: its disk is not mounted, or it was never made a drive. It is not used, so that nothing is taken for lost.");
        }

        var mark = JsonSerializer.Deserialize<DriveMark>(File.ReadAllBytes(path));
        return mark is { Version: CurrentVersion }
            ? mark
            : throw new HoldfastException(FailureTable.NewerVersion, $"{path} is of version {mark?.Version}; this program knows version {CurrentVersion}.");
    }

    /// <summary>Makes an empty directory a drive, durably.</summary>
    public static void Create(string root, Guid drive)
    {
        Directory.CreateDirectory(root);
        using var directory = DirectoryHandle.Open(root);
        using (var file = directory.OpenFile("drive.hf.new"u8, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, 0x180))
        {
            PosixFile.Write(file, JsonSerializer.SerializeToUtf8Bytes(new DriveMark(CurrentVersion, drive)), 0, FileName);
            PosixFile.Sync(file, FileName);
        }

        directory.Rename("drive.hf.new"u8, directory, "drive.hf"u8, replace: true);
        directory.Sync();
    }
}
