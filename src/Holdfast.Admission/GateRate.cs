namespace Holdfast.Admission;

/// <summary>How fast computers are let in, measured over the last ten minutes or so, beginning with what is believed. Not thread-safe.</summary>
/// <param name="believed">Computers a second, as planned.</param>
public sealed class GateRate(double believed)
{
    private static readonly double _memory = TimeSpan.FromMinutes(10).TotalSeconds;

    private long _admitted;

    public double PerSecond { get; private set; } = believed;

    /// <summary>Time has gone by.</summary>
    /// <param name="seconds">How long.</param>
    /// <param name="admitted">Computers let in since the beginning.</param>
    public void Add(double seconds, long admitted)
    {
        if (seconds <= 0)
        {
            return;
        }

        var share = 1 - Math.Exp(-seconds / _memory);
        PerSecond += share * ((Math.Max(0, admitted - _admitted) / seconds) - PerSecond);
        _admitted = admitted;
    }
}
