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
        if (await transaction.FindAsync<string>("SELECT state FROM snapshots WHERE account_id = @account AND head_id = @headId", new { headId }) != "live")
        {
            return null;
        }

        return (await transaction.QueryAsync<(long Index, long Number, byte[] Hash)>(
            "SELECT page_index, page_number, page_hash FROM snapshot_pages WHERE account_id = @account AND head_id = @headId AND lacking = 0 AND deleted = 0", new { headId }))
            .ToDictionary(row => (uint)row.Index, row => new MapPageReference((uint)row.Index, (uint)row.Number, row.Hash));
    }
}
