namespace Holdfast.Admission;

/// <summary>How fast computers are let in, measured over the last ten minutes or so, at first over less, beginning with what is believed. Not thread-safe.</summary>
/// <param name="believed">Computers a second, as planned.</param>
public sealed class GateRate(double believed)
{
    private const double MemoryLeast = 30;
    private const double MemoryMost = 600;

    private long? _admitted;
    private double _elapsed;

    public double PerSecond { get; private set; } = believed;

    /// <summary>Time has gone by; the first call only says where counting begins.</summary>
    /// <param name="seconds">How long.</param>
    /// <param name="admitted">Computers let in since the beginning.</param>
    public void Add(double seconds, long admitted)
    {
        if (_admitted is not { } before || seconds <= 0)
        {
            _admitted = admitted;
            return;
        }

        _elapsed += seconds;
        var share = 1 - Math.Exp(-seconds / Math.Clamp(_elapsed, MemoryLeast, MemoryMost));
        PerSecond += share * ((Math.Max(0, admitted - before) / seconds) - PerSecond);
        _admitted = admitted;
    }
}
