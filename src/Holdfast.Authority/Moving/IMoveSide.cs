using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>
/// One account store, as moves see it: each call takes effect at one moment, in a transaction that begins with the account's fence row, which its writers lock too, so it waits for those that are under way. Rules (M1 to M11) are those of the
/// protocol that was checked as a model; docs/locking.md has every pair of operations that can meet.
/// </summary>
internal interface IMoveSide
{
    /// <summary>Rows that may be written in one transaction: its other writers wait for no more.</summary>
    int RowsMost { get; }

    /// <summary>Makes the account's place for rows of an attempt: wipes what an older attempt left, but not what a former home has. Its own again, if another mover had it, is this mover's from then on.</summary>
    /// <returns>False if the account is in use here, a newer attempt is under way, or this one's was given up.</returns>
    Task<bool> PrepareAsync(AccountId account, long epoch, long attempt, string mover, CancellationToken cancellation);

    /// <summary>What comes behind a position, and the version of the last write: both as of one moment.</summary>
    Task<MovedRows> ReadRowsAsync(AccountId account, RowPosition after, int most, CancellationToken cancellation);

    /// <summary>Takes rows in, each only if it is newer than the one there is, and with them the position.</summary>
    /// <returns>False if the place is not of this attempt and mover any more, or not where the rows go on.</returns>
    Task<bool> ApplyAsync(AccountId account, long attempt, string mover, MovedRows rows, CancellationToken cancellation);

    /// <summary>How far rows came in; the beginning if none did.</summary>
    Task<RowPosition> PositionAsync(AccountId account, long attempt, string mover, CancellationToken cancellation);

    /// <summary>Of the rows of some versions, in their order: where a piece of so many ends that begins behind a place (with the first, if it is null); null if there are fewer.</summary>
    Task<string?> FindEndAsync(AccountId account, VersionRange versions, string? after, int most, CancellationToken cancellation);

    /// <summary>What the store makes of all rows of some versions behind one place and up to another (without bounds, if they are null); null if it has no such thing. Only stores of one kind have the same for the same rows.</summary>
    Task<RowSum?> SumAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation);

    /// <summary>Each row of some versions behind one place and up to another, with a digest of its values; read by itself, not by what copies.</summary>
    Task<IReadOnlyList<RowMark>> ReadMarksAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation);

    /// <summary>Takes no writes any more, under the next epoch.</summary>
    /// <returns>False if it is not open at this epoch: a late fence changes nothing.</returns>
    Task<bool> FenceAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Takes no rows any more; what is there is all, and numbers go on where the source's ended.</summary>
    Task<bool> SealAsync(AccountId account, long attempt, string mover, MovedRows last, CancellationToken cancellation);

    /// <summary>A digest of rows above a version, by key, version and values, of the last version, and of the numbers that were given out; read by itself, not by what copies.</summary>
    Task<byte[]> DigestAsync(AccountId account, long above, CancellationToken cancellation);

    /// <summary>Opens the source again at an epoch, whether it was fenced or not, unless it is there already.</summary>
    Task ThawAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Closes the attempt, so that what is still on its way finds no place, then wipes what came in of it.</summary>
    Task DiscardAsync(AccountId account, long epoch, long attempt, CancellationToken cancellation);

    /// <summary>Opens the sealed target at its epoch.</summary>
    Task OpenAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Makes of the frozen source the one that was left.</summary>
    Task LeaveAsync(AccountId account, long epoch, CancellationToken cancellation);

    /// <summary>Deletes some rows of a source that was left at this epoch; once there are none it is absent. Its fence row stays, with epoch and attempt: older movers are refused by it.</summary>
    /// <returns>The key of the last row that was deleted, behind which it goes on; null if nothing is left.</returns>
    Task<string?> RetireAsync(AccountId account, long epoch, string? after, int most, CancellationToken cancellation);
}

/// <summary>How far rows were read: all up to <paramref name="Version"/>, and beyond that what <paramref name="Key"/> says.</summary>
/// <param name="Version">All rows up to this version were read.</param>
/// <param name="Key">How far within the versions that come next, in the store's words; null if nothing of them was read.</param>
internal sealed record RowPosition(long Version, string? Key)
{
    public static RowPosition Begin { get; } = new(0, null);
}

/// <summary>Rows that were read together.</summary>
/// <param name="Tables">The rows, by table.</param>
/// <param name="After">What they come behind: where there are others they are not taken in.</param>
/// <param name="Position">How far they go.</param>
/// <param name="Version">The version of the account's last write at that moment: if the position is there, this was all.</param>
/// <param name="Numbers">The last numbers given out at that moment.</param>
internal sealed record MovedRows(IReadOnlyList<PackedRows> Tables, RowPosition After, RowPosition Position, long Version, GivenNumbers Numbers) : IDisposable
{
    public bool IsAll => Position.Version >= Version && Position.Key is null;

    public int Count => Tables.Sum(table => table.Count);

    public void Dispose()
    {
        foreach (var table in Tables)
        {
            table.Dispose();
        }
    }
}

/// <summary>Many rows as they are compared at once.</summary>
internal sealed record RowSum(long Count, long Hash);

/// <summary>A row as it is compared.</summary>
/// <param name="Key">Its table and key.</param>
/// <param name="Version">Of the write that wrote it.</param>
/// <param name="IsDeleted">It only says that there was one.</param>
/// <param name="Digest">Of its values.</param>
internal sealed record RowMark(string Key, long Version, bool IsDeleted, UInt128 Digest);

/// <summary>The next numbers that an account gives out. None is given twice, wherever the account lives.</summary>
internal sealed record GivenNumbers(long Number, long Computer, long Session, long Collection);
