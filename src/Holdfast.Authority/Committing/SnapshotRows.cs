using Holdfast.Authority.Accounts;
using Holdfast.Format.Snapshots;

namespace Holdfast.Authority.Committing;

/// <summary>A snapshot's rows: the head for ever, and the pages of its map, each with the number of frames that are stored nowhere.</summary>
internal static class SnapshotRows
{
    public static async Task InsertAsync(AccountTransaction transaction, Head head, IEnumerable<(MapPageReference Page, long Lacking)> pages, string state, long receivedAt, bool isOnPod)
    {
        var id = head.Id;
        await transaction.ExecuteAsync(
            """
            INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version)
            VALUES (@account, @id, @computer, @sequence, @snapshotNumber, @state, @bytes, @receivedAt, @onPod, @version)
            """, new { id, head.Computer, head.Sequence, head.SnapshotNumber, state, bytes = head.Bytes.ToArray(), receivedAt, onPod = isOnPod ? 1 : 0 });
        await transaction.ExecuteEachAsync(
            "INSERT INTO snapshot_pages (account_id, head_id, page_index, page_number, page_hash, lacking, version) VALUES (@account, @id, @index, @number, @hash, @lacking, @version)",
            pages.Select(item => new { id, item.Page.Index, item.Page.Number, hash = item.Page.Hash.ToArray(), item.Lacking }));
    }
}
