using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;

namespace Holdfast.Client.Indexing;

/// <summary>Which blobs the service holds: segments on disk, and what this run found or stored. Thread-safe.</summary>
internal sealed class BlobIndex(FrameRegistry frames, IReadOnlyList<LocalSegment> opened, IReadOnlySet<Address> dead) : IDisposable
{
    /// <summary>Blobs of this run that are kept in memory, about 2 MB; then they move into a segment, whose making takes a few times that.</summary>
    public const int SessionRowsMax = 1 << 15;

    private readonly Lock _lock = new();
    private readonly Dictionary<BlobId, BlobRow> _session = [];

    private LocalSegment[] _segments = [.. opened];

    /// <summary>True if it is time to write a segment.</summary>
    public bool IsFull
    {
        get
        {
            lock (_lock)
            {
                return _session.Count >= SessionRowsMax;
            }
        }
    }

    /// <summary>The frame (its number in the registry) of a blob that is stored already, or null.</summary>
    public uint? Find(BlobId id)
    {
        lock (_lock)
        {
            if (_session.TryGetValue(id, out var row))
            {
                return row.Frame;
            }
        }

        var places = new List<BlobPlace>();
        foreach (var segment in Volatile.Read(ref _segments))
        {
            segment.Find(id, places);
            foreach (var place in places)
            {
                if (!dead.Contains(place.Frame))
                {
                    return frames.Register(place.Frame);
                }
            }

            places.Clear();
        }

        return null;
    }

    /// <summary>Takes a new blob in; if another thread was faster, returns the frame that has it and changes nothing.</summary>
    public uint? AddUnlessPresent(BlobRow row)
    {
        lock (_lock)
        {
            if (_session.TryGetValue(row.Id, out var other))
            {
                return other.Frame;
            }

            _session.Add(row.Id, row);
            return null;
        }
    }

    /// <summary>Every blob of this run, for the segment that will cover it; frames are numbers of the registry.</summary>
    public List<BlobRow> SessionRows()
    {
        lock (_lock)
        {
            return [.. _session.Values];
        }
    }

    /// <summary>Blobs that a segment names now are found there.</summary>
    public void Move(LocalSegment segment)
    {
        Volatile.Write(ref _segments, [.. _segments, segment]);
        lock (_lock)
        {
            for (var i = 0; i < segment.Count; i++)
            {
                _session.Remove(segment.Entry(i).Id);
            }
        }
    }

    public void Dispose()
    {
        foreach (var segment in _segments)
        {
            segment.Dispose();
        }
    }
}
