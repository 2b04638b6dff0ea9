using Holdfast.Posix;

namespace Holdfast.Permissions.Walking;

/// <summary>What a walk finds besides entries.</summary>
internal interface IWalkNotes
{
    /// <summary>A directory could not be listed.</summary>
    void NotListed(ReadOnlySpan<byte> path, Errno error);

    /// <summary>Something else is mounted there: it is another tree, and left alone.</summary>
    void MountPoint(ReadOnlySpan<byte> path);

    /// <summary>A directory was gone when the walk came to it: deleted or moved.</summary>
    void Vanished(ReadOnlySpan<byte> path);

    /// <summary>A directory may not be entered: true if it was given the rights that it is to have anyway, and may be tried again.</summary>
    bool TryOpenUp(ReadOnlySpan<byte> parent, ReadOnlySpan<byte> name);
}

/// <summary>
/// Goes through a tree, directory by directory, and fills batches. Holds no descriptors but one, whatever the depth: each directory is opened by its path from the root, so nothing can lead out of the tree. Memory: the
/// names of directories in the directories above.
/// </summary>
internal sealed class TreeWalk : IDisposable
{
    private const byte DirectoryType = 4;
    private const byte UnknownType = 0;

    /// <summary>A longer path is a loop of mounts or mischief.</summary>
    private const int PathLengthMax = 1 << 20;

    private readonly TreeRoot _root;
    private readonly IWalkNotes _notes;
    private readonly byte[] _records = new byte[64 << 10];
    private readonly Stack<Level> _levels = new();
    private readonly List<byte> _path = [];
    private int _listing = -1;
    private int _recordsAt;
    private int _recordsEnd;
    private long _listed;
    private bool _begun;
    private bool _ended;

    public TreeWalk(TreeRoot root, WalkPosition position, IWalkNotes notes)
    {
        _root = root;
        _notes = notes;
        _ended = position.IsEnd;
        if (!position.IsEnd && !(position.IsListing && position.Path.Length == 0))
        {
            GoTo(position);
        }
    }

    private sealed class Level(int pathLength)
    {
        /// <summary>How long the path is up to here.</summary>
        public int PathLength { get; } = pathLength;

        public SubdirectoryNames Below { get; } = new();

        /// <summary>Its index in the batch of <see cref="Serial"/>.</summary>
        public int Index { get; set; }

        public long Serial { get; set; } = -1;
    }

