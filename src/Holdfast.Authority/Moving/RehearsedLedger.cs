using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>Where accounts live, for a rehearsal alone.</summary>
internal sealed class RehearsedLedger(MoveRow row) : IMoveLedger
{
    private MoveRow _row = row;

    public Task<MoveRow> ReadAsync(AccountId account, CancellationToken cancellation) => Task.FromResult(_row);

    public Task<bool> ChangeAsync(AccountId account, MoveRow from, MoveRow to, CancellationToken cancellation) => Task.FromResult(Interlocked.CompareExchange(ref _row, to, from) is var was && (was == from || was == to));
}
