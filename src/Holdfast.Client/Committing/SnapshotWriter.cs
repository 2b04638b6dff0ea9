using System.Security.Cryptography;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Client.Uploading;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Committing;

/// <summary>What a finished backup amounts to.</summary>
internal sealed record CommittedSnapshot(Head Head, DateTimeOffset ReceivedAt, DateTimeOffset? NextAt, IReadOnlyList<MapPageReference> Pages);

/// <summary>Stores segment, map pages and snapshot, signs the head, and commits: only then does the backup exist.</summary>
internal sealed class SnapshotWriter(
    Computer computer, ServiceClient service, NumberSource numbers, Uploader uploader, FrameRegistry frames, SessionKey session, RandomSource random) : IDisposable
{
    private readonly SemaphoreSlim _segmentGate = new(1);

    /// <summary>After each pack: once enough blobs gathered, those whose packs are durable move from memory into a segment.</summary>
    public async Task SpillAsync(BlobIndex index, ComputerFolders folders, CancellationToken cancellation)
    {
        await _segmentGate.WaitAsync(cancellation);
        try
        {
            if (index.IsFull)
            {
                await WriteSegmentAsync(index, folders, cancellation);
            }
        }
        finally
        {
            _segmentGate.Release();
        }
    }

    /// <summary>Stores an index segment over what this run stored, or found unindexed, and no segment covers yet; keeps a copy in the cache.</summary>
    public async Task WriteSegmentAsync(BlobIndex index, ComputerFolders folders, CancellationToken cancellation)
    {
        var (packs, directory) = uploader.TakeUncovered();
        if (packs.Count == 0)
        {
            return;
        }

        var ordinals = new Dictionary<Address, uint>(directory.Count);
        for (var i = 0; i < directory.Count; i++)
        {
            ordinals.Add(directory[i].Address, (uint)i);
        }

        // Blobs of packs that are still on their way wait for the next segment.
        var rows = new List<BlobRow>();
        foreach (var row in index.SessionRows())
        {
            if (frames.Find(row.Frame) is { } address && ordinals.TryGetValue(address, out var ordinal))
            {
                rows.Add(row with { Frame = ordinal });
            }
        }

        rows.Sort();
        var content = new SegmentContent(packs, directory, rows);
        var grant = await numbers.TakeAsync(cancellation);
        await PutAsync(grant, Sign(grant, ObjectType.IndexSegment, SegmentSealing.Seal(computer.Account, grant.Number, computer.Group, content, random).Written), cancellation);
        var path = IndexCache.PathOf(folders, grant.Number);
        LocalSegment.Write(path, content);
        index.Move(LocalSegment.TryOpen(path, grant.Number) ?? throw new IOException($"{path} cannot be read back"));
    }

    /// <summary>Commits; <paramref name="previous"/> is this computer's head before, <paramref name="baseId"/> a snapshot whose map spares the service most checks.</summary>
    public async Task<CommittedSnapshot> CommitAsync(
        SnapshotBody body, ReferenceMap map, Head? previous, byte[]? baseId, IReadOnlyList<MapPageReference> knownPages, IReadOnlyList<HeadSighting> sightings, CancellationToken cancellation)
    {
        var pages = await WriteMapAsync(map, knownPages, cancellation);
        var grant = await numbers.TakeAsync(cancellation);
        var sealedBody = ObjectSealer.SealPadded(session.Key, BodyContext(computer.Account, computer.Group.Group, grant.Number), body.Encode(), random);
        var snapshot = new SnapshotObject(pages, sightings, session.Sealed, sealedBody.AsMemory(0, ObjectSealer.SaltLength), sealedBody.AsMemory(ObjectSealer.SaltLength));
        var bytes = Sign(grant, ObjectType.Snapshot, snapshot.Encode());
        await PutAsync(grant, bytes, cancellation);
        var head = new Head
        {
            Account = computer.Account,
            Group = computer.Group.Group,
            Computer = computer.Number,
            Sequence = (previous?.Sequence ?? 0) + 1,
            Previous = previous?.Id ?? new byte[32],
            SnapshotNumber = grant.Number,
            SnapshotHash = SHA256.HashData(bytes),
            PageListHash = SHA256.HashData(SnapshotObject.EncodePages(pages)),
            TimeNanoseconds = body.TimeNanoseconds,
            SightingsHash = SHA256.HashData(SnapshotObject.EncodeSightings(sightings)),
        }.Sign(computer.SigningKey);
        var committed = await service.CommitAsync(
            new CommitSnapshot(numbers.Session, head.Bytes.ToArray(), numbers.CommitReceipts(), baseId is null ? null : Convert.ToHexStringLower(baseId)), head.Id, cancellation);
        return new CommittedSnapshot(head, DateTimeOffset.FromUnixTimeSeconds(committed.ReceivedAt), committed.NextAt is { } next and > 0 and < 253402300800 ? DateTimeOffset.FromUnixTimeSeconds(next) : null, pages);
    }

    public void Dispose() => _segmentGate.Dispose();

    public static SealContext BodyContext(AccountId account, uint group, uint number) => new(account, group, SealedType.SnapshotBody, new Address(number, Address.WholeObject));

    /// <summary>New pages only: a page that the base has too is named, not sent.</summary>
    private async Task<List<MapPageReference>> WriteMapAsync(ReferenceMap map, IReadOnlyList<MapPageReference> knownPages, CancellationToken cancellation)
    {
        var pages = new List<MapPageReference>();
        foreach (var page in map.Pages())
        {
            var body = page.Encode();
            var hash = MapPage.HashOf(body);
            var known = knownPages.FirstOrDefault(known => known.Index == page.Index && known.Hash.Span.SequenceEqual(hash));
            if (known is null)
            {
                var grant = await numbers.TakeAsync(cancellation);
                await PutAsync(grant, Sign(grant, ObjectType.MapPage, body), cancellation);
                known = new MapPageReference(page.Index, grant.Number, hash);
            }

            pages.Add(known);
        }

        return pages;
    }

    private byte[] Sign(UploadGrant grant, ObjectType type, ReadOnlySpan<byte> body) => SignedObject.Build(new ObjectHeader
    {
        Type = type, Number = grant.Number, Account = computer.Account, Group = computer.Group.Group, Computer = computer.Number, Session = session.Sealed.Session,
    }, body, computer.SigningKey);

    private Task PutAsync(UploadGrant grant, byte[] signed, CancellationToken cancellation) => uploader.PutAsync(grant, signed, isForCommit: true, cancellation);
}
