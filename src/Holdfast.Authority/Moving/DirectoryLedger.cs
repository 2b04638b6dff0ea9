using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Moving;

/// <summary>Moves in the directory: columns of the account's own row, so that who is home and what becomes of it change together.</summary>
internal sealed class DirectoryLedger(IDatabase directory) : IMoveLedger
{
    private const string Columns = "home, epoch, move_state AS State, move_other AS Other, move_attempt AS Attempt, mover";

    public Task<MoveRow> ReadAsync(AccountId account, CancellationToken cancellation) => directory.AskAsync(transaction => ReadAsync(transaction, account), cancellation);

    /// <remarks>An account that is being deleted begins no move. Once it is sent nobody cancels it: a server that waits for its standby when it is cancelled says that it committed, and it may be lost with the server.</remarks>
    public async Task<bool> ChangeAsync(AccountId account, MoveRow from, MoveRow to, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return await directory.WriteAsync(transaction => transaction.ExecuteLastAsync(
            $"""
            UPDATE accounts SET home = @toHome, epoch = @toEpoch, move_state = @toState, move_other = @toOther, move_attempt = @toAttempt, mover = @toMover
            WHERE account_id = @id AND home = @home AND epoch = @epoch AND move_state = @state AND coalesce(move_other, '') = @other AND move_attempt = @attempt AND coalesce(mover, '') = @mover
                AND (move_state <> 'none' OR state <> '{AccountState.Purging}')
            """,
            new
            {
                id = account.ToArray(), from.Home, from.Epoch, state = NameOf(from.State), other = from.Other ?? "", from.Attempt, mover = from.Mover ?? "",
                toHome = to.Home, toEpoch = to.Epoch, toState = NameOf(to.State), toOther = to.Other, toAttempt = to.Attempt, toMover = to.Mover,
            }), CancellationToken.None) == 1 || await ReadAsync(account, cancellation) == to;
    }

    /// <summary>Accounts whose moves keep writers waiting, or were begun to be ended and are not; perhaps somebody was killed.</summary>
    public Task<IReadOnlyList<(AccountId Account, MoveState State, long Attempt)>> UnsettledAsync(int most, CancellationToken cancellation) => directory.ReadAsync<IReadOnlyList<(AccountId, MoveState, long)>>(async transaction =>
        [.. (await transaction.QueryAsync<(byte[] Id, string State, long Attempt)>(
            $"SELECT account_id, move_state, move_attempt FROM accounts WHERE move_state IN ('fencing', 'aborting', 'decided', 'retiring') AND move_state <> 'none' ORDER BY move_state, account_id LIMIT {most}"))
            .Select(row => (new AccountId(row.Id), Enum.Parse<MoveState>(row.State, ignoreCase: true), row.Attempt))], cancellation);

    /// <summary>As the database has it.</summary>
    public static string NameOf(MoveState state) => state.ToString().ToLowerInvariant();

    private static async Task<MoveRow> ReadAsync(DatabaseTransaction transaction, AccountId account) =>
        await transaction.FindAsync<Row>($"SELECT {Columns} FROM accounts WHERE account_id = @id", new { id = account.ToArray() }) is { } row
            ? new MoveRow(row.Home, row.Epoch, Enum.Parse<MoveState>(row.State, ignoreCase: true), row.Other, row.Attempt, row.Mover)
            : throw new HoldfastException(FailureTable.NotFound, "There is no such account any more.");

    private sealed record Row(string Home, long Epoch, string State, string? Other, long Attempt, string? Mover);
}
