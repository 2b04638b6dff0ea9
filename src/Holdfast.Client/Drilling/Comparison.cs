using System.Security.Cryptography;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Drilling;

/// <summary>Compares a restored file with what its snapshot says, and with the same file on this computer while that is unchanged.</summary>
internal static class Comparison
{
    public static DrilledFile Compare(OpenedSnapshot snapshot, string path, TreeEntry entry, string restored, bool isOwn)
    {
        var found = TryHash(restored);
        if (found is null || new FileInfo(restored).Length != (long)entry.Size)
        {
            return new DrilledFile(snapshot.ShortId, path, (long)entry.Size, "", DrillResult.Lost, "it was not restored, or not to its length");
        }

        var result = DrillResult.Restored;
        if (isOwn && IsUnchanged(path, entry) && TryHash(path) is { } original && IsUnchanged(path, entry))
        {
            result = original == found ? DrillResult.Identical : DrillResult.Different;
        }

        return new DrilledFile(snapshot.ShortId, path, (long)entry.Size, found, result);
    }

    private static bool IsUnchanged(string path, TreeEntry entry) =>
        new FileInfo(path) is { Exists: true } file && file.Length == (long)entry.Size
        && file.LastWriteTimeUtc == DateTimeOffset.UnixEpoch.AddSeconds(entry.ModifiedSeconds).AddTicks(entry.ModifiedNanoseconds / 100).UtcDateTime;

    private static string? TryHash(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Not there, or not to be read: the caller says what that means.
            return null;
        }
    }
}
