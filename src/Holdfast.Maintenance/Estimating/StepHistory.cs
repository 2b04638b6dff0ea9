namespace Holdfast.Maintenance.Estimating;

/// <summary>All that is known of a step before it runs: how much there was of what it works on, how long it took before, and what a probe measured.</summary>
/// <param name="Name">How the plan names it.</param>
/// <param name="Samples">How much there was, in whatever order; values below 1 are passed over.</param>
/// <param name="Runs">Earlier runs, in whatever order; those that make no sense (no volume, no time) are passed over.</param>
/// <param name="Probes">Rates that a rehearsal or a probe measured lately.</param>
public sealed record StepHistory(string Name, IReadOnlyList<VolumeSample> Samples, IReadOnlyList<StepRun> Runs, IReadOnlyList<Probe> Probes)
{
    /// <summary>Threads that it will have; null if that is not known, or does not matter.</summary>
    public int? Threads { get; init; }

    /// <summary>How many it may have at most.</summary>
    public int ThreadsMost { get; init; } = 20;

    /// <summary>How much is done in a second at most, because somebody says so; null for as much as there can be.</summary>
    public double? PerSecondMost { get; init; }

    /// <summary>How much there will be, if somebody says so instead of the samples.</summary>
    public double? Volume { get; init; }

    /// <summary>What it works on grows with how long the service was away: computers that are due, of all that the samples count, within one <see cref="Turnover"/>.</summary>
    public TimeSpan? Turnover { get; init; }

    /// <summary>A time that needs no estimate, such as what an announcement waits; the rest is not looked at.</summary>
    public TimeSpan? Fixed { get; init; }
}

/// <summary>How much there was of something.</summary>
/// <param name="Day">When, in days since 1970.</param>
/// <param name="Value">Rows, files, bytes, computers.</param>
public readonly record struct VolumeSample(double Day, double Value)
{
    internal bool IsSound => Sound.IsDay(Day) && Sound.IsVolume(Value);
}

/// <summary>What a run took.</summary>
/// <param name="Day">When it ended, in days since 1970.</param>
/// <param name="Volume">How much it worked on, in the samples' unit.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Threads">How many threads it had; null if that is not known, or does not matter.</param>
public readonly record struct StepRun(double Day, double Volume, double Seconds, int? Threads = null)
{
    internal bool IsSound => Sound.IsDay(Day) && Sound.IsVolume(Volume) && Sound.IsTime(Seconds);
}

/// <summary>A rate that was measured on a part, at the volume there is now.</summary>
/// <param name="Volume">How much it was measured on.</param>
/// <param name="Seconds">How long that took.</param>
/// <param name="Threads">With how many threads; null if that is not known, or does not matter.</param>
public readonly record struct Probe(double Volume, double Seconds, int? Threads = null)
{
    internal bool IsSound => Sound.IsVolume(Volume) && Sound.IsTime(Seconds);
}

/// <summary>What figures from outside may be: beyond, a clock or a counter was wrong.</summary>
internal static class Sound
{
    private const double DayMax = 1e6;
    private const double VolumeMax = 1e18;
    private const double SecondsLeast = 1e-6;
    private const double SecondsMax = 1e10;

    public static bool IsDay(double day) => Math.Abs(day) <= DayMax;

    public static bool IsVolume(double volume) => volume is >= 1 and <= VolumeMax;

    public static bool IsTime(double seconds) => seconds is >= SecondsLeast and <= SecondsMax;
}
