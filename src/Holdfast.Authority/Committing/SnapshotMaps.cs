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

    /// <summary>The pages of a snapshot that is live in this transaction, by index.</summary>
    public static Dictionary<uint, MapPageReference>? LivePages(AccountTransaction transaction, byte[] headId)
    {
        if (transaction.Find<string>("SELECT state FROM snapshots WHERE account_id = @account AND head_id = @headId", new { headId }) != "live")
        {
            return null;
        }

        return transaction.Query<(long Index, long Number, byte[] Hash)>(
            "SELECT page_index, page_number, page_hash FROM snapshot_pages WHERE account_id = @account AND head_id = @headId AND deleted = 0", new { headId })
            .ToDictionary(row => (uint)row.Index, row => new MapPageReference((uint)row.Index, (uint)row.Number, row.Hash));
    }
}
