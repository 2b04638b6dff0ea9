namespace Holdfast.Admission;

/// <summary>What all nodes know of the gate together, as of a moment ago.</summary>
public sealed record GateView
{
    public required GateMode Mode { get; init; }

    /// <summary>Since when a closed gate is closed.</summary>
    public DateTimeOffset Since { get; init; }

    /// <summary>When a closed gate is expected to open, if anybody said so.</summary>
    public DateTimeOffset? OpensAt { get; init; }

    /// <summary>The order of turns while the gate ramps.</summary>
    public BringUp? BringUp { get; init; }

    /// <summary>How long the whole bring-up takes, as far as is known now.</summary>
    public TimeSpan Expected { get; init; }

    /// <summary>Computers let in since the bring-up began, by all nodes.</summary>
    public long Admitted { get; init; }

    /// <summary>Places in the order that other nodes passed over since nobody came for them.</summary>
    public double SkippedElsewhere { get; init; }

    /// <summary>Whether another node refused somebody in turn for want of a place, of late.</summary>
    public bool IsContendedElsewhere { get; init; }

    /// <summary>Computers let in a second, measured.</summary>
    public double AdmittedPerSecond { get; init; }

    /// <summary>Backups under way.</summary>
    public int InFlight { get; init; }

    /// <summary>Backups that may be under way at once.</summary>
    public int InFlightMax { get; init; }

    /// <summary>Nodes that let computers in: each may use its part of what is free.</summary>
    public int Nodes { get; init; } = 1;
}
