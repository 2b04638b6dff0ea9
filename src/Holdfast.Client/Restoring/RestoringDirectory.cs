using Holdfast.Format.Trees;
using Holdfast.Posix;

namespace Holdfast.Client.Restoring;

/// <summary>A directory that is being restored. It gets its own metadata when the last who writes into it lets go, so that its time stays right.</summary>
internal sealed class RestoringDirectory(
    RestoringDirectory? parent, DirectoryHandle handle, string path, IReadOnlyList<byte[]> names, TreeEntry? entry, IReadOnlyList<ExtendedAttribute> attributes, RestoreProgress progress) : IDisposable
{
    private int _holders = 1;

    public DirectoryHandle Handle => handle;

    public string Path => path;

    /// <summary>Names from the target to here.</summary>
    public IReadOnlyList<byte[]> Names => names;

    public RestoringDirectory Hold()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) > 0)
        {
            return;
        }

        try
        {
            if (entry is not null)
            {
                RestoreTarget.Complete(handle.Handle, entry, attributes, path, why => progress.Trouble(path, why));
            }
        }
        catch (PosixException exception)
        {
            progress.Trouble(path, exception.Message);
        }
        finally
        {
            handle.Dispose();
            parent?.Dispose();
        }
    }
}
