using System.Text;
using Holdfast.Permissions.Applying;
using Holdfast.Permissions.Walking;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Permissions.Journaling;

/// <summary>
/// What a run was begun with, how far it came, and what it could not do: appended to one file, batch after batch. A run that was killed goes on behind the last batch that is whole in it. Holds a lock, so that a tree has one run.
/// </summary>
internal sealed class Journal : IPrivilegeKeeper, IDisposable
{
    private const uint Private = 0x180;
    private const int BufferLength = 64 << 10;

    private readonly SafeFileHandle _file;
    private readonly Lock _sync = new();
    private readonly MemoryStream _buffer = new();
    private long _end;
    private volatile bool _hasKept;

    private Journal(SafeFileHandle file, string path)
    {
        (_file, Path) = (file, path);
    }

    public string Path { get; }

    /// <summary>Opens and locks it, or makes it.</summary>
    /// <exception cref="PermissionException">Another process has it.</exception>
    public static Journal Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        var folder = System.IO.Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        using var directory = DirectoryHandle.Open(folder);
        var file = directory.OpenFile(Encoding.UTF8.GetBytes(System.IO.Path.GetFileName(path)), OpenFlags.ReadWrite | OpenFlags.Create, Private);
        if (PosixFile.TryLock(file))
        {
            return new Journal(file, path);
        }

        file.Dispose();
        throw new PermissionException(PermissionProblem.Running, $"Another process is changing permissions with the journal {path}: wait for it, or see `holdfast permissions resume --help` for changing its number of threads.");
    }

    /// <summary>What it says; null if it is empty. A torn end, which a kill or a power cut leaves, is cut off.</summary>
    /// <exception cref="PermissionException">It is damaged before its end.</exception>
    public JournalState? Read()
    {
        JournalState? state = null;
        long lastBatch = 0;
        foreach (var (offset, record) in Records(0))
        {
            try
            {
                state = JournalRecord.Apply(state, record, offset);
            }
            catch (InvalidDataException exception)
            {
                throw Damaged(offset, exception.Message, exception);
            }

            _end = offset + record.Length;
            lastBatch = (JournalRecord.Kind)record[12] is JournalRecord.Kind.Failure or JournalRecord.Kind.Kept ? lastBatch : _end;
        }

        // What a batch that was not done noted is noted again.
        _end = lastBatch;
        return state;
    }

    /// <summary>Begins a new run: what was in it is gone.</summary>
    public void Begin(JournalState state)
    {
        Guarded(() =>
        {
            PosixFile.Truncate(_file, 0, Path);
            _end = 0;
            Append(JournalRecord.Begin(state));
            Flush();
            PosixFile.Sync(_file, Path);
        });
    }

    /// <summary>Goes on behind the last whole batch.</summary>
    public void CutOff() => Guarded(() => PosixFile.Truncate(_file, _end, Path));

    /// <returns>Where the pass begins in the journal.</returns>
    public long PassBegan(JournalState state)
    {
        var offset = _end;
        Now(JournalRecord.PassBegan(state), isDurable: true);
        return offset;
    }

    public void Batch(WalkPosition position, EntryCounts counts, long worked) => Now(JournalRecord.Batch(position, counts, worked), isDurable: false);

    public void Finished() => Now(JournalRecord.Finished(), isDurable: true);

    public void Failure(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, Errno error)
    {
        var record = JournalRecord.Failure(directory, name, error);
        Guarded(() => Append(record));
    }

    /// <summary>Durable before it returns: what comes next takes away what this says.</summary>
    public void Keep(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, ulong inode, uint mode, byte[]? capability)
    {
        Now(JournalRecord.Kept(new KeptPrivilege(directory.ToArray(), name.ToArray(), inode, mode, capability)), isDurable: true);
        _hasKept = true;
    }

    /// <summary>Before a batch is said to be done: what was taken and given back is durable, so that nothing of it need be remembered.</summary>
    public void SyncKept(int tree)
    {
        if (_hasKept && EntryCalls.SyncFileSystem(tree) is var error && error != Errno.None)
        {
            throw new PosixException("sync", Path, error);
        }

        _hasKept = false;
    }

    /// <summary>What the pass that begins at an offset could not do.</summary>
    public IEnumerable<EntryFailure> Failures(long passOffset)
    {
        Guarded(Flush);
        return Records(passOffset).Select(record => JournalRecord.ReadFailure(record.Record)).OfType<EntryFailure>();
    }

    public void Dispose()
    {
        if (!_file.IsClosed)
        {
            PosixFile.Unlock(_file);
            _file.Dispose();
        }
    }

    /// <summary>The whole records from an offset on.</summary>
    private IEnumerable<(long Offset, byte[] Record)> Records(long offset)
    {
        var head = new byte[JournalRecord.HeadLength];
        while (PosixFile.ReadFull(_file, head, offset, Path) == head.Length)
        {
            var length = BitConverter.ToInt32(head);
            var record = length is >= JournalRecord.HeadLength and <= JournalRecord.LengthMax ? new byte[length] : [];
            if (record.Length == 0 || PosixFile.ReadFull(_file, record, offset, Path) < length || JournalRecord.WholeLength(record) == 0)
            {
                CheckTorn(offset);
                yield break;
            }

            yield return (offset, record);
            offset += length;
        }
    }

    /// <summary>A record that was being written when the run ended is at the very end; a damaged one has whole ones behind it.</summary>
    private void CheckTorn(long offset)
    {
        var rest = new byte[Math.Min(RandomAccess.GetLength(_file) - offset, 2 * JournalRecord.LengthMax)];
        PosixFile.ReadFull(_file, rest, offset, Path);
        for (var at = 1; at + JournalRecord.HeadLength <= rest.Length; at++)
        {
            if (JournalRecord.WholeLength(rest.AsSpan(at)) > 0)
            {
                throw Damaged(offset, "a record does not match its checksum", null);
            }
        }
    }

    private PermissionException Damaged(long offset, string why, Exception? inner) => new(PermissionProblem.DamagedJournal,
        FormattableString.Invariant($"The journal {Path} is damaged at byte {offset}: {why}. How far the run came cannot be told: begin again with --restart, which writes only what is not yet right (a map that sends numbers in circles would send on what has arrived: look first)."), inner);

    private void Now(byte[] record, bool isDurable) => Guarded(() =>
    {
        Append(record);
        Flush();
        if (isDurable)
        {
            PosixFile.SyncData(_file, Path);
        }
    });

    private void Append(byte[] record)
    {
        _buffer.Write(record);
        if (_buffer.Length > BufferLength)
        {
            Flush();
        }
    }

    private void Flush()
    {
        if (_buffer.Length > 0)
        {
            PosixFile.Write(_file, _buffer.GetBuffer().AsSpan(0, (int)_buffer.Length), _end, Path);
            _end += _buffer.Length;
            _buffer.SetLength(0);
        }
    }

    private void Guarded(Action action)
    {
        lock (_sync)
        {
            try
            {
                action();
            }
            catch (PosixException exception) when (exception.IsFull)
            {
                throw new PermissionException(PermissionProblem.Full, $"The disk of the journal {Path} is full: free some space, then `holdfast permissions resume` goes on where it was.", exception);
            }
        }
    }
}
