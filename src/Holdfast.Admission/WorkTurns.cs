namespace Holdfast.Admission;

/// <summary>Turns at something of which there is only so much, given by class, then to every account its share by cost. Who waits no more is passed over; what does not fit is refused. Thread-safe.</summary>
/// <typeparam name="TAccount">Whose work it is.</typeparam>
/// <param name="slots">How much there is, and for whom.</param>
/// <param name="waitingMax">Pieces of work that may wait.</param>
/// <param name="time">Measures waits.</param>
public sealed class WorkTurns<TAccount>(Slots slots, int waitingMax, TimeProvider time)
    where TAccount : notnull
{
    private readonly Lock _lock = new();
    private readonly FairQueue<TAccount, Waiter> _queue = new(waitingMax, waiter => !waiter.Turn.Task.IsCompleted);
    private readonly QueueWaitLimit _limit = new(time);

    /// <summary>How it bears what it has to do: how many backups it would bear, how many were in flight, and how long they waited, in the last window.</summary>
    public (int Limit, int InFlight, TimeSpan Wait) Pressure
    {
        get
        {
            lock (_lock)
            {
                _limit.Look();
                return (_limit.Limit, Math.Max(_limit.LastInFlight, slots.InFlight + _queue.Count), _limit.LastWait);
            }
        }
    }

    /// <summary>Waits for a turn, to be given back by <see cref="Return"/>; false if it is refused, since too much waits already or this must make room for what is more urgent.</summary>
    /// <param name="workClass">What it is for.</param>
    /// <param name="account">Whose it is.</param>
    /// <param name="cost">Bytes, or what they compare to.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public async ValueTask<bool> TryTakeAsync(WorkClass workClass, TAccount account, long cost, CancellationToken cancellation)
    {
        var waiter = new Waiter(time.GetTimestamp());
        lock (_lock)
        {
            if (!_queue.TryAdd(workClass, account, cost, waiter, out var shed))
            {
                return false;
            }

            shed?.Turn.TrySetResult(false);
            BeginNext();
        }

        if (waiter.Turn.Task.IsCompleted)
        {
            return await waiter.Turn.Task;
        }

        await using var ending = cancellation.UnsafeRegister((_, token) =>
        {
            // Its room is another's at once. If its turn has come meanwhile, it is not here, and its holder gives it back.
            lock (_lock)
            {
                _queue.TryRemove(workClass, account, waiter);
            }

            waiter.Turn.TrySetCanceled(token);
        }, null);
        return await waiter.Turn.Task;
    }

    /// <summary>Gives a turn back.</summary>
    public void Return(WorkClass workClass)
    {
        lock (_lock)
        {
            slots.End(workClass);
            BeginNext();
        }
    }

    private void BeginNext()
    {
        while (slots.MayBegin is { } lowest && _queue.TryTake(lowest, out var next))
        {
            // It may have given up since it was looked at; then the turn is the next one's.
            if (next.Work.Turn.TrySetResult(true))
            {
                slots.Begin(next.Class);
                if (next.Class is WorkClass.Backup or WorkClass.CatchingUp)
                {
                    _limit.Begin(time.GetElapsedTime(next.Work.Since), slots.InFlight + _queue.Count);
                }
            }
        }
    }

    private sealed class Waiter(long since)
    {
        public long Since => since;

        public TaskCompletionSource<bool> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
