using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>
/// One account store, as moves see it: each call is one transaction on the account's fence row, which its writers lock too, so it waits for those that are under way. Rules (M1 to M11) are those of the protocol that was checked
/// as a model; docs/locking.md has every pair of operations that can meet.
/// </summary>
internal interface IMoveSide
{
    /// <summary>Makes the account's place for rows of an attempt: wipes what an older attempt left, but not what a former home has. Its own again, if another mover had it, is this mover's from then on.</summary>
    /// <returns>False if the account is in use here, a newer attempt is under way, or this one's was given up.</returns>
    Task<bool> PrepareAsync(AccountId account, long epoch, long attempt, string mover, CancellationToken cancellation);

    /// <summary>Rows with a version above a position, in the order of versions, and the version of the last write: both as of one moment.</summary>
    Task<MovedRows> ReadRowsAsync(AccountId account, RowPosition after, int most, CancellationToken cancellation);

    /// <summary>Takes rows in, each only if it is newer than the one there is, and with them the position.</summary>
    /// <returns>False if the place is not of this attempt and mover any more.</returns>
    Task<bool> ApplyAsync(AccountId account, long attempt, string mover, MovedRows rows, CancellationToken cancellation);

    /// <summary>How far rows came in; the beginning if none did.</summary>
    Task<RowPosition> PositionAsync(AccountId account, long attempt, string mover, CancellationToken cancellation);

    /// <summary>Takes no writes any more, under the next epoch.</summary>
    /// <returns>False if it is not open at this epoch: a late fence changes nothing.</returns>
    Task<bool> FenceAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Takes no rows any more; what is there is all, and numbers go on where the source's ended.</summary>
    Task<bool> SealAsync(AccountId account, long attempt, string mover, MovedRows last, CancellationToken cancellation);

    /// <summary>A digest of all rows by table, key and version, a deleted one being like one that never was, and of the last version and number; read by itself, not by what copied.</summary>
    Task<byte[]> DigestAsync(AccountId account, CancellationToken cancellation);

    /// <summary>Opens the source again at an epoch, whether it was fenced or not, unless it is there already.</summary>
    Task ThawAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Wipes what came in, if it is of this attempt, and closes the attempt: what is still on its way finds no place.</summary>
    Task DiscardAsync(AccountId account, long epoch, long attempt, CancellationToken cancellation);

    /// <summary>Opens the sealed target at its epoch.</summary>
    Task OpenAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Makes of the frozen source the one that was left.</summary>
    Task LeaveAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Deletes some rows of a source that was left at this epoch; once there are none it is absent. Its fence row stays, with epoch and attempt: older movers are refused by it.</summary>
    /// <returns>True if nothing is left of it.</returns>
    Task<bool> RetireAsync(AccountId account, long epoch, int most, CancellationToken cancellation);
}

/// <summary>How far rows were read: all of versions below, and of <paramref name="Version"/> those with keys up to <paramref name="Key"/> (all of them if it is null).</summary>
internal sealed record RowPosition(long Version, string? Key)
{
    public static RowPosition Begin { get; } = new(0, null);
}

/// <summary>A row on its way.</summary>
/// <param name="Key">Its table and key.</param>
/// <param name="Version">Of the write that wrote it.</param>
/// <param name="Values">Its values; null for a row that was deleted.</param>
internal sealed record MovedRow(string Key, long Version, object?[]? Values);

/// <summary>Rows that were read together.</summary>
/// <param name="Rows">In the order of versions, then keys.</param>
/// <param name="Position">How far they go.</param>
/// <param name="Version">The version of the account's last write at that moment: if the position is there, this was all.</param>
/// <param name="Number">The last number given out at that moment.</param>
internal sealed record MovedRows(IReadOnlyList<MovedRow> Rows, RowPosition Position, long Version, long Number)
{
    public bool IsAll => Position.Version >= Version && Position.Key is null;
}
