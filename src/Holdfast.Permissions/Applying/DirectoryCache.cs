using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions.Applying;

/// <summary>The directories that one thread uses: those that all share, and, where there are too many for that, the last few of its own.</summary>
internal sealed class DirectoryCache(TreeRoot root, SharedDirectories shared, int capacity) : IDisposable
{
    private readonly (int Directory, int Descriptor)[] _open = new (int, int)[capacity];
    private int _count;
    private long _serial = -1;

    /// <summary>The descriptor of a directory of the batch. It stays open until others push it out.</summary>
    public Errno Open(EntryBatch batch, int directory, out int descriptor)
    {
        if (batch.Serial != _serial)
        {
            Clear();
            _serial = batch.Serial;
        }

        descriptor = shared.Open(batch, directory);
        if (descriptor >= 0)
        {
            return Errno.None;
        }

        for (var i = 0; i < _count; i++)
        {
            if (_open[i].Directory == directory)
            {
                var found = _open[i];
                if (i > 0)
                {
                    Array.Copy(_open, 0, _open, 1, i);
                    _open[0] = found;
                }

                descriptor = found.Descriptor;
                return Errno.None;
            }
        }

        var error = root.OpenDirectory(batch.DirectoryPath(directory), out descriptor);
        if (error == Errno.TooManyOpenFiles && _count > 0)
        {
            Clear();
            error = root.OpenDirectory(batch.DirectoryPath(directory), out descriptor);
        }

        if (error != Errno.None)
        {
            return error;
        }

        if (_count == _open.Length)
        {
            EntryCalls.Close(_open[--_count].Descriptor);
        }

        Array.Copy(_open, 0, _open, 1, _count);
        _open[0] = (directory, descriptor);
        _count++;
        return Errno.None;
    }

    /// <summary>Closes all: others need descriptors.</summary>
    public void Clear()
    {
        while (_count > 0)
        {
            EntryCalls.Close(_open[--_count].Descriptor);
        }
    }

    public void Dispose() => Clear();
}
