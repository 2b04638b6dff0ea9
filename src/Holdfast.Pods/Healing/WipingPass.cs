using Holdfast.Format.Objects;
using Holdfast.Pods.Locating;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Healing;

/// <summary>Goes through what is to be wiped, again and again, a few records at a time: what a drive could not do, because it was away or failed, has its turn once drives change, or in a while.</summary>
/// <param name="index">Knows what is to be wiped.</param>
/// <param name="wiping">Wipes it.</param>
/// <param name="gate">While it wipes nothing else heals.</param>
/// <param name="pace">How much of the time it may take from customers.</param>
/// <param name="time">Clock.</param>
internal sealed class WipingPass(PodIndex index, RecordWiping wiping, HealingGate gate, Pace pace, TimeProvider time)
{
    /// <summary>Records that share one sync of each drive: whoever writes to it meanwhile waits for them.</summary>
    private const int RecordsAtOnce = 16;

    /// <summary>Then repairing and rebuilding have their turn.</summary>
    private const int TurnsMax = 64;

    private static readonly TimeSpan _retryPause = TimeSpan.FromMinutes(10);

    private ((long Slots, long Changes) Of, DateTimeOffset At) _last;
    private long _changesAtStart;
    private (uint Volume, long Offset) _at;

    /// <summary>An account's records of one space, now, on every drive that can be written.</summary>
    public async Task RunAsync(AccountId account, ObjectSpace space, CancellationToken cancellation)
    {
        foreach (var places in index.WipesOf(account, space, wiping.WritableSlots).Chunk(RecordsAtOnce))
        {
            await WipeAsync(places, cancellation);
        }
    }

    /// <summary>A part of the pass, if there may be something to do.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var (slots, changes) = (wiping.WritableSlots, index.WipeChanges);
        if (slots == 0 || (_last.Of == (slots, changes) && time.GetUtcNow() < _last.At + _retryPause))
        {
            return;
        }

        if (_at == default)
        {
            _changesAtStart = changes;
        }

        for (var turns = 0; turns < TurnsMax; turns++)
        {
            await pace.GiveWayAsync(cancellation);
            var places = index.WipesAfter(slots, _at.Volume, _at.Offset, RecordsAtOnce);
            if (places.Count == 0)
            {
                (_last, _at) = (((slots, _changesAtStart), time.GetUtcNow()), default);
                return;
            }

            await WipeAsync(places, cancellation);
            _at = (places[^1].Volume, places[^1].Offset);
        }
    }

    private async Task WipeAsync(IReadOnlyList<ObjectPlace> places, CancellationToken cancellation)
    {
        foreach (var volume in places.GroupBy(place => place.Volume))
        {
            await gate.AloneAsync(_ => wiping.TryWipeAsync([.. volume]), cancellation);
        }
    }
}
