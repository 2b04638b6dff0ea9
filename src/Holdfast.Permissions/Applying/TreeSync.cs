using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions.Applying;

/// <summary>Makes durable what a pass changed, while the next one begins: the disk writes, and the processors look. Whoever notes that anything was found right waits for it first.</summary>
/// <remarks>It is one of the threads that a run may have; with only one, it is done at once.</remarks>
internal sealed class TreeSync(TreeRoot root, ThreadLimit limit) : IDisposable
{
    private const int StackLength = 64 << 10;

    private Thread? _thread;
    private Errno _error;

    public void Begin()
    {
        Finish();
        if (!limit.TryLend())
        {
            _error = EntryCalls.SyncFileSystem(root.Descriptor);
            Check();
            return;
        }

        _thread = new Thread(() => _error = EntryCalls.SyncFileSystem(root.Descriptor), StackLength) { IsBackground = true, Name = "sync" };
        _thread.Start();
    }

    /// <exception cref="PosixException">It failed: nothing more may be noted.</exception>
    public void Finish()
    {
        if (_thread is not null)
        {
            Join();
            Check();
        }
    }

    public void Dispose() => Join();

    private void Join()
    {
        if (_thread is not null)
        {
            _thread.Join();
            _thread = null;
            limit.Return();
        }
    }

    private void Check()
    {
        if (_error != Errno.None)
        {
            throw new PosixException("sync", root.Path, _error);
        }
    }
}
