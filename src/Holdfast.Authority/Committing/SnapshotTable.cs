using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Committing;

/// <summary>Lists what was committed.</summary>
internal sealed class SnapshotTable(AccountStore store)
{
    /// <summary>Every snapshot, by computer and sequence; heads of those that are no longer kept stay in their chains and are listed too.</summary>
    public Task<Page<SnapshotSummary>> ListAsync(AccountPlace place, Paging paging, CancellationToken cancellation) => store.AskAsync(place, async transaction =>
    {
        var (computer, sequence) = paging.AfterPair();
        var page = paging.Cut(await transaction.QueryAsync<Row>(
            """
            SELECT computer, sequence, head, received_at AS ReceivedAt, state FROM snapshots
            WHERE account_id = @account AND (computer, sequence) > (@computer, @sequence) ORDER BY computer, sequence LIMIT @rows
            """, new { computer, sequence, rows = paging.Rows }), row => $"{row.Computer}.{row.Sequence}");
        return new Page<SnapshotSummary>([.. page.Items.Select(row => new SnapshotSummary(row.Head, row.ReceivedAt, row.State))], page.Next);
    }, cancellation);

    public Task<Page<SegmentSummary>> SegmentsAsync(AccountPlace place, Paging paging, CancellationToken cancellation) => store.AskAsync(place, async transaction => paging.Cut(
        (await transaction.QueryAsync<(long Number, long Length, long Computer)>(
            "SELECT number, length, computer FROM objects WHERE account_id = @account AND number > @after AND type = 2 AND state = 'live' ORDER BY number LIMIT @rows",
            new { after = paging.AfterNumber(), rows = paging.Rows }))
            .Select(row => new SegmentSummary((uint)row.Number, row.Length, (uint)row.Computer)).ToList(), row => $"{row.Number}"), cancellation);

    private sealed record Row(long Computer, long Sequence, byte[] Head, long ReceivedAt, string State);
}
