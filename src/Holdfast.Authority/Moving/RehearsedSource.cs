using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>A store whose accounts are moved only in a rehearsal: they are read as ever, and nothing of them is changed.</summary>
internal sealed class RehearsedSource(IMoveSide side) : IMoveSide
{
    public int RowsMost => side.RowsMost;

    public Task<MovedRows> ReadRowsAsync(AccountId account, RowPosition after, int most, CancellationToken cancellation) => side.ReadRowsAsync(account, after, most, cancellation);

    public Task<string?> FindEndAsync(AccountId account, VersionRange versions, string? after, int most, CancellationToken cancellation) => side.FindEndAsync(account, versions, after, most, cancellation);

    public Task<RowSum?> SumAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation) => side.SumAsync(account, versions, after, until, cancellation);

    public Task<IReadOnlyList<RowMark>> ReadMarksAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation) => side.ReadMarksAsync(account, versions, after, until, cancellation);

    public Task<byte[]> DigestAsync(AccountId account, long above, CancellationToken cancellation) => side.DigestAsync(account, above, cancellation);

    /// <remarks>Its writers go on: what they write meanwhile is found by the digests, and the account is tried again or left out.</remarks>
    public Task<bool> FenceAsync(AccountId account, long epoch, CancellationToken cancellation) => Task.FromResult(true);

    public Task ThawAsync(AccountId account, long epoch, CancellationToken cancellation) => Task.CompletedTask;

    public Task LeaveAsync(AccountId account, long epoch, CancellationToken cancellation) => Task.CompletedTask;

    public Task<string?> RetireAsync(AccountId account, long epoch, string? after, int most, CancellationToken cancellation) => Task.FromResult<string?>(null);

    public Task<bool> PrepareAsync(AccountId account, long epoch, long attempt, string mover, CancellationToken cancellation) => throw Never();

    public Task<bool> ApplyAsync(AccountId account, long attempt, string mover, MovedRows rows, CancellationToken cancellation) => throw Never();

    public Task<RowPosition> PositionAsync(AccountId account, long attempt, string mover, CancellationToken cancellation) => throw Never();

    public Task<bool> SealAsync(AccountId account, long attempt, string mover, MovedRows last, CancellationToken cancellation) => throw Never();

    public Task DiscardAsync(AccountId account, long epoch, long attempt, CancellationToken cancellation) => throw Never();

    public Task OpenAsync(AccountId account, long epoch, CancellationToken cancellation) => throw Never();

    private static InvalidOperationException Never() => new("nothing is moved to where a rehearsal reads");
}
