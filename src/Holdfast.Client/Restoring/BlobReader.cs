using System.Collections.Concurrent;
using Holdfast.Client.Indexing;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Restoring;

/// <summary>Reads blobs by id, and proves each: what does not have the id is never returned.</summary>
/// <param name="cache">Fetches frames.</param>
/// <param name="segments">Say where blobs lie.</param>
/// <param name="group">Names blobs.</param>
/// <param name="map">The frames that the snapshot names: copies there are tried first, since others may have been collected.</param>
internal sealed class BlobReader(FrameCache cache, IReadOnlyList<LocalSegment> segments, GroupKeys group, ReferenceMap map) : IDisposable
{
    private readonly ConcurrentBag<BlobHasher> _hashers = [];
    private readonly ConcurrentDictionary<Address, bool> _outside = new();
    private readonly ConcurrentDictionary<Address, string> _damaged = new();

    /// <summary>Frames that were needed and that the snapshot's map does not name: the service may collect them at any time (format rule 15).</summary>
    public ICollection<Address> OutsideMap => _outside.Keys;

    /// <summary>Frames that were damaged where another copy stood in, and why.</summary>
    public IReadOnlyDictionary<Address, string> Damaged => _damaged;

    /// <summary>A blob's bytes, for as long as <paramref name="use"/> runs.</summary>
    public async ValueTask UseAsync(BlobId id, BlobType type, Action<ReadOnlySpan<byte>> use, CancellationToken cancellation)
    {
        HoldfastException? damaged = null;
        foreach (var place in Places(id, type))
        {
            try
            {
                using var frame = await cache.TakeAsync(place.Frame, cancellation);
                Use(id, type, place, frame.Bytes.Span, use);
                if (damaged is null && !map.Contains(place.Frame))
                {
                    _outside[place.Frame] = true;
                }

                return;
            }
            catch (HoldfastException exception) when (IsDamage(exception))
            {
                // Another copy may be whole.
                damaged ??= exception;
                _damaged[place.Frame] = exception.Message;
            }
        }

        throw damaged ?? new HoldfastException(FailureTable.DamagedObject, $"No index names blob {id}, which is needed.");
    }

    /// <summary>True for failures that concern one object: the rest can be restored all the same.</summary>
    public static bool IsDamage(HoldfastException exception) =>
        exception.Kind == FailureTable.DamagedObject || exception.Kind == FailureTable.Tampered || exception.Kind == FailureTable.NotFound;

    /// <summary>A node or attribute blob, copied.</summary>
    public async ValueTask<byte[]> ReadAsync(BlobId id, BlobType type, CancellationToken cancellation)
    {
        var bytes = Array.Empty<byte>();
        await UseAsync(id, type, span => bytes = span.ToArray(), cancellation);
        return bytes;
    }

    /// <summary>Where copies of a blob lie, those that the map names first.</summary>
    public IReadOnlyList<BlobPlace> Places(BlobId id, BlobType type)
    {
        var places = new List<BlobPlace>(1);
        foreach (var segment in segments)
        {
            segment.Find(id, places);
        }

        places.RemoveAll(place => place.Type != type);
        if (places.Count > 1)
        {
            places.Sort((a, b) => map.Contains(b.Frame).CompareTo(map.Contains(a.Frame)));
        }

        return places;
    }

    public void Dispose()
    {
        foreach (var hasher in _hashers)
        {
            hasher.Dispose();
        }
    }

    private void Use(BlobId id, BlobType type, BlobPlace place, ReadOnlySpan<byte> frame, Action<ReadOnlySpan<byte>> use)
    {
        if ((ulong)place.Offset + place.Length > (ulong)frame.Length)
        {
            throw new HoldfastException(FailureTable.DamagedObject, $"Blob {id} does not lie where the index says.");
        }

        var blob = frame.Slice((int)place.Offset, (int)place.Length);
        var hasher = _hashers.TryTake(out var free) ? free : new BlobHasher(group);
        var actual = hasher.Id(type, blob);
        _hashers.Add(hasher);
        if (actual != id)
        {
            throw new HoldfastException(FailureTable.DamagedObject, $"Blob {id} in frame {place.Frame} is not what was backed up.");
        }

        use(blob);
    }
}
