namespace Holdfast.Authority.Moving;

/// <summary>What became of a move.</summary>
internal enum MoveOutcome
{
    /// <summary>The target is home.</summary>
    Moved,

    /// <summary>The source is home as before, and nothing is left of the attempt.</summary>
    GivenUp,

    /// <summary>Somebody else works on it, or another move has not ended: this one was not begun.</summary>
    Elsewhere,
}
