using System.Collections.Concurrent;
using System.Threading.Channels;
using Holdfast.Client.Checking;
using Holdfast.Client.Indexing;
using Holdfast.Client.Restoring;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Format.Snapshots;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client;

/// <summary>Proves that what is stored can be restored: chains, maps, trees, index and blob tables against each other; with data, every stored byte.</summary>
public sealed class Check(OpenedAccount account)
{
    private const int PacksAtOnce = 2;

    private readonly ConcurrentQueue<Damage> _damages = new();
    private long _bytesRead;
    private long _blobs;

    public IReadOnlyCollection<Damage> Damages => _damages;

    public long BytesRead => Interlocked.Read(ref _bytesRead);

    public long Blobs => Interlocked.Read(ref _blobs);

    public long Snapshots { get; private set; }

    /// <summary>Checks all snapshots; with <paramref name="readData"/> every frame they need is read, opened and every blob in it named again.</summary>
    public async Task RunAsync(bool readData, CancellationToken cancellation)
    {
        var snapshots = await account.SnapshotsAsync(cancellation);
        var needed = new ReferenceMap();
        foreach (var unreadable in account.Unreadable)
        {
            _damages.Enqueue(new Damage($"snapshot {Convert.ToHexStringLower(unreadable.Head.Id.AsSpan(0, 4))}", unreadable.Failure.Message));
        }

        var segments = await account.SegmentsAsync(cancellation);
        foreach (var lost in account.LostSegments)
        {
            _damages.Enqueue(new Damage($"index segment {lost}", "it cannot be read; the blob tables of its packs stand in for it"));
        }

        await new IndexCheck(account.Tables, segments, account.Group, _damages.Enqueue).RunAsync(cancellation);
        foreach (var snapshot in snapshots)
        {
            Snapshots++;
            var map = await account.ReadMapAsync(snapshot, cancellation);
            foreach (var frame in map.Frames())
            {
                needed.Add(frame);
            }

            using var blobs = await account.NewBlobReaderAsync(map, cancellation);
            await CheckTreeAsync(snapshot, map, blobs, cancellation);
        }

        if (readData)
        {
            await ReadAllAsync(needed, cancellation);
        }
    }

    /// <summary>Every blob that the tree needs must be indexed, in a frame that the map names.</summary>
    private async Task CheckTreeAsync(OpenedSnapshot snapshot, ReferenceMap map, BlobReader blobs, CancellationToken cancellation)
    {
        var tree = new TreeReader(blobs);
        var missing = new HashSet<Address>();
        var pending = new Stack<(BlobId Node, string Path)>([(snapshot.Body.Root, "")]);
        while (pending.TryPop(out var directory))
        {
            try
            {
                await foreach (var entry in tree.EntriesAsync(directory.Node, null, cancellation))
                {
                    var path = $"{directory.Path}/{System.Text.Encoding.UTF8.GetString(entry.Name)}";
                    if (entry.Type == EntryType.Directory)
                    {
                        pending.Push((entry.Node!.Value, path));
                    }

                    await tree.AttributesAsync(entry, cancellation);
                    if (entry.Type == EntryType.Directory)
                    {
                        continue;
                    }

                    await foreach (var item in tree.ContentAsync(entry, cancellation))
                    {
                        if (item.Id is { } id)
                        {
                            CheckPlace(snapshot, map, blobs, id, item.Length, path, missing);
                        }
                    }
                }
            }
            catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
            {
                _damages.Enqueue(new Damage($"snapshot {snapshot.ShortId}, {directory.Path}/", exception.Message));
            }
        }

        missing.UnionWith(blobs.OutsideMap);
        foreach (var (frame, why) in blobs.Damaged)
        {
            _damages.Enqueue(new Damage($"frame {frame}", $"{why} Another copy of what is needed stands in"));
        }

        if (missing.Count > 0)
        {
            _damages.Enqueue(new Damage($"snapshot {snapshot.ShortId}", $"map incomplete: {missing.Count} frames that the tree needs are not in it"));
        }
    }

