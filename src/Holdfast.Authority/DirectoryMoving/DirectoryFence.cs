using Holdfast.Authority.Databases;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>The one row of <c>directory_home</c>.</summary>
/// <param name="Id">Of the database.</param>
/// <param name="State">What it is.</param>
/// <param name="Epoch">Rises with each freeze, and with what ends it.</param>
/// <param name="Attempt">Of a move; what is on its way of an older one finds no place.</param>
/// <param name="Other">The database that it moves to or from.</param>
/// <param name="Mover">Who moves it.</param>
internal sealed record DirectoryFence(string Id, DirectoryState State, long Epoch, long Attempt, string? Other, string? Mover)
{
    /// <summary>Writers hold it together; who changes the row holds it alone, and so behind all writes that began before.</summary>
    private const string Lock = "holdfast directory";

    private const string Row = "SELECT id, state, epoch, attempt, other, mover FROM directory_home WHERE one = 1";

    /// <summary>Writes are taken.</summary>
    public bool IsOpen => State is DirectoryState.Home or DirectoryState.Moving;

    public static async Task<DirectoryFence> ReadAsync(DatabaseTransaction transaction) => Of(await transaction.FindAsync<Stored>(Row));

    public static Task<DirectoryFence> ReadAsync(IDatabase database, CancellationToken cancellation) => database.AskAsync(ReadAsync, cancellation);

    /// <summary>Reads it for a write: it stays as it is until the transaction ends.</summary>
    public static async Task<DirectoryFence> ShareAsync(DatabaseTransaction transaction) => Of(await transaction.ShareLockAsync<Stored>(Lock, Row));

    /// <summary>Changes the row, if it still is <paramref name="from"/>; true as well if it was changed so before, by a try whose answer was lost.</summary>
    public static Task<bool> ChangeAsync(IDatabase database, DirectoryFence from, DirectoryFence to, CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        await transaction.LockAsync(Lock);
        return await transaction.ExecuteAsync(
            """
            UPDATE directory_home SET id = @toId, state = @toState, epoch = @toEpoch, attempt = @toAttempt, other = @toOther, mover = @toMover
            WHERE one = 1 AND id = @id AND state = @state AND epoch = @epoch AND attempt = @attempt AND coalesce(other, '') = @other AND coalesce(mover, '') = @mover
            """,
            new
            {
                from.Id, state = NameOf(from.State), from.Epoch, from.Attempt, other = from.Other ?? "", mover = from.Mover ?? "",
                toId = to.Id, toState = NameOf(to.State), toEpoch = to.Epoch, toAttempt = to.Attempt, toOther = to.Other, toMover = to.Mover,
            }) == 1 || await ReadAsync(transaction) == to;
    }, cancellation);

    private static string NameOf(DirectoryState state) => state.ToString().ToLowerInvariant();

    private static DirectoryFence Of(Stored? row) => row is null
        ? throw new InvalidOperationException("a directory without a row that says what it is")
        : new DirectoryFence(row.Id, Enum.Parse<DirectoryState>(row.State, ignoreCase: true), row.Epoch, row.Attempt, row.Other, row.Mover);

    private sealed record Stored
    {
        public string Id { get; init; } = "";

        public string State { get; init; } = "";

        public long Epoch { get; init; }

        public long Attempt { get; init; }

        public string? Other { get; init; }

        public string? Mover { get; init; }
    }
}
