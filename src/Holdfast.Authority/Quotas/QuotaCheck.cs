using System.Collections.Concurrent;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Measuring;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Quotas;

/// <summary>Has computers store no more than they may. What is stored is summed up when it might matter, and not at every step: numbers that were given since are taken to be used to the full.</summary>
internal sealed class QuotaCheck(QuotaTable quotas, AccountUsages usages, TimeProvider time)
{
    /// <summary>Numbers that are given at least: a snapshot's own objects need some.</summary>
    private const int NumbersMin = 8;

    private const int RememberedMax = 10_000;

    /// <summary>What may be on its way beside what is stored, at the quota's end: more than honest clients have, even behind crashes, and the most that one can get which hands in no receipts.</summary>
    private const long OutstandingMax = 4L << 30;

    private static readonly TimeSpan _knownFor = TimeSpan.FromSeconds(20);

    private readonly ConcurrentDictionary<AccountId, Known> _known = new();

    /// <summary>How many of so many numbers a computer is given, and where it stands; the failure quota_exceeded if it may store no more.</summary>
    public async Task<(int Numbers, QuotaState? State)> TakeAsync(Device device, int wanted, CancellationToken cancellation)
    {
        var known = _known.GetValueOrDefault(device.Place.Account);
        if (known is null || time.GetElapsedTime(known.At) > _knownFor)
        {
            known = await ReadAsync(device.Place, await quotas.FindAsync(device.Place, cancellation), cancellation);
        }

        if (known.Quota.StateOf(device.Computer, known.Used) is not { } state)
        {
            return (wanted, null);
        }

        if (state.Used + known.Given + ((long)wanted * Limits.SegmentLengthMax) > state.Bytes)
        {
            known = await ReadAsync(device.Place, await quotas.FindAsync(device.Place, cancellation), cancellation);
            if (known.Quota.StateOf(device.Computer, known.Used) is not { } now)
            {
                return (wanted, null);
            }

            state = now;
        }

        if (state.Used >= state.Bytes || (state.Used + known.Given + OutstandingMax > state.Bytes && state.Used + (await usages.CountOutstandingAsync(device.Place, cancellation) * Limits.SegmentLengthMax) > state.Bytes + OutstandingMax))
        {
            AuthorityMeter.Refused("quota");
            throw new HoldfastException(FailureTable.QuotaExceeded, $"{(state.IsOfComputer ? "This computer" : $"The account '{device.Place.Name}'")} has stored {state.Used} of {state.Bytes} bytes{(state.Used < state.Bytes ? ", and has the permission to store the rest" : "")}.");
        }

        var numbers = (int)Math.Min(wanted, Math.Max((state.Bytes - state.Used) / Limits.SegmentLengthMax, NumbersMin));
        known.Give((long)numbers * Limits.SegmentLengthMax);
        return (numbers, state);
    }

    /// <summary>A quota was changed: what is known of it on this node is forgotten, on others soon.</summary>
    public void Forget(AccountId account) => _known.TryRemove(account, out _);

    private async Task<Known> ReadAsync(AccountPlace place, Quota quota, CancellationToken cancellation)
    {
        if (_known.Count > RememberedMax)
        {
            _known.Clear();
        }

        var at = time.GetTimestamp();
        return _known[place.Account] = new Known(quota, quota.IsNone ? new Dictionary<uint, long>() : await usages.OfComputersAsync(place, cancellation), at);
    }

    private sealed class Known(Quota quota, IReadOnlyDictionary<uint, long> used, long at)
    {
        private long _given;

        public Quota Quota => quota;

        public IReadOnlyDictionary<uint, long> Used => used;

        public long At => at;

        public long Given => Interlocked.Read(ref _given);

        public void Give(long bytes) => Interlocked.Add(ref _given, bytes);
    }
}