    private void CheckPlace(OpenedSnapshot snapshot, ReferenceMap map, BlobReader blobs, BlobId id, ulong length, string path, HashSet<Address> missing)
    {
        var places = blobs.Places(id, BlobType.Data);
        if (places.Count == 0)
        {
            _damages.Enqueue(new Damage($"snapshot {snapshot.ShortId}, {path}", $"no index names its chunk {id}"));
        }
        else if (places.All(place => !map.Contains(place.Frame)))
        {
            missing.Add(places[0].Frame);
        }
        else if (places.Any(place => place.Length != length))
        {
            _damages.Enqueue(new Damage($"snapshot {snapshot.ShortId}, {path}", $"its chunk {id} has another length in the index"));
        }
    }

    private async Task ReadAllAsync(ReferenceMap needed, CancellationToken cancellation)
    {
        await account.Source.OpenAsync(needed.Packs, cancellation);
        var packs = Channel.CreateUnbounded<uint>();
        foreach (var pack in needed.Packs)
        {
            packs.Writer.TryWrite(pack);
        }

        packs.Writer.Complete();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var loader = account.NewLoader();
        await Stages.RunAllAsync(stop, [.. Enumerable.Range(0, PacksAtOnce).Select(_ => Task.Run(async () =>
        {
            var buffers = new PackReading();
            using var hasher = new BlobHasher(account.Group);
            await foreach (var pack in packs.Reader.ReadAllAsync(stop.Token))
            {
                await ReadPackAsync(pack, needed, loader, buffers, hasher, stop.Token);
            }
        }, stop.Token))]);
    }

    private async Task ReadPackAsync(uint pack, ReferenceMap needed, FrameLoader loader, PackReading buffers, BlobHasher hasher, CancellationToken cancellation)
    {
        try
        {
            var missing = needed.FramesOf(pack).ToHashSet();
            foreach (var place in await account.Source.PlacesAsync(pack, cancellation))
            {
                var tables = await account.Source.ReadTablesAsync(place, cancellation);
                var rows = BlobTables.Open(tables, pack, account.Group).ToLookup(row => row.Frame);
                foreach (var run in buffers.Runs(tables.FrameTable.Frames.Where(frame => missing.Contains(frame.Origin))))
                {
                    await account.Source.ReadAsync(place, run[0].Offset, buffers.Sealed(run), cancellation);
                    Interlocked.Add(ref _bytesRead, buffers.Sealed(run).Length);
                    foreach (var frame in run)
                    {
                        missing.Remove(frame.Origin);
                        CheckFrame(tables, frame, rows[frame.Origin.Slot], buffers, run[0].Offset, loader, hasher);
                    }
                }
            }

            if (missing.Count > 0)
            {
                _damages.Enqueue(new Damage($"pack {pack}", $"{missing.Count} of its frames, which snapshots need, are stored nowhere"));
            }
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            _damages.Enqueue(new Damage($"pack {pack}", exception.Message));
        }
    }

    /// <summary>Opens a frame and names each of its blobs again.</summary>
    private void CheckFrame(PackTables tables, FrameRow frame, IEnumerable<BlobRow> rows, PackReading buffers, long start, FrameLoader loader, BlobHasher hasher)
    {
        try
        {
            var bytes = loader.Open(tables, frame, buffers.Frame(frame, start), buffers.Plaintext, buffers.Unpacked).Span;
            foreach (var row in rows)
            {
                Interlocked.Increment(ref _blobs);
                if ((ulong)row.Offset + row.Length > (ulong)bytes.Length || hasher.Id(row.Type, bytes.Slice((int)row.Offset, (int)row.Length)) != row.Id)
                {
                    _damages.Enqueue(new Damage($"frame {frame.Origin}", $"blob {row.Id} is not what its name says"));
                }
            }
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            _damages.Enqueue(new Damage($"frame {frame.Origin}", exception.Message));
        }
    }
}
