using System.Security.Cryptography;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Placing;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Committing;

/// <summary>Reads reference maps from the pod: the server's only knowledge of what a snapshot needs.</summary>
internal sealed class SnapshotMaps(PodClient pod)
{
    /// <summary>The pages of the snapshot that a head names; the snapshot's object must be that one, to the byte.</summary>
    public async Task<IReadOnlyList<MapPageReference>> ReadPagesAsync(Head head, CancellationToken cancellation)
    {
        var bytes = await pod.GetAsync(new ObjectName(head.Account, ObjectSpace.Numbered, head.SnapshotNumber), 0, Limits.SmallObjectLengthMax, cancellation);
        try
        {
            var signed = SignedObject.Parse(bytes, ObjectType.Snapshot);
            if (signed.Header.Account != head.Account || signed.Header.Computer != head.Computer || signed.Header.Number != head.SnapshotNumber)
            {
                throw new MalformedObjectException("head", "its snapshot is another computer's");
            }

            var snapshot = SnapshotObject.Parse(signed.Body.Span);
            return SHA256.HashData(bytes).AsSpan().SequenceEqual(head.SnapshotHash.Span)
                && SHA256.HashData(SnapshotObject.EncodePages(snapshot.Pages)).AsSpan().SequenceEqual(head.PageListHash.Span)
                && SHA256.HashData(SnapshotObject.EncodeSightings(snapshot.Sightings)).AsSpan().SequenceEqual(head.SightingsHash.Span)
                ? snapshot.Pages : throw new MalformedObjectException("head", "its hashes are not those of its snapshot");
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    /// <summary>A page, proved to be the one whose hash is given.</summary>
    public async Task<MapPage> ReadPageAsync(AccountId account, MapPageReference reference, CancellationToken cancellation)
    {
        var bytes = await pod.GetAsync(new ObjectName(account, ObjectSpace.Numbered, reference.Number), 0, Limits.SmallObjectLengthMax, cancellation);
        try
        {
            var body = SignedObject.Parse(bytes, ObjectType.MapPage).Body;
            var page = MapPage.Parse(body.Span);
            return page.Index == reference.Index && MapPage.HashOf(body.Span).AsSpan().SequenceEqual(reference.Hash.Span)
                ? page
                : throw new MalformedObjectException("map page", $"object {reference.Number} is not the page that the snapshot names");
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    /// <summary>The pages of a snapshot that is live in this transaction, by index; without those that lack frames, for they spare nothing.</summary>
    public static async Task<Dictionary<uint, MapPageReference>?> LivePagesAsync(AccountTransaction transaction, byte[] headId)
    {
        var rows = await transaction.QueryAsync<(long? Index, long Number, byte[] Hash)>(
            """
            SELECT p.page_index, p.page_number, p.page_hash FROM snapshots s
            LEFT JOIN snapshot_pages p ON p.account_id = s.account_id AND p.head_id = s.head_id AND p.lacking = 0 AND p.deleted = 0
            WHERE s.account_id = @account AND s.head_id = @headId AND s.state = 'live'
            """, new { headId });
        return rows.Count == 0 ? null : rows.Where(row => row.Index is not null).ToDictionary(row => (uint)row.Index!.Value, row => new MapPageReference((uint)row.Index!.Value, (uint)row.Number, row.Hash));
    }
}
