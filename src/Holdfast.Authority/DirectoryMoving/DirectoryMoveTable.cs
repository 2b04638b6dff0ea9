using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Authority.Accounts;

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

/// <summary>The latest move of the directory.</summary>
internal sealed class DirectoryMoveTable(AccountDirectory directory)
{
    private const string Mark = "directory_move";

    public async Task<DirectoryMove?> FindAsync(CancellationToken cancellation) =>
        await directory.MarkAsync(Mark, cancellation) is { } text ? JsonSerializer.Deserialize(text, DirectoryMoveJson.Default.DirectoryMove) : null;

    public Task WriteAsync(DirectoryMove move, CancellationToken cancellation) => directory.SetMarkAsync(Mark, JsonSerializer.Serialize(move, DirectoryMoveJson.Default.DirectoryMove), cancellation);
}

[JsonSerializable(typeof(DirectoryMove))]
internal sealed partial class DirectoryMoveJson : JsonSerializerContext;
