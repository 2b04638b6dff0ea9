namespace Holdfast.Authority.Moving;

/// <summary>What a move of one account tells whoever watches, and how fast it may go.</summary>
/// <param name="pace">Waits for as long as so many rows are to take; null for not at all.</param>
internal sealed class MoveWatch(Func<int, CancellationToken, Task>? pace = null)
{
    private int _owed;

    /// <summary>Done once stores find what was written since a version without reading all that an account has.</summary>
    public Task Ready { get; init; } = Task.CompletedTask;

    /// <summary>Rows that were copied, again and again if they were written meanwhile.</summary>
    public long Rows { get; private set; }

    /// <summary>How long writers waited, if it came to that.</summary>
    public TimeSpan? Freeze { get; set; }

    /// <summary>Why it was given up.</summary>
    public string? Reason { get; set; }

    /// <summary>Counts rows.</summary>
    public void Copied(int rows) => (Rows, _owed) = (Rows + rows, _owed + rows);

    /// <summary>Waits for what was copied since the last time. Never between the last piece and the fence: it would be old by then; nor in a turn, which others wait for.</summary>
    public Task PaceAsync(CancellationToken cancellation)
    {
        (var owed, _owed) = (_owed, 0);
        return pace?.Invoke(owed, cancellation) ?? Task.CompletedTask;
    }
}
