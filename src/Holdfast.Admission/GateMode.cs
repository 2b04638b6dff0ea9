namespace Holdfast.Admission;

/// <summary>What the gate does with computers that want to back up. Restores and people never pass it.</summary>
public enum GateMode
{
    /// <summary>Whoever comes is let in while there is room.</summary>
    Open,

    /// <summary>Nobody is let in.</summary>
    Closed,

    /// <summary>Computers come in their turns, as fast as the service bears.</summary>
    Ramp,

    /// <summary>A ramp that an operator holds: who is in goes on, nobody else is let in.</summary>
    Held,
}
