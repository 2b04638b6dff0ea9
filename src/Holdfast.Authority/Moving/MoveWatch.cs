namespace Holdfast.Authority.Moving;

/// <summary>What a move of one account tells whoever watches, and how fast it may go.</summary>
/// <param name="pace">Waits until so many more rows may be copied; null for at once.</param>
internal sealed class MoveWatch(Func<int, CancellationToken, Task>? pace = null)
{
    /// <summary>Done once stores find what was written since a version without reading all that an account has.</summary>
    public Task Ready { get; init; } = Task.CompletedTask;

    /// <summary>Rows that were copied, again and again if they were written meanwhile.</summary>
    public long Rows { get; private set; }

    /// <summary>How long writers waited, if it came to that.</summary>
    public TimeSpan? Freeze { get; set; }

    /// <summary>Why it was given up.</summary>
    public string? Reason { get; set; }

    public Task CopiedAsync(int rows, CancellationToken cancellation)
    {
        Rows += rows;
        return rows > 0 && pace is not null ? pace(rows, cancellation) : Task.CompletedTask;
    }
}
