using System.Collections.Concurrent;
using Holdfast.Admission;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Serving;

/// <summary>Holds up what comes faster, or more at once, than its grants allow. What is held up has taken no memory yet. Thread-safe.</summary>
/// <remarks>A bucket is an account's in one direction, and has the rate of the grant that came last: limits of the day and of the night follow each other by the grants' lives.</remarks>
internal sealed class Throttles(TimeProvider time)
{
    /// <summary>What passes at once after a pause, in seconds of the rate.</summary>
    private const double BurstSeconds = 2;

    /// <summary>Longer than that nobody is held: the client gives up by then.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(45);

    /// <summary>Objects of one account that may wait because of its own limit.</summary>
    private const int WaitingMax = 64;

    /// <summary>Accounts that are remembered before those that owe nothing are forgotten.</summary>
    private const int RememberedMax = 10_000;

    private readonly ConcurrentDictionary<(AccountId? Account, GrantMethod Method), Limited> _limited = new();

    /// <summary>Waits until one more object of the account may be in transit; disposed when it is no more.</summary>
    public async ValueTask<IDisposable?> EnterAsync(Grant grant, CancellationToken cancellation)
    {
        if (grant.Flow.AtOnce == 0)
        {
            return null;
        }

        var limited = Of(grant.Name.Account, grant.Method);
        limited.AtOnce = grant.Flow.AtOnce;
        return await limited.Turns.TryTakeAsync(WorkClass.Backup, 0, 1, cancellation)
            ? new Entered(limited.Turns) : throw new HoldfastException(FailureTable.PodBusy, $"{WaitingMax} objects of this account wait already, of which {grant.Flow.AtOnce} are let through at once.");
    }

    /// <summary>Waits until so many bytes may pass.</summary>
    public async ValueTask PassAsync(Grant grant, long bytes, CancellationToken cancellation)
    {
        await PassAsync(grant.Name.Account, grant.Method, grant.Flow.AccountRate, bytes, cancellation);
        await PassAsync(null, grant.Method, grant.Flow.SharedRate, bytes, cancellation);
    }

    private async ValueTask PassAsync(AccountId? account, GrantMethod method, long rate, long bytes, CancellationToken cancellation)
    {
        if (rate == 0)
        {
            return;
        }

        var limited = Of(account, method);
        TimeSpan wait;
        lock (limited)
        {
            // What went before is paid for first; then this may pass as a whole.
            var bucket = limited.BucketOf(rate);
            wait = bucket.Take(0);
            if (wait > _longest)
            {
                throw new HoldfastException(FailureTable.PodBusy, $"The limit of {rate >> 10} KiB a second is used up for longer than {_longest.TotalMinutes} minutes.");
            }

            bucket.Take(bytes);
        }

        if (wait <= TimeSpan.Zero)
        {
            return;
        }

        try
        {
            await Task.Delay(wait, time, cancellation);
        }
        catch (OperationCanceledException)
        {
            lock (limited)
            {
                limited.BucketOf(rate).Return(bytes);
            }

            throw;
        }
    }

    private Limited Of(AccountId? account, GrantMethod method)
    {
        if (_limited.Count > RememberedMax)
        {
            foreach (var (key, known) in _limited)
            {
                if (known.IsAtRest)
                {
                    _limited.TryRemove(key, out _);
                }
            }
        }

        return _limited.GetOrAdd((account, method), _ => new Limited(time));
    }

    private sealed class Entered(WorkTurns<int> turns) : IDisposable
    {
        public void Dispose() => turns.Return(WorkClass.Backup);
    }

    private sealed class Limited
    {
        private readonly TimeProvider _time;
        private TokenBucket? _bucket;
        private long _rate;

        public Limited(TimeProvider time)
        {
            _time = time;
            Turns = new WorkTurns<int>(new Slots(() => AtOnce, restoreShare: 0), WaitingMax, time);
        }

        public int AtOnce { get; set; } = 1;

        public WorkTurns<int> Turns { get; }

        public bool IsAtRest
        {
            get
            {
                lock (this)
                {
                    return Turns.InFlight == 0 && _bucket?.IsFull != false;
                }
            }
        }

        public TokenBucket BucketOf(long rate)
        {
            var bucket = _bucket ??= new TokenBucket(rate, rate * BurstSeconds, _time);
            if (rate != _rate)
            {
                _rate = rate;
                bucket.Change(rate, rate * BurstSeconds);
            }

            return bucket;
        }
    }
}
