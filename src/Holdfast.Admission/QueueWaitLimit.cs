namespace Holdfast.Admission;

/// <summary>How much may be in flight at once, found from how long work waits in the server's own queue. Not thread-safe.</summary>
/// <remarks>
/// Additive-increase controllers that look at response times measure the client's uplink and starve or creep; the wait in the server's queue contains nothing but the server (DAGOR, SoCC 2018).
/// A window's mean wait above the target twice in a row takes a little away, by how far it is above, far above it much at once; below it, and only if the limit was in use, a little is added, by how
/// far it is below (steps of one size alone swing about the target, and leave the server idle at the lower end). Until the first decrease it
/// grows fast, so that it may begin anywhere.
/// </remarks>
/// <param name="time">Monotonic time: a clock that is set changes nothing.</param>
/// <param name="start">The limit to begin with; the floor if it is less.</param>
/// <param name="ceiling">What it never exceeds, such as what memory has buffers for.</param>
public sealed class QueueWaitLimit(TimeProvider time, double start = QueueWaitLimit.Start, double ceiling = 65_536)
{
    public const int Floor = 16;

    /// <summary>Where it begins: the first minutes find what is right from anywhere, and a service that has just started need not refuse the first few.</summary>
    public const int Start = 100;

    private const double Decrease = 0.93;
    private const double SharpDecrease = 0.7;
    private const double Increase = 1.04;
    private const double SlowStart = 1.3;
    private const double WellBelow = 0.8;
    private const double FarAbove = 5;
    private const double InUse = 0.9;

    /// <summary>How long waits are gathered before the limit is looked at.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    /// <summary>The wait that is aimed at: long enough that the server is never idle, far below what a backup notices.</summary>
    public static readonly TimeSpan Target = TimeSpan.FromMilliseconds(500);

    private double _limit = Math.Clamp(start, Floor, ceiling);
    private long _windowBegan = time.GetTimestamp();
    private TimeSpan _waited;
    private int _begun;
    private int _inFlightMost;
    private int _windowsAbove;
    private bool _hasDecreased;

    /// <summary>How many may be in flight now.</summary>
    public int Limit => (int)_limit;

    /// <summary>The mean wait in the last window; none if nothing began.</summary>
    public TimeSpan LastWait { get; private set; }

    /// <summary>The most that was in flight in that window.</summary>
    public int LastInFlight { get; private set; }

    /// <summary>A piece of work begins.</summary>
    /// <param name="waited">How long it lay in the server's queue; less than nothing is none.</param>
    /// <param name="inFlight">How many are in flight with it.</param>
    public void Begin(TimeSpan waited, int inFlight)
    {
        Look();
        _waited += waited > TimeSpan.Zero ? waited : TimeSpan.Zero;
        _begun++;
        _inFlightMost = Math.Max(_inFlightMost, inFlight);
    }

    /// <summary>Looks whether a window has ended; called now and then where nothing begins.</summary>
    public void Look()
    {
        if (time.GetElapsedTime(_windowBegan) < Window)
        {
            return;
        }

        if (_begun > 0)
        {
            Adapt(_waited / _begun);
        }

        (LastWait, LastInFlight) = (_begun > 0 ? _waited / _begun : TimeSpan.Zero, _inFlightMost);

        (_windowBegan, _waited, _begun, _inFlightMost) = (time.GetTimestamp(), TimeSpan.Zero, 0, 0);
    }

    private void Adapt(TimeSpan wait)
    {
        _windowsAbove = wait > Target ? _windowsAbove + 1 : 0;
        var excess = (wait - Target) / Target;
        var slack = (WellBelow - (wait / Target)) / WellBelow;
        var factor = wait > FarAbove * Target ? SharpDecrease
            : _windowsAbove >= 2 ? Math.Max(Decrease, 1 - ((1 - Decrease) * excess))
            : slack > 0 && _inFlightMost >= InUse * Limit ? _hasDecreased ? 1 + ((Increase - 1) * slack) : SlowStart
            : 1;
        if (factor < 1)
        {
            // What was in flight before the cut is in the next window too: it must not be cut for twice.
            (_hasDecreased, _windowsAbove) = (true, 0);
        }

        // A small limit grows by one at least: two per cent of sixteen is nothing.
        _limit = Math.Clamp(factor > 1 ? Math.Max(_limit * factor, _limit + 1) : _limit * factor, Floor, ceiling);
    }
}
