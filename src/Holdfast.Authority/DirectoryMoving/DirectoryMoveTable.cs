using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>What an operator asked for, and what became of it. It is kept in the directory, and moves with it.</summary>
/// <param name="State">running, moved, failed or aborted.</param>
/// <param name="From">The id of the database that it leaves.</param>
/// <param name="To">The id of the one that it moves to.</param>
/// <param name="PauseMostSeconds">Writes wait for no longer.</param>
/// <param name="StartedAt">Unix seconds.</param>
internal sealed record DirectoryMove(string State, string From, string To, int PauseMostSeconds, long StartedAt)
{
    public const string Running = "running";
    public const string Moved = "moved";
    public const string Failed = "failed";
    public const string Aborted = "aborted";

    public long Rows { get; init; }

    /// <summary>Rows that were written to the other database.</summary>
    public long Copied { get; init; }

    /// <summary>How often all was compared.</summary>
    public int Passes { get; init; }

    /// <summary>How long writes waited; null if nobody knows, because the node that moved it was killed as it had.</summary>
    public double? PausedMs { get; init; }

    public long? EndedAt { get; init; }

    public int Tries { get; init; }

    public string? Failure { get; init; }

    public DirectoryMove With(DirectoryProgress progress) => this with { Rows = progress.Rows, Copied = progress.Copied, Passes = progress.Passes, PausedMs = progress.Paused?.TotalMilliseconds };
}

/// <summary>The latest move of the directory, among the marks of the whole service.</summary>
internal sealed class DirectoryMoveTable(IDatabase directory, TimeProvider time)
{
    private const string Mark = "directory_move";
    private const string Found = $"SELECT value FROM directory_marks WHERE name = '{Mark}'";

    public Task<DirectoryMove?> FindAsync(CancellationToken cancellation) => directory.AskAsync(FindAsync, cancellation);

    /// <summary>Writes down a move that begins, unless the directory is being moved, or accounts are: those would wait for it while they are fenced.</summary>
    public Task BeginAsync(DirectoryMove move, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await RefuseWhileRunningAsync(transaction);
        var moving = await transaction.FindAsync<long>(
            "SELECT (SELECT count(*) FROM moves WHERE state IN ('running', 'aborting')) + (SELECT count(*) FROM accounts WHERE move_state IN ('fencing', 'aborting', 'decided'))");
        return moving > 0
            ? throw new HoldfastException(FailureTable.MoveRefused, "Accounts are being moved, and would wait for the directory while they are fenced: pause that first (`holdfast admin move pause`), and wait a moment.")
            : await KeepAsync(transaction, move);
    }, cancellation);

    /// <summary>Fails while the directory is being moved. Who begins a move, of whatever, asks this first, and they go one after the other.</summary>
    public static async Task RefuseWhileRunningAsync(DatabaseTransaction transaction)
    {
        await transaction.LockAsync(Mark);
        if (await FindAsync(transaction) is { State: DirectoryMove.Running })
        {
            throw new HoldfastException(FailureTable.MoveRefused, "The directory is being moved: wait until it has (`holdfast admin move directory status`).");
        }
    }

    /// <summary>Changes it as it is now, and has it worked on if it runs; what is decided on an older state is not written over a newer one.</summary>
    /// <param name="change">What it becomes; null to leave it.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <returns>What it is then.</returns>
    public Task<DirectoryMove?> ChangeAsync(Func<DirectoryMove?, DirectoryMove?> change, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await transaction.LockAsync(Mark);
        var found = await FindAsync(transaction);
        return change(found) is { } changed ? await KeepAsync(transaction, changed) : found;
    }, cancellation);

    private async Task<DirectoryMove> KeepAsync(DatabaseTransaction transaction, DirectoryMove move)
    {
        await transaction.ExecuteAsync($"DELETE FROM directory_marks WHERE name = '{Mark}'");
        await transaction.ExecuteAsync($"INSERT INTO directory_marks (name, value) VALUES ('{Mark}', @value)", new { value = JsonSerializer.Serialize(move, DirectoryMoveJson.Default.DirectoryMove) });
        if (move.State == DirectoryMove.Running)
        {
            await JobTable.EnqueueAsync(transaction, DirectoryMoveJob.JobName, "", time);
        }

        return move;
    }

    private static async Task<DirectoryMove?> FindAsync(DatabaseTransaction transaction) =>
        await transaction.FindAsync<string>(Found) is { } text ? JsonSerializer.Deserialize(text, DirectoryMoveJson.Default.DirectoryMove) : null;
}

[JsonSerializable(typeof(DirectoryMove))]
internal sealed partial class DirectoryMoveJson : JsonSerializerContext;
