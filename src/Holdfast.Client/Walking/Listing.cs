using System.Security.Cryptography;
using Holdfast.Client.Computers;
using Holdfast.Format.Objects;

namespace Holdfast.Client.Walking;

/// <summary>The remembered walk of one set of paths, in the cache.</summary>
internal static class Listing
{
    public static string PathOf(ComputerFolders folders, AccountId account, IReadOnlyList<byte[]> paths)
    {
        var folder = Path.Combine(folders.Cache, "listings");
        Directory.CreateDirectory(folder);
        var name = SHA256.HashData([.. account.ToArray(), .. paths.SelectMany(path => path.Append((byte)0))]);
        return Path.Combine(folder, Convert.ToHexStringLower(name.AsSpan(0, 16)));
    }
}
