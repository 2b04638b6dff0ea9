using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>The directory, as moves see it. Every change is a compare-and-set on one row: of several who try, one succeeds.</summary>
internal interface IMoveLedger
{
    Task<MoveRow> ReadAsync(AccountId account, CancellationToken cancellation);

    /// <summary>Changes the row if it is still what was read. Movers' names are never used again, so a row that is already what it is to be was changed by the same caller, whose answer was lost.</summary>
    /// <returns>False if somebody was faster.</returns>
    Task<bool> ChangeAsync(AccountId account, MoveRow from, MoveRow to, CancellationToken cancellation);
}
