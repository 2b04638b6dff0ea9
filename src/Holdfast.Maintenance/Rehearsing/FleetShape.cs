namespace Holdfast.Maintenance.Rehearsing;

/// <summary>What a simulated world is like. Sizes are in MB, rates in MB a second, times in seconds.</summary>
internal sealed record FleetShape
{
    public int Clients { get; init; } = 100_000;

    /// <summary>How long the service was away.</summary>
    public double Outage { get; init; } = 36 * 3600;

    /// <summary>In which everybody calls once it is back.</summary>
    public double CallWithin { get; init; } = 600;

    /// <summary>What the operator believes that the service takes in.</summary>
    public double Believed { get; init; } = 1000;

    /// <summary>What it really does: this times as much.</summary>
    public double Misjudged { get; init; } = 1;

    /// <summary>By how much everybody's line is faster than those of the population.</summary>
    public double FasterLines { get; init; } = 1;

    public double BacklogMean { get; init; } = 510;

    public BacklogForm Backlog { get; init; } = BacklogForm.LogNormal;

    /// <summary>No backlog takes longer on its computer's own line.</summary>
    public double AloneMax { get; init; } = 6 * 3600;

    public double InBigAccounts { get; init; } = 0.3;

    public int BigAccounts { get; init; } = 20;

    /// <summary>Clients that poll every ten seconds, and throw away what they are told.</summary>
    public double Greedy { get; init; } = 0.05;

    /// <summary>Clients that never come.</summary>
    public double Absent { get; init; }

    /// <summary>When capacity is lost for good, as a share of the least time; never if it is more than one.</summary>
    public double LossAt { get; init; } = 2;

    /// <summary>What is left then.</summary>
    public double LeftAfterLoss { get; init; } = 0.5;

    /// <summary>Days that are watched after everybody caught up, for echoes.</summary>
    public int DaysAfter { get; init; }
}

internal enum BacklogForm
{
    /// <summary>Sigma 1.66: most have little, some a thousand times as much.</summary>
    LogNormal,

    /// <summary>The tail of a Pareto distribution with exponent 1.3.</summary>
    Pareto,

    /// <summary>Half of all have next to nothing, the others the same.</summary>
    TwoKinds,
}