    private ReadOnlySpan<byte> PathBytes => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_path);

    /// <summary>Fills a batch.</summary>
    /// <returns>False if the walk is over, and this is the last.</returns>
    public bool Fill(EntryBatch batch, CancellationToken cancellation)
    {
        if (!_begun && !_ended && _levels.Count == 0)
        {
            BeginListing();
        }

        _begun = true;
        while (!_ended)
        {
            cancellation.ThrowIfCancellationRequested();
            if (batch.IsFull)
            {
                batch.End = Position();
                batch.Share = Share();
                return true;
            }

            if (_listing >= 0)
            {
                ReadListing(batch);
            }
            else if (_levels.Peek().Below.TryTake(out var child))
            {
                Enter(child);
            }
            else
            {
                Leave(batch);
            }
        }

        (batch.End, batch.Share) = (WalkPosition.End, 1);
        return false;
    }

    public void Dispose() => EndListing();

    private WalkPosition Position() => _listing >= 0 ? new([.. _path], IsListing: true, null, _listed) : new([.. _path], IsListing: false, _levels.Peek().Below.Last);

    /// <summary>Where the walk is, taking every directory of a directory for as large as every other.</summary>
    private double Share()
    {
        var (share, width) = (0.0, 1.0);
        foreach (var level in _levels.Reverse())
        {
            width /= level.Below.Count + 1;
            share += width * Math.Max(0, level.Below.Taken - 1);
        }

        return share;
    }

    /// <summary>Goes down one directory. What cannot be entered counts as left.</summary>
    private void Enter(ReadOnlySpan<byte> child)
    {
        var length = _path.Count;
        Append(child);
        if (_path.Count > PathLengthMax)
        {
            _notes.NotListed(PathBytes[..length], Errno.NameTooLong);
        }
        else if (BeginListing())
        {
            return;
        }

        _path.RemoveRange(length, _path.Count - length);
    }

    private void Append(ReadOnlySpan<byte> name)
    {
        if (_path.Count > 0)
        {
            _path.Add((byte)'/');
        }

        _path.AddRange(name);
    }

    /// <summary>Opens the directory at the path.</summary>
    private bool BeginListing()
    {
        var error = _root.OpenDirectory(PathBytes, out _listing);
        if (error == Errno.AccessDenied && _path.Count > 0)
        {
            var (parent, name) = Split(PathBytes);
            if (_notes.TryOpenUp(parent, name))
            {
                error = _root.OpenDirectory(PathBytes, out _listing);
            }
        }

        if (error == Errno.None)
        {
            (_recordsAt, _recordsEnd, _listed) = (0, 0, 0);
            _levels.Push(new Level(_path.Count));
            return true;
        }

        _listing = -1;
        Note(error);
        _ended |= _levels.Count == 0;
        return false;
    }

    private void Note(Errno error)
    {
        switch (error)
        {
            case Errno.CrossDevice:
                _notes.MountPoint(PathBytes);
                break;
            case Errno.NoEntry or Errno.NotDirectory or Errno.TooManyLinks or Errno.StaleHandle:
                _notes.Vanished(PathBytes);
                break;
            default:
                _notes.NotListed(PathBytes, error);
                break;
        }
    }

    /// <summary>Reads names until the batch is full, or there are no more.</summary>
    private void ReadListing(EntryBatch batch)
    {
        var level = _levels.Peek();
        while (!batch.IsFull)
        {
            if (_recordsAt == _recordsEnd)
            {
                var error = EntryCalls.ReadNames(_listing, _records, out _recordsEnd);
                _recordsAt = 0;
                if (error != Errno.None || _recordsEnd == 0)
                {
                    _recordsEnd = 0;
                    if (error is not (Errno.None or Errno.NoEntry))
                    {
                        _notes.NotListed(PathBytes, error);
                    }

                    EndListing();
                    level.Below.Sort();
                    return;
                }
            }

            var directory = IndexOf(level, batch);
            var records = new DirectoryRecords(_records.AsSpan(_recordsAt, _recordsEnd - _recordsAt));
            while (!batch.IsFull && records.MoveNext())
            {
                if (IsDirectory(records.Type, records.Name))
                {
                    level.Below.Add(records.Name[..^1]);
                }
                else
                {
                    batch.Add(records.Inode, directory, records.Name);
                    _listed++;
                }
            }

            _recordsAt = _recordsEnd - records.Remaining;
        }
    }

    private bool IsDirectory(byte type, ReadOnlySpan<byte> name) =>
        type == DirectoryType || (type == UnknownType && EntryCalls.Status(_listing, name, out var status) == Errno.None && status.Kind == FileKind.Directory);

    private void EndListing()
    {
        if (_listing >= 0)
        {
            EntryCalls.Close(_listing);
            _listing = -1;
        }
    }

    /// <summary>Everything below is in a batch: now the directory itself.</summary>
    private void Leave(EntryBatch batch)
    {
        _levels.Pop();
        if (_levels.Count == 0)
        {
            batch.AddLeft(batch.AddDirectory([]), [0]);
            _ended = true;
            return;
        }

        var parent = _levels.Peek();
        var name = PathBytes[(parent.PathLength == 0 ? 0 : parent.PathLength + 1)..];
        batch.AddLeft(IndexOf(parent, batch), [.. name, 0]);
        _path.RemoveRange(parent.PathLength, _path.Count - parent.PathLength);
    }

    private int IndexOf(Level level, EntryBatch batch)
    {
        if (level.Serial != batch.Serial)
        {
            (level.Serial, level.Index) = (batch.Serial, batch.AddDirectory(PathBytes[..level.PathLength]));
        }

        return level.Index;
    }

    /// <summary>Makes the walk stand where another one stood. What is gone since is passed over.</summary>
    private void GoTo(WalkPosition position)
    {
        var path = position.Path;
        var components = new List<byte[]>();
        foreach (var range in path.AsSpan().Split((byte)'/'))
        {
            if (path.AsSpan(range) is { IsEmpty: false } component)
            {
                components.Add(component.ToArray());
            }
        }

        for (var depth = 0; ; depth++)
        {
            var isLast = depth == components.Count;
            if (!ListAgain())
            {
                // Gone: the walk goes on behind it, in the directory above.
                if (_levels.TryPeek(out var above))
                {
                    _path.RemoveRange(above.PathLength, _path.Count - above.PathLength);
                }
                else
                {
                    _ended = true;
                }

                return;
            }

            var below = _levels.Peek().Below;
            if (isLast)
            {
                if (position.Child is { } child)
                {
                    below.SkipTo(child, andIt: true);
                }

                return;
            }

            if (depth == components.Count - 1 && position.IsListing)
            {
                below.SkipTo(components[depth], andIt: false);
                return;
            }

            below.SkipTo(components[depth], andIt: true);
            Append(components[depth]);
        }
    }

    /// <summary>Reads only the directories in a directory.</summary>
    private bool ListAgain()
    {
        if (!BeginListing())
        {
            return false;
        }

        var below = _levels.Peek().Below;
        int length;
        Errno error;
        while ((error = EntryCalls.ReadNames(_listing, _records, out length)) == Errno.None && length > 0)
        {
            var records = new DirectoryRecords(_records.AsSpan(0, length));
            while (records.MoveNext())
            {
                if (IsDirectory(records.Type, records.Name))
                {
                    below.Add(records.Name[..^1]);
                }
            }
        }

        if (error is not (Errno.None or Errno.NoEntry))
        {
            _notes.NotListed(PathBytes, error);
        }

        EndListing();
        below.Sort();
        return true;
    }

    private static (byte[] Parent, byte[] Name) Split(ReadOnlySpan<byte> path)
    {
        var slash = path.LastIndexOf((byte)'/');
        return (slash < 0 ? [] : path[..slash].ToArray(), path[(slash + 1)..].ToArray());
    }
}
