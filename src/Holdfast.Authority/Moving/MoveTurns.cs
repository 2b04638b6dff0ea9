namespace Holdfast.Authority.Moving;

/// <summary>
/// What a node's movers do one after the other: freezes, some at a time, or large pieces, which keep both servers busy for a fraction of a second, but never both: a freeze beside them takes several times as long, and writers wait for it.
/// First come, first served, so that neither keeps the other waiting for ever. Thread-safe.
/// </summary>
/// <param name="freezesMost">Freezes at once: each step of one is work of both servers and this node, and more only wait for each other.</param>
internal sealed class MoveTurns(int freezesMost)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<(bool IsFreeze, TaskCompletionSource Come)> _waiting = [];
    private int _freezes;
    private int _pieces;

    /// <summary>Waits until no large piece is under way, and few enough freezes.</summary>
    /// <returns>Is disposed of when it is over.</returns>
    public Task<IDisposable> FreezeAsync(CancellationToken cancellation) => TakeAsync(isFreeze: true, cancellation);

    /// <summary>Waits until no freeze is under way.</summary>
    /// <returns>Is disposed of when it is over.</returns>
    public Task<IDisposable> PieceAsync(CancellationToken cancellation) => TakeAsync(isFreeze: false, cancellation);

    private async Task<IDisposable> TakeAsync(bool isFreeze, CancellationToken cancellation)
    {
        LinkedListNode<(bool, TaskCompletionSource Come)> place;
        lock (_lock)
        {
            place = _waiting.AddLast((isFreeze, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)));
            Begin();
        }

        try
        {
            await place.Value.Come.Task.WaitAsync(cancellation);
            return new Turn(this, isFreeze);
        }
        catch (OperationCanceledException)
        {
            Leave(place, isFreeze);
            throw;
        }
    }

    /// <summary>Begins whoever is first, as long as that may be.</summary>
    private void Begin()
    {
        while (_waiting.First is { } first && (first.Value.IsFreeze ? _pieces == 0 && _freezes < freezesMost : _freezes == 0))
        {
            _waiting.RemoveFirst();
            Count(first.Value.IsFreeze, 1);
            first.Value.Come.SetResult();
        }
    }

    private void Leave(LinkedListNode<(bool, TaskCompletionSource)> place, bool isFreeze)
    {
        lock (_lock)
        {
            if (place.List is null)
            {
                // Its turn had come when it went.
                Count(isFreeze, -1);
            }
            else
            {
                _waiting.Remove(place);
            }

            Begin();
        }
    }

    private void Count(bool isFreeze, int more) => (_freezes, _pieces) = isFreeze ? (_freezes + more, _pieces) : (_freezes, _pieces + more);

    private sealed class Turn(MoveTurns turns, bool isFreeze) : IDisposable
    {
        private int _isOver;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isOver, 1) == 0)
            {
                lock (turns._lock)
                {
                    turns.Count(isFreeze, -1);
                    turns.Begin();
                }
            }
        }
    }
}
