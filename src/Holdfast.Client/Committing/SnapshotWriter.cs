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
internal sealed record CommittedSnapshot(Head Head, DateTimeOffset ReceivedAt, IReadOnlyList<MapPageReference> Pages);

/// <summary>Stores segment, map pages and snapshot, signs the head, and commits: only then does the backup exist.</summary>
internal sealed class SnapshotWriter(
    Computer computer, ServiceClient service, NumberSource numbers, Uploader uploader, FrameRegistry frames, SessionKey session, RandomSource random)
{
    /// <summary>A segment of about 24 MB; the format allows five times that.</summary>
    private const int SegmentRowsMax = 500_000;

    /// <summary>Stores index segments over everything this run stored or found unindexed, and keeps copies in the cache.</summary>
    public async Task WriteSegmentsAsync(BlobIndex index, ComputerFolders folders, CancellationToken cancellation)
    {
        var rows = index.SessionRows();
        var byPack = rows.Select(row => (Row: row, Frame: frames[row.Frame])).GroupBy(row => row.Frame.Number).ToDictionary(group => group.Key, group => group.ToList());
        var packs = new List<uint>();
        var count = 0;
        foreach (var pack in uploader.Packs)
        {
            packs.Add(pack);
            count += byPack.GetValueOrDefault(pack)?.Count ?? 0;
            if (count >= SegmentRowsMax)
            {
                await WriteSegmentAsync(packs, byPack, folders, cancellation);
                packs.Clear();
                count = 0;
            }
        }

        if (packs.Count > 0)
        {
            await WriteSegmentAsync(packs, byPack, folders, cancellation);
        }
    }

    private async Task WriteSegmentAsync(
        List<uint> packs, Dictionary<uint, List<(BlobRow Row, Address Frame)>> byPack, ComputerFolders folders, CancellationToken cancellation)
    {
        var covered = packs.ToHashSet();
        var directory = uploader.Frames.Values.Where(entry => covered.Contains(entry.Address.Number)).OrderBy(entry => entry.Address).ToList();
        var ordinals = new Dictionary<Address, uint>(directory.Count);
        for (var i = 0; i < directory.Count; i++)
        {
            ordinals.Add(directory[i].Address, (uint)i);
        }

        var rows = packs.SelectMany(pack => byPack.GetValueOrDefault(pack, [])).Select(row => row.Row with { Frame = ordinals[row.Frame] }).ToList();
        rows.Sort();
        var content = new SegmentContent([.. packs], directory, rows);
        var grant = await numbers.TakeAsync(cancellation);
        var body = SegmentSealing.Seal(computer.Account, grant.Number, computer.Group, content, random);
        await PutAsync(grant, ObjectType.IndexSegment, body, cancellation);
        LocalSegment.Write(IndexCache.PathOf(folders, grant.Number), content);
    }

    /// <summary>Commits; <paramref name="previous"/> is this computer's head before, <paramref name="baseId"/> a snapshot whose map spares the service most checks.</summary>
    public async Task<CommittedSnapshot> CommitAsync(
        SnapshotBody body, ReferenceMap map, Head? previous, byte[]? baseId, IReadOnlyList<MapPageReference> knownPages, IReadOnlyList<HeadSighting> sightings, CancellationToken cancellation)
    {
        var pages = await WriteMapAsync(map, knownPages, cancellation);
        var grant = await numbers.TakeAsync(cancellation);
        var sealedBody = ObjectSealer.SealPadded(session.Key, BodyContext(computer.Account, computer.Group.Group, grant.Number), body.Encode(), random);
        var snapshot = new SnapshotObject(pages, sightings, session.Sealed, sealedBody.AsMemory(0, ObjectSealer.SaltLength), sealedBody.AsMemory(ObjectSealer.SaltLength));
        var bytes = await PutAsync(grant, ObjectType.Snapshot, snapshot.Encode(), cancellation);
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
            new CommitSnapshot(numbers.Session, head.Bytes.ToArray(), baseId is null ? null : Convert.ToHexStringLower(baseId), numbers.CommitReceipts()), head.Id, cancellation);
        return new CommittedSnapshot(head, DateTimeOffset.FromUnixTimeSeconds(committed.ReceivedAt), pages);
    }

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
                await PutAsync(grant, ObjectType.MapPage, body, cancellation);
                known = new MapPageReference(page.Index, grant.Number, hash);
            }

            pages.Add(known);
        }

        return pages;
    }

    private async Task<byte[]> PutAsync(UploadGrant grant, ObjectType type, byte[] body, CancellationToken cancellation)
    {
        var bytes = SignedObject.Build(new ObjectHeader
        {
            Type = type, Number = grant.Number, Account = computer.Account, Group = computer.Group.Group, Computer = computer.Number, Session = session.Sealed.Session,
        }, body, computer.SigningKey);
        await uploader.PutAsync(grant, bytes, isForCommit: true, cancellation);
        return bytes;
    }
}
