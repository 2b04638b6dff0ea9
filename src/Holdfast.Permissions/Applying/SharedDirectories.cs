using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions.Applying;

/// <summary>
/// Directories of a batch that all threads use, open until the batch is done. In the order of inodes the next entry is often in another directory, where a tree was filled by hash for instance: opening it anew for each costs more than
/// all else.
/// </summary>
internal sealed class SharedDirectories(TreeRoot root)
{
    /// <summary>The least part of what the process may have open that is left to others.</summary>
    private const int PartForOthers = 4;

    private const int Most = 32 << 10;

    private int[] _slots = [];
    private int _count;
    private int _limit = (int)Math.Min(Most, ProcessLimits.OpenFiles() / PartForOthers);

    /// <summary>Begins with a batch: nothing is open.</summary>
    public void Begin(EntryBatch batch)
    {
        if (_slots.Length < batch.Directories)
        {
            _slots = new int[Math.Max(batch.Directories, 2 * _slots.Length)];
        }

        _count = 0;
    }

    /// <summary>The descriptor, which stays open until the batch ends; -1 if there are too many already, or it cannot be opened.</summary>
    public int Open(EntryBatch batch, int directory)
    {
        // Slots hold the descriptor and one: a fresh array is all closed.
        if (Volatile.Read(ref _slots[directory]) is > 0 and var slot)
        {
            return slot - 1;
        }

        if (Volatile.Read(ref _count) >= _limit)
        {
            return -1;
        }

        var error = root.OpenDirectory(batch.DirectoryPath(directory), out var descriptor);
        if (error != Errno.None)
        {
            _limit = error == Errno.TooManyOpenFiles ? _count / 2 : _limit;
            return -1;
        }

        var first = Interlocked.CompareExchange(ref _slots[directory], descriptor + 1, 0);
        if (first > 0)
        {
            EntryCalls.Close(descriptor);
            return first - 1;
        }

        Interlocked.Increment(ref _count);
        return descriptor;
    }

    /// <summary>Closes all, once no thread uses them.</summary>
    public void End()
    {
        for (var i = 0; i < _slots.Length && _count > 0; i++)
        {
            if (_slots[i] > 0)
            {
                EntryCalls.Close(_slots[i] - 1);
                _slots[i] = 0;
                _count--;
            }
        }
    }
}
