namespace Holdfast.Authority.Jobs;

/// <summary>A piece of work as it stands in the database. Times are seconds since 1970.</summary>
internal sealed record Job
{
    public string Id { get; init; } = "";

    public string Kind { get; init; } = "";

    /// <summary>What it is about: an account's name, or nothing.</summary>
    public string Subject { get; init; } = "";

    public string State { get; init; } = "";

    public long DueAt { get; init; }

    public long LeaseUntil { get; init; }

    /// <summary>Rises with each lease: whoever has an older one has lost the job.</summary>
    public long Token { get; init; }

    public string? Node { get; init; }

    /// <summary>Leases since it last got on.</summary>
    public long Attempts { get; init; }

    /// <summary>What its kind wrote to go on from.</summary>
    public string? Progress { get; init; }

    public string? Failure { get; init; }

    public long CreatedAt { get; init; }

    public long? EndedAt { get; init; }

    /// <summary>Leases without getting on from which it counts as stuck.</summary>
    public const int StuckAttempts = 5;

    /// <summary>True if it was begun again and again and does not get on: somebody should look.</summary>
    public bool IsStuck => EndedAt is null && Attempts >= StuckAttempts;
}
