namespace Holdfast.Authority.Accounts;

/// <summary>What a write's first statement gave it.</summary>
internal sealed record GivenOut
{
    /// <summary>Of the rows that it writes.</summary>
    public long Version { get; init; }

    /// <summary>The first of the sessions that were asked for.</summary>
    public long Session { get; init; }

    /// <summary>The first of the objects' numbers that were asked for.</summary>
    public long Number { get; init; }

    /// <summary>The account's last collection.</summary>
    public long Collection { get; init; }
}
