using System.Security.Cryptography;
using System.Text;
using Holdfast.Posix;

namespace Holdfast.Permissions.Journaling;

/// <summary>Maps that a tree was, or began to be, changed by, of those that must not be applied twice: a line each, beside the tree's journal, for ever.</summary>
internal sealed class AppliedMaps(string path)
{
    /// <summary>Notes a map; false if it is there already.</summary>
    public bool TryAdd(string map)
    {
        var line = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(map)));
        if (File.Exists(path) && File.ReadLines(path).Contains(line))
        {
            return false;
        }

        using var file = new FileStream(path, FileMode.Append, FileAccess.Write);
        file.Write(Encoding.UTF8.GetBytes(line + "\n"));
        file.Flush();
        PosixFile.Sync(file.SafeFileHandle, path);
        return true;
    }
}
