namespace Holdfast.Pods.Healing;

/// <summary>Whether customers are served now, or were a moment ago. Thread-safe.</summary>
internal sealed class Traffic(TimeProvider time)
{
    private static readonly TimeSpan _aMoment = TimeSpan.FromSeconds(1);

    private int _active;
    private long _last = long.MinValue;

    /// <summary>True while somebody is served.</summary>
    public bool IsServing => Volatile.Read(ref _active) > 0;

    /// <summary>True if somebody is served, or was within the last second.</summary>
    public bool IsBusy => IsServing || (Volatile.Read(ref _last) is var last && last != long.MinValue && time.GetElapsedTime(last) < _aMoment);

    /// <summary>Somebody is served until the result is disposed of.</summary>
    public Serving Begin()
    {
        Interlocked.Increment(ref _active);
        Volatile.Write(ref _last, time.GetTimestamp());
        return new Serving(this);
    }

    /// <summary>A pace for a piece of background work that may take <paramref name="share"/> (0 to 1) of the time while customers are served, and all of it while nobody is.</summary>
    public Pace PaceOf(double share) => new(this, time, share);

    internal readonly struct Serving(Traffic traffic) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref traffic._active);
    }
}
