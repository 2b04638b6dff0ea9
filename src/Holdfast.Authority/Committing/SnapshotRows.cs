using Holdfast.Authority.Accounts;
using Holdfast.Format.Snapshots;

namespace Holdfast.Authority.Committing;

/// <summary>A snapshot's rows: the head for ever, and the pages of its map, each with the number of frames that are stored nowhere.</summary>
internal static class SnapshotRows
{
    /// <summary>Statements for a snapshot that is not there yet.</summary>
    public static IEnumerable<(string Sql, object Parameters)> Insert(Head head, IEnumerable<(MapPageReference Page, long Lacking)> pages, long receivedAt) =>
        Write(head, pages, "live", receivedAt, isOnPod: false, "", "");

    /// <summary>Statements for a snapshot as the pod has it: what is there already keeps its time, and is purged if the pod's is.</summary>
    public static IEnumerable<(string Sql, object Parameters)> Merge(Head head, IEnumerable<(MapPageReference Page, long Lacking)> pages, string state, long receivedAt) =>
        Write(head, pages, state, receivedAt, isOnPod: true,
            "ON CONFLICT (account_id, head_id) DO UPDATE SET state = CASE WHEN excluded.state = 'purged' THEN 'purged' ELSE snapshots.state END, on_pod = 1, version = excluded.version",
            "ON CONFLICT (account_id, head_id, page_index) DO UPDATE SET lacking = excluded.lacking, version = excluded.version");

    private static IEnumerable<(string Sql, object Parameters)> Write(Head head, IEnumerable<(MapPageReference Page, long Lacking)> pages, string state, long receivedAt, bool isOnPod, string ifThere, string ifPageThere)
    {
        var id = head.Id;
        yield return (
            $"""
            INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version)
            VALUES (@account, @id, @computer, @sequence, @snapshotNumber, @state, @bytes, @receivedAt, @onPod, @version) {ifThere}
            """, new { id, head.Computer, head.Sequence, head.SnapshotNumber, state, bytes = head.Bytes.ToArray(), receivedAt, onPod = isOnPod ? 1 : 0 });
        foreach (var (page, lacking) in pages)
        {
            yield return (
                $"INSERT INTO snapshot_pages (account_id, head_id, page_index, page_number, page_hash, lacking, version) VALUES (@account, @id, @index, @number, @hash, @lacking, @version) {ifPageThere}",
                new { id, page.Index, page.Number, hash = page.Hash.ToArray(), lacking });
        }
    }
}
