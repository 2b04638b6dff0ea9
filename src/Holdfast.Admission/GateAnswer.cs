namespace Holdfast.Admission;

/// <summary>Why a computer was not let in.</summary>
public enum GateReason
{
    /// <summary>It was let in.</summary>
    None,

    /// <summary>The gate is closed.</summary>
    Closed,

    /// <summary>An operator holds the ramp.</summary>
    Held,

    /// <summary>The service is catching up: others have their turn first.</summary>
    Turn,

    /// <summary>As many backups are under way as the service bears.</summary>
    Busy,
}

/// <summary>What the gate says.</summary>
/// <param name="Reason">Why not; none if the computer may begin.</param>
/// <param name="At">When to come again: not before, and not long after.</param>
/// <param name="ExpectedStart">When the backup will about begin; often later than <paramref name="At"/>.</param>
public readonly record struct GateAnswer(GateReason Reason, DateTimeOffset At, DateTimeOffset ExpectedStart)
{
    public bool IsAdmitted => Reason == GateReason.None;
}
