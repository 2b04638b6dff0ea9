using Holdfast.Authority.Accounts;
using Holdfast.Format.Snapshots;

namespace Holdfast.Authority.Committing;

/// <summary>A snapshot's rows: the head for ever, and the pages of its map, each with the number of frames that are stored nowhere.</summary>
internal static class SnapshotRows
{
    public static void Insert(AccountTransaction transaction, Head head, IEnumerable<(MapPageReference Page, long Lacking)> pages, string state, long receivedAt, bool isOnPod)
    {
        var id = head.Id;
        transaction.Execute(
            """
            INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version)
            VALUES (@account, @id, @computer, @sequence, @snapshotNumber, @state, @bytes, @receivedAt, @onPod, @version)
            """, new { id, head.Computer, head.Sequence, head.SnapshotNumber, state, bytes = head.Bytes.ToArray(), receivedAt, onPod = isOnPod ? 1 : 0 });
        foreach (var (page, lacking) in pages)
        {
            transaction.Execute(
                "INSERT INTO snapshot_pages (account_id, head_id, page_index, page_number, page_hash, lacking, version) VALUES (@account, @id, @index, @number, @hash, @lacking, @version)",
                new { id, page.Index, page.Number, hash = page.Hash.ToArray(), lacking });
        }
    }
}
