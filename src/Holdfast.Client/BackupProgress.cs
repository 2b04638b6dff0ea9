using System.Collections.Concurrent;
using Holdfast.Posix;

namespace Holdfast.Client;

/// <summary>An entry that could not be read or restored, and why.</summary>
public sealed record EntryTrouble(string Path, string Reason);

/// <summary>Live numbers of a backup. Thread-safe; read it as often as you like.</summary>
public sealed class BackupProgress
{
    private readonly ConcurrentQueue<EntryTrouble> _troubles = new();
    private long _files;
    private long _directories;
    private long _others;
    private long _bytes;
    private long _bytesRead;
    private long _bytesUnchanged;
    private long _bytesStored;
    private long _filesUnchanged;
    private long _bytesNew;

    public long Files => Interlocked.Read(ref _files);

    public long Directories => Interlocked.Read(ref _directories);

    public long Others => Interlocked.Read(ref _others);

    /// <summary>Bytes of all files found.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>True once every file was found, so that a share of the whole can be told.</summary>
    public bool IsWalked { get; internal set; }

    /// <summary>Bytes of files that are unchanged or were read.</summary>
    public long BytesDone => BytesRead + Interlocked.Read(ref _bytesUnchanged);

    public long BytesRead => Interlocked.Read(ref _bytesRead);

    /// <summary>Bytes that the service stored for this backup.</summary>
    public long BytesStored => Interlocked.Read(ref _bytesStored);

    public long FilesUnchanged => Interlocked.Read(ref _filesUnchanged);

    /// <summary>Bytes of blobs that were not stored before.</summary>
    public long BytesNew => Interlocked.Read(ref _bytesNew);

    public IReadOnlyCollection<EntryTrouble> Troubles => _troubles;

    /// <summary>A second attempt counts from the beginning.</summary>
    internal void Restart()
    {
        _troubles.Clear();
        _files = _directories = _others = _bytes = _bytesRead = _bytesUnchanged = _bytesStored = _filesUnchanged = _bytesNew = 0;
        IsWalked = false;
    }

    internal void Found(in FileStatus status)
    {
        switch (status.Kind)
        {
            case FileKind.File:
                Interlocked.Increment(ref _files);
                Interlocked.Add(ref _bytes, status.Size);
                break;
            case FileKind.Directory: Interlocked.Increment(ref _directories); break;
            default: Interlocked.Increment(ref _others); break;
        }
    }

    internal void Read(long bytes) => Interlocked.Add(ref _bytesRead, bytes);

    internal void Unchanged(long bytes)
    {
        Interlocked.Increment(ref _filesUnchanged);
        Interlocked.Add(ref _bytesUnchanged, bytes);
    }

    internal void NewBlob(long bytes) => Interlocked.Add(ref _bytesNew, bytes);

    internal void Stored(long bytes) => Interlocked.Add(ref _bytesStored, bytes);

    internal void Unreadable(string path, string reason) => _troubles.Enqueue(new EntryTrouble(path, reason));
}
