namespace Holdfast.Maintenance.Rehearsing;

/// <summary>A clock that goes when it is told to.</summary>
internal sealed class SimulatedTime(DateTimeOffset start) : TimeProvider
{
    private readonly DateTimeOffset _start = start;
    private DateTimeOffset _now = start;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => _now.UtcTicks;

    public override DateTimeOffset GetUtcNow() => _now;

    public void MoveTo(double seconds) => _now = _start.AddSeconds(seconds);
}
