using System.Text;
using System.Text.Json;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Drives;

/// <summary>The file <c>drive.hf</c> that makes a directory a drive of a set, and its copy. Without it a mount is missing: the drive is refused, never taken for empty.</summary>
/// <param name="Version">Of the layout; 1 was a single drive with a file for each object.</param>
/// <param name="Drive">This drive.</param>
/// <param name="Set">The set it belongs to.</param>
/// <param name="Slot">Its place in the set, from 0.</param>
/// <param name="Drives">How many drives the set has.</param>
/// <param name="IsConverting">True while objects of version 1 are being moved into volumes.</param>
public sealed record DriveMark(int Version, Guid Drive, Guid Set, int Slot, int Drives, bool IsConverting = false)
{
    public const string FileName = "drive.hf";
    public const string CopyName = "drive.hf.copy";
    public const int CurrentVersion = 2;

    /// <summary>Reads the mark, or its copy; a directory without one is refused.</summary>
    public static DriveMark Read(string root)
    {
        var found = new[] { FileName, CopyName }.Select(name => TryRead(Path.Combine(root, name))).FirstOrDefault(mark => mark is not null)
            ?? throw new HoldfastException(FailureTable.PodUnavailable,
                $"{root} has no readable {FileName}: its disk is not mounted, or it was never made a drive. It is not used, so that nothing is taken for lost.");
        return found.Version is 1 or CurrentVersion
            ? found
            : throw new HoldfastException(FailureTable.NewerVersion, $"{Path.Combine(root, FileName)} is of layout version {found.Version}; this program knows version {CurrentVersion}.");
    }

    /// <summary>Writes the mark and its copy, durably.</summary>
    public void Write(string root)
    {
        Directory.CreateDirectory(root);
        using var directory = DirectoryHandle.Open(root);
        foreach (var name in new[] { CopyName, FileName })
        {
            var temporary = Encoding.ASCII.GetBytes(name + ".new");
            using (var file = directory.OpenFile(temporary, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Truncate, 0x180))
            {
                PosixFile.Write(file, JsonSerializer.SerializeToUtf8Bytes(this), 0, name);
                PosixFile.Sync(file, name);
            }

            directory.Rename(temporary, directory, Encoding.ASCII.GetBytes(name), replace: true);
            directory.Sync();
        }
    }

    private static DriveMark? TryRead(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<DriveMark>(File.ReadAllBytes(path)) : null;
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            // Torn or unreadable: the copy may be whole.
            return null;
        }
    }
}
