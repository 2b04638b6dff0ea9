using System.Text;
using Holdfast.Posix;

namespace Holdfast.Permissions.Walking;

/// <summary>The tree, held by a descriptor: everything below is reached from it, and nothing else can be.</summary>
internal sealed class TreeRoot : IDisposable
{
    private readonly int _descriptor;
    private readonly bool _accessTime;

    private TreeRoot(string path, int descriptor, EntryStatus status, bool crossMounts)
    {
        (Path, _descriptor, Status, CrossMounts) = (path, descriptor, status, crossMounts);
        _accessTime = !PosixFile.IsRoot;
    }

    /// <summary>As it was given, made absolute.</summary>
    public string Path { get; }

    public EntryStatus Status { get; }

    public bool CrossMounts { get; }

    public int Descriptor => _descriptor;

    /// <exception cref="PermissionException">It is not there, or no directory.</exception>
    public static TreeRoot Open(string path, bool crossMounts)
    {
        path = System.IO.Path.GetFullPath(path);
        DirectoryHandle? handle = null;
        try
        {
            handle = DirectoryHandle.Open(path);
            // A descriptor of its own: the handle's is closed with it.
            var error = EntryCalls.OpenDirectory((int)handle.Handle.DangerousGetHandle(), [0], crossMounts, accessTime: true, out var descriptor);
            if (error == Errno.None)
            {
                error = EntryCalls.Status(descriptor, out var status);
                if (error == Errno.None)
                {
                    return new TreeRoot(path, descriptor, status, crossMounts);
                }

                EntryCalls.Close(descriptor);
            }

            throw new PosixException("open", path, error);
        }
        catch (PosixException exception)
        {
            throw new PermissionException(PermissionProblem.NoTree, $"The tree cannot be opened: {exception.Message}.", exception);
        }
        finally
        {
            handle?.Dispose();
        }
    }

    /// <summary>Opens a directory of the tree, whatever the length of its path.</summary>
    /// <param name="path">From the root, without a zero byte; empty for the root.</param>
    /// <param name="descriptor">The open directory.</param>
    public Errno OpenDirectory(ReadOnlySpan<byte> path, out int descriptor)
    {
        const int Longest = 4095;
        var piece = (Span<byte>)stackalloc byte[Longest + 1];
        var at = _descriptor;
        while (true)
        {
            // The kernel takes 4,095 bytes at once: deeper is gone in steps.
            var length = path.Length <= Longest ? path.Length : path[..(Longest + 1)].LastIndexOf((byte)'/');
            path[..length].CopyTo(piece);
            piece[length] = 0;
            var error = Open(at, piece[..(length + 1)], out descriptor);
            if (at != _descriptor)
            {
                EntryCalls.Close(at);
            }

            if (error != Errno.None || length == path.Length)
            {
                return error;
            }

            at = descriptor;
            path = path[(length + 1)..];
        }
    }

    public static string Describe(ReadOnlySpan<byte> path) => path.IsEmpty ? "." : Encoding.UTF8.GetString(path);

    public void Dispose() => EntryCalls.Close(_descriptor);

    private Errno Open(int at, ReadOnlySpan<byte> path, out int descriptor)
    {
        var error = EntryCalls.OpenDirectory(at, path, CrossMounts, _accessTime, out descriptor);

        // Root in a container may not ask for it of others' directories.
        return error == Errno.NotPermitted && !_accessTime ? EntryCalls.OpenDirectory(at, path, CrossMounts, accessTime: true, out descriptor) : error;
    }
}
