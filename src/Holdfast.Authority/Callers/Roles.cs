namespace Holdfast.Authority.Callers;

/// <summary>What somebody is for the resource that a request names. Several at once are possible.</summary>
[Flags]
internal enum Roles
{
    None = 0,

    /// <summary>Whoever holds what the request's body names: a code, a signature, a password.</summary>
    Anybody = 1 << 0,

    /// <summary>The bearer of the secret that the service wrote at its first start.</summary>
    Bootstrap = 1 << 1,

    /// <summary>A computer that asked to be let in.</summary>
    WaitingComputer = 1 << 2,

    /// <summary>A computer that adds backups.</summary>
    AddingComputer = 1 << 3,

    /// <summary>A computer at which somebody opened the account a moment ago, or that an older client enrolled.</summary>
    ReadingComputer = 1 << 4,

    /// <summary>A person who is signed in, for what is their own. An API token is not.</summary>
    SignedIn = 1 << 5,

    /// <summary>Owner of the organisation that the account belongs to.</summary>
    Owner = 1 << 6,

    /// <summary>Member of that organisation.</summary>
    Member = 1 << 7,

    /// <summary>Somebody in that organisation who may restore and nothing else.</summary>
    RestoreOnly = 1 << 8,

    /// <summary>Somebody in that organisation who sees what it costs.</summary>
    Billing = 1 << 9,

    /// <summary>The operator's support: sees what there is, no content, and changes nothing.</summary>
    Support = 1 << 10,

    /// <summary>Runs the service.</summary>
    Operator = 1 << 11,

    /// <summary>Decides who runs the service.</summary>
    Admin = 1 << 12,

    /// <summary>A process that holds escrow keys; of an account, while somebody asked it for something of that.</summary>
    Restorer = 1 << 13,
}

/// <summary>The names of roles where they are kept and sent.</summary>
internal static class RoleNames
{
    private static readonly Dictionary<string, Roles> _organisation = new() { ["owner"] = Roles.Owner, ["member"] = Roles.Member, ["restore-only"] = Roles.RestoreOnly, ["billing"] = Roles.Billing };

    private static readonly Dictionary<string, Roles> _operator = new() { ["support"] = Roles.Support, ["operator"] = Roles.Operator, ["admin"] = Roles.Admin };

    public static IReadOnlyCollection<string> OfOrganisations => _organisation.Keys;

    public static IReadOnlyCollection<string> OfOperators => _operator.Keys;

    /// <summary>A role in an organisation; none for a name that is none.</summary>
    public static Roles InOrganisation(string? name) => name is null ? Roles.None : _organisation.GetValueOrDefault(name);

    /// <summary>A role of an operator; none for a name that is none.</summary>
    public static Roles OfOperator(string? name) => name is null ? Roles.None : _operator.GetValueOrDefault(name);
}
