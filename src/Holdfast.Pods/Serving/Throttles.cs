using Holdfast.Admission;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Serving;

/// <summary>Holds up what comes faster, or more at once, than its grants allow. What is held up has taken no memory yet. Thread-safe.</summary>
/// <remarks>A bucket is an account's, or a computer's, in one direction, and has the rate of the grant that came last: limits of the day and of the night follow each other by the grants' lives.</remarks>
internal sealed class Throttles(TimeProvider time)
{
    /// <summary>What passes at once after a pause, in seconds of the rate.</summary>
    private const double BurstSeconds = 2;

    /// <summary>Longer than that nobody is held: the client gives up by then.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(45);

    /// <summary>Objects that may wait because of one limit.</summary>
    private const int WaitingMax = 64;

    /// <summary>Objects that may wait because of any: each holds a connection.</summary>
    private const int WaitingOfAllMax = 1024;

    /// <summary>Accounts that are remembered before those that owe nothing are forgotten.</summary>
    private const int RememberedMax = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<(AccountId? Account, uint? Computer, GrantMethod Method), Limited> _limited = [];
    private int _waiting;
    private long _sweptAt = time.GetTimestamp();

    /// <summary>Waits until one more object of the account may be in transit; disposed when it is no more. Null if that is not limited.</summary>
    public async ValueTask<IDisposable?> EnterAsync(Grant grant, CancellationToken cancellation)
    {
        if (grant.Flow.AtOnce == 0)
        {
            return null;
        }

        Limited limited;
        lock (_lock)
        {
            limited = Of(grant.Name.Account, null, grant.Method);
            (limited.AtOnce, limited.Users) = (grant.Flow.AtOnce, limited.Users + 1);
        }

        try
        {
            return await limited.Turns.TryTakeAsync(WorkClass.Backup, 0, 1, cancellation)
                ? new Entered(this, limited) : throw new HoldfastException(FailureTable.PodBusy, $"{WaitingMax} objects of this account wait already, of which {grant.Flow.AtOnce} are let through at once.");
        }
        catch
        {
            Leave(limited);
            throw;
        }
    }

    /// <summary>Waits until so many bytes may pass, as one: what went before is paid for first.</summary>
    public async ValueTask PassAsync(Grant grant, long bytes, CancellationToken cancellation)
    {
        var flow = grant.Flow;
        if (flow is { AccountRate: 0, ComputerRate: 0, SharedRate: 0 })
        {
            return;
        }

        (Limited Limited, long Rate)[] limits;
        TimeSpan wait;
        lock (_lock)
        {
            limits = [.. new (AccountId? Account, uint? Computer, long Rate)[] { (grant.Name.Account, null, flow.AccountRate), (grant.Name.Account, grant.Computer, flow.ComputerRate), (null, null, flow.SharedRate) }
                .Where(limit => limit.Rate > 0).Select(limit => (Of(limit.Account, limit.Computer, grant.Method), limit.Rate))];

            // All are looked at before any is charged.
            wait = limits.Max(limit => limit.Limited.BucketOf(limit.Rate, time).Take(0));
            if (wait > TimeSpan.Zero && (wait > _longest || _waiting >= WaitingOfAllMax || limits.Any(limit => limit.Limited.Waiting >= WaitingMax)))
            {
                throw new HoldfastException(FailureTable.PodBusy, "As much waits for this account's limit, its computer's or everybody's, as may.");
            }

            Charge(limits, bytes, waiting: wait > TimeSpan.Zero ? 1 : 0);
        }

        if (wait <= TimeSpan.Zero)
        {
            return;
        }

        var paid = 0L;
        try
        {
            await Task.Delay(wait, time, cancellation);
            paid = bytes;
        }
        finally
        {
            // Who gave up is given back what did not pass.
            lock (_lock)
            {
                Charge(limits, paid - bytes, waiting: -1);
            }
        }
    }

    private void Charge((Limited Limited, long Rate)[] limits, long bytes, int waiting)
    {
        _waiting += waiting;
        foreach (var (limited, rate) in limits)
        {
            limited.Waiting += waiting;
            if (bytes >= 0)
            {
                limited.BucketOf(rate, time).Take(bytes);
            }
            else
            {
                limited.BucketOf(rate, time).Return(-bytes);
            }
        }
    }

    private void Leave(Limited limited)
    {
        lock (_lock)
        {
            limited.Users--;
        }
    }

    private Limited Of(AccountId? account, uint? computer, GrantMethod method)
    {
        if (_limited.Count > RememberedMax && time.GetElapsedTime(_sweptAt) > TimeSpan.FromSeconds(1))
        {
            _sweptAt = time.GetTimestamp();
            foreach (var (key, known) in _limited.ToList())
            {
                if (known.IsAtRest)
                {
                    _limited.Remove(key);
                }
            }
        }

        return _limited.TryGetValue((account, computer, method), out var limited) ? limited : _limited[(account, computer, method)] = new Limited(time);
    }

    private sealed class Entered(Throttles throttles, Limited limited) : IDisposable
    {
        public void Dispose()
        {
            limited.Turns.Return(WorkClass.Backup);
            throttles.Leave(limited);
        }
    }

    /// <summary>One account, one computer of it, or all, in one direction. Whatever is changed is changed under the lock of all.</summary>
    private sealed class Limited
    {
        private TokenBucket? _bucket;
        private long _rate;

        // An account may fill half of the room that is left: there is only one here.
        public Limited(TimeProvider time) => Turns = new WorkTurns<int>(new Slots(() => AtOnce, restoreShare: 0), 2 * WaitingMax, time);

        public volatile int AtOnce = 1;

        public WorkTurns<int> Turns { get; }

        /// <summary>What has a turn, or waits for one.</summary>
        public int Users { get; set; }

        /// <summary>What waits for the rate.</summary>
        public int Waiting { get; set; }

        public bool IsAtRest => Users == 0 && Waiting == 0 && _bucket?.IsFull != false;

        public TokenBucket BucketOf(long rate, TimeProvider time)
        {
            var bucket = _bucket ??= new TokenBucket(rate, rate * BurstSeconds, time);
            if (rate != _rate)
            {
                _rate = rate;
                bucket.Change(rate, rate * BurstSeconds);
            }

            return bucket;
        }
    }
}
