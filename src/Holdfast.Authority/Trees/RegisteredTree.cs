using Holdfast.Posix;

namespace Holdfast.Authority.Trees;

/// <summary>A tree of files that the operator registered because windows will have to walk it: how many entries it has. Names are read and nothing else, so that it is cheap.</summary>
internal static class RegisteredTree
{
    /// <summary>Deeper than any path that a name can be given to; each level is an open directory.</summary>
    private const int DepthMax = 2000;

    private const byte Directory = 4;
    private const byte Unknown = 0;

    /// <summary>Counts the entries below a path, never through a symbolic link. What vanishes meanwhile, or may not be read, counts as one entry.</summary>
    public static long Count(string path, CancellationToken cancellation)
    {
        using var root = DirectoryHandle.Open(path);
        return Count(root, 0, cancellation);
    }

    private static long Count(DirectoryHandle directory, int depth, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var (entries, below) = (0L, new List<byte[]>());
        directory.List((name, type) =>
        {
            entries++;
            if (type is Directory or Unknown)
            {
                below.Add(name.ToArray());
            }
        });
        foreach (var name in depth < DepthMax ? below : [])
        {
            try
            {
                using var child = directory.OpenDirectory(name);
                entries += Count(child, depth + 1, cancellation);
            }
            catch (PosixException)
            {
                // It was counted where it was found.
            }
        }

        return entries;
    }
}
