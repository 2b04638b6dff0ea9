namespace Holdfast.Authority.People;

/// <summary>Somebody who signs in. Identity changes its properties and has <see cref="PersonStore"/> write them.</summary>
internal sealed class Person
{
    public string Id { get; init; } = "";

    public string Email { get; set; } = "";

    /// <summary>As it is looked up, without regard to case.</summary>
    public string EmailKey { get; set; } = "";

    public string Name { get; set; } = "";

    public string? PasswordHash { get; set; }

    /// <summary>Changes with whatever ends sessions: what was checked before is worthless then.</summary>
    public string SecurityStamp { get; set; } = "";

    public bool TwoFactor { get; set; }

    public string? AuthenticatorKey { get; set; }

    public string? OperatorRole { get; set; }

    /// <summary>In which mail says times; null for UTC.</summary>
    public string? TimeZone { get; set; }

    public long? SuspendedAt { get; init; }

    public long CreatedAt { get; init; }

    /// <summary>Changes with every change: a change that began from an older one fails.</summary>
    public string Version { get; set; } = "";
}
