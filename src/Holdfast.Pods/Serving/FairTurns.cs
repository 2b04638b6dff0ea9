using Holdfast.Admission;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Pods.Serving;

/// <summary>A fixed number of turns, given by class, then to every account its share by bytes. Who waits no more is passed over; what does not fit is told to come again. Thread-safe.</summary>
internal sealed class FairTurns(int count, int waitingMax, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly FairQueue<AccountId, Waiter> _queue = new(waitingMax, waiter => !waiter.Turn.Task.IsCompleted);
    private readonly QueueWaitLimit _limit = new(time);
    private int _taken;

    /// <summary>How it bears what it has to do.</summary>
    public PodPressure Pressure
    {
        get
        {
            lock (_lock)
            {
                _limit.Look();
                return new PodPressure(_limit.Limit, Math.Max(_limit.LastInFlight, _taken + _queue.Count), _limit.LastWait.TotalMilliseconds);
            }
        }
    }

    /// <summary>Waits for a turn; the failure pod_busy if too many wait already.</summary>
    /// <param name="workClass">What it is for.</param>
    /// <param name="account">Whose it is.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public async Task TakeAsync(WorkClass workClass, AccountId account, long length, CancellationToken cancellation)
    {
        var waiter = new Waiter(time.GetTimestamp());
        Waiter? shed = null;
        lock (_lock)
        {
            if (_taken < count && _queue.Count == 0)
            {
                Begin(waiter);
                return;
            }

            if (!_queue.TryAdd(workClass, account, length, waiter, out shed))
            {
                throw Busy();
            }
        }

        shed?.Turn.TrySetException(Busy());
        await using var ending = cancellation.UnsafeRegister((_, token) =>
        {
            // Its room is another's at once. If its turn has come meanwhile, it is not here, and its holder gives it back.
            lock (_lock)
            {
                _queue.TryRemove(workClass, account, waiter);
            }

            waiter.Turn.TrySetCanceled(token);
        }, null);
        await waiter.Turn.Task;
    }

    /// <summary>Gives a turn back.</summary>
    public void Return()
    {
        lock (_lock)
        {
            _taken--;
            while (_taken < count && _queue.TryTake(WorkClass.Background, out var next))
            {
                // It may have given up since it was looked at; then the turn is the next one's.
                if (next.Work.Turn.TrySetResult())
                {
                    Begin(next.Work);
                }
            }
        }
    }

    private void Begin(Waiter waiter)
    {
        _taken++;
        _limit.Begin(time.GetElapsedTime(waiter.Since), _taken + _queue.Count);
    }

    private static HoldfastException Busy() => new(FailureTable.PodBusy, "As many uploads wait as the pod takes.");

    private sealed class Waiter(long since)
    {
        public long Since => since;

        public TaskCompletionSource Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
