using Holdfast.Authority.Accounts;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Committing;

/// <summary>Lists what was committed.</summary>
internal sealed class SnapshotTable(AccountStore store)
{
    /// <summary>Every snapshot that is not purged, oldest first; heads of purged ones stay in their chains and are listed too.</summary>
    public SnapshotList List(AccountPlace place) => store.Read(place.Account, transaction => new SnapshotList(
        [.. transaction.Query<(byte[] Head, long ReceivedAt, string State)>("SELECT head, received_at, state FROM snapshots WHERE account_id = @account ORDER BY received_at, computer, sequence")
            .Select(row => new SnapshotSummary(row.Head, row.ReceivedAt, row.State))]));

    public SegmentList Segments(AccountPlace place) => store.Read(place.Account, transaction => new SegmentList(
        [.. transaction.Query<(long Number, long Length, long Computer)>("SELECT number, length, computer FROM objects WHERE account_id = @account AND type = 2 AND state = 'live' ORDER BY number")
            .Select(row => new SegmentSummary((uint)row.Number, row.Length, (uint)row.Computer))]));
}
