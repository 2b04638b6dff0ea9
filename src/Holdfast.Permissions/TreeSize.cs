using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions;

/// <summary>How many entries a change of permissions would go over. Names are read and nothing else, so that it is cheap.</summary>
public static class TreeSize
{
    private const int AtOnce = 16 << 10;

    /// <summary>Counts the entries below a path, never through a symbolic link or over a mount point. What vanishes meanwhile, or may not be read, counts as one entry.</summary>
    /// <exception cref="PermissionException">The tree is not there, or no directory.</exception>
    public static long Count(string tree, CancellationToken cancellation)
    {
        using var root = TreeRoot.Open(tree, crossMounts: false);
        var unread = new Unread();
        using var walk = new TreeWalk(root, WalkPosition.Begin, unread);
        var batch = new EntryBatch(AtOnce);
        long entries = 0;
        bool more;
        do
        {
            batch.Clear(entries);
            more = walk.Fill(batch, cancellation);
            entries += batch.Files + batch.Left;
        }
        while (more);

        // The walk comes by its root too.
        return entries + unread.Directories - 1;
    }

    private sealed class Unread : IWalkNotes
    {
        public long Directories { get; private set; }

        public void NotListed(ReadOnlySpan<byte> path, Errno error) => Directories++;

        public void MountPoint(ReadOnlySpan<byte> path) => Directories++;

        public void Vanished(ReadOnlySpan<byte> path) => Directories++;

        public bool TryOpenUp(ReadOnlySpan<byte> parent, ReadOnlySpan<byte> name) => false;
    }
}
