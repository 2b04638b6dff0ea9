namespace Holdfast.Bench.Maintenance;

/// <summary>How a kind of service behaves: what its histories are generated from.</summary>
internal sealed record World(string Name)
{
    /// <summary>Growth in a month, from and to.</summary>
    public (double Least, double Most) Growth { get; init; } = (0.01, 0.10);

    public GrowthForm Form { get; init; } = GrowthForm.Exponential;

    /// <summary>How often growth changes once, how often a step's volume jumps once, how often a size is outgrown, how often the hardware changes once.</summary>
    public double Regime { get; init; } = 0.35;

    public double Jump { get; init; } = 0.20;

    public double Cliff { get; init; } = 0.30;

    public double Hardware { get; init; } = 0.20;

    /// <summary>Rate follows size to the power of minus this, from and to.</summary>
    public (double Least, double Most) Slope { get; init; } = (0, 0.35);

    /// <summary>How far a run is off, from and to; and whether it has a heavy tail.</summary>
    public (double Least, double Most) Noise { get; init; } = (0.04, 0.20);

    public bool HasHeavyTail { get; init; }

    /// <summary>How often a run goes wrong.</summary>
    public double Bad { get; init; } = 0.06;

    public (int Least, int Most) Runs { get; init; } = (3, 10);

    /// <summary>Months between a run and the next, from and to.</summary>
    public (double Least, double Most) Gap { get; init; } = (1, 4);

    /// <summary>How far a probe is off, and by how much all are too fast.</summary>
    public double ProbeNoise { get; init; } = 0.17;

    public double ProbeBias { get; init; }

    public bool HasProbe { get; init; } = true;

    /// <summary>Seconds that each step takes whatever its size, as a share of what it took at first.</summary>
    public double Overhead { get; init; }

    /// <summary>By how much rates get worse in a month, by wear.</summary>
    public double Wear { get; init; }

    /// <summary>How unevenly a step goes: its work against its time to a power between one divided by this, and this.</summary>
    public double Bend { get; init; } = 1.05;

    /// <summary>How much of what a run is off its steps have together.</summary>
    public double Together { get; init; } = 0.6;
}

internal enum GrowthForm
{
    /// <summary>By a share each month.</summary>
    Exponential,

    /// <summary>By as much each month.</summary>
    Linear,

    /// <summary>With the seasons.</summary>
    Seasonal,

    /// <summary>By steps, as large customers come.</summary>
    Stairs,

    /// <summary>Ever slower.</summary>
    Saturating,
}
