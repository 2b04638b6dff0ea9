namespace Holdfast.Protocol.Failures;

/// <summary>An operating failure that a person can understand and act on. Broken invariants are other exceptions.</summary>
public sealed class HoldfastException(FailureKind kind, string detail, Exception? inner = null) : Exception(detail, inner)
{
    public FailureKind Kind { get; } = kind;

    /// <summary>For <see cref="FailureTable.MissingFrames"/>: what the commit lacks.</summary>
    public IReadOnlyList<Messages.MissingFrame> Missing { get; init; } = [];

    /// <summary>For <see cref="FailureTable.NotAdmitted"/>: when to come again.</summary>
    public Messages.BackupTurn? Turn { get; init; }

    /// <summary>How long until then, by the service's clock; nothing if it did not say.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
