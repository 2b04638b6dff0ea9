namespace Holdfast.Authority.Moving;

/// <summary>
/// Of a node's movers either some freeze an account, or some are at large pieces (all but an account's last), which keep both servers busy for a fraction of a second; never both: a freeze beside pieces takes several times as long, and
/// writers wait for it. First come, first served, so that neither keeps the other waiting for ever; and whoever has waited for long goes on without a turn, which only makes it slower: a store that does not answer holds up nobody else's
/// accounts. Thread-safe.
/// </summary>
/// <param name="freezesMost">Freezes at once: each step of one is work of both servers and this node, and more only wait for each other.</param>
/// <param name="time">The clock.</param>
/// <param name="waitsMost">How long anybody waits; two seconds unless given.</param>
internal sealed class MoveTurns(int freezesMost, TimeProvider time, TimeSpan? waitsMost = null)
{
    private static readonly TimeSpan _waitsMostDefault = TimeSpan.FromSeconds(2);

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
            await place.Value.Come.Task.WaitAsync(waitsMost ?? _waitsMostDefault, time, cancellation);
            return new Turn(this, isFreeze);
        }
        catch (TimeoutException)
        {
            return HasCome(place) ? new Turn(this, isFreeze) : new Turn(null, isFreeze);
        }
        catch (OperationCanceledException)
        {
            if (HasCome(place))
            {
                End(isFreeze);
            }

            throw;
        }
    }

    /// <summary>Gives the place up, if it is one yet.</summary>
    private bool HasCome(LinkedListNode<(bool, TaskCompletionSource)> place)
    {
        lock (_lock)
        {
            if (place.List is null)
            {
                return true;
            }

            _waiting.Remove(place);
            Begin();
            return false;
        }
    }

    private void End(bool isFreeze)
    {
        lock (_lock)
        {
            Count(isFreeze, -1);
            Begin();
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

    private void Count(bool isFreeze, int more) => (_freezes, _pieces) = isFreeze ? (_freezes + more, _pieces) : (_freezes, _pieces + more);

    private sealed class Turn(MoveTurns? turns, bool isFreeze) : IDisposable
    {
        private MoveTurns? _turns = turns;

        public void Dispose() => Interlocked.Exchange(ref _turns, null)?.End(isFreeze);
    }
}
