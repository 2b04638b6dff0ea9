using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>An open directory that the walk and the readers of its files share; the last to let go closes it.</summary>
internal sealed class SharedDirectory(DirectoryHandle handle) : IDisposable
{
    private int _holders = 1;

    public DirectoryHandle Handle => handle;

    public SharedDirectory Hold()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            handle.Dispose();
        }
    }
}
