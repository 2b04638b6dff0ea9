using Holdfast.Authority.Devices;
using Holdfast.Authority.People;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Callers;

/// <summary>Who calls, as <see cref="CallerCheck"/> found out.</summary>
/// <param name="Name">What the audit log calls them.</param>
/// <param name="Everywhere">Their roles whatever the request names.</param>
internal sealed record Caller(string Name, Roles Everywhere)
{
    /// <summary>The computer, if it is one.</summary>
    public Device? Device { get; init; }

    /// <summary>The person, signed in or by a token of theirs.</summary>
    public Person? Person { get; init; }

    /// <summary>The session; null for tokens.</summary>
    public SignInRow? SignIn { get; init; }

    /// <summary>The restorer's name, if it is one.</summary>
    public string? Restorer { get; init; }

    /// <summary>Where else they have roles.</summary>
    public IReadOnlyList<Membership> Memberships { get; init; } = [];

    /// <summary>The only actions of a token; null for no such bound.</summary>
    public IReadOnlySet<string>? Scopes { get; init; }

    /// <summary>The organisations whose resources they may do something with; null for all there are.</summary>
    public IReadOnlyCollection<string>? OrganisationsFor(ApiAction action)
    {
        var allowed = Permissions.Of(action).Roles;
        return (Everywhere & allowed) != Roles.None ? null : [.. Memberships.Where(membership => (RoleNames.InOrganisation(membership.Role) & allowed) != Roles.None).Select(membership => membership.Organisation)];
    }

    /// <summary>Their roles in an organisation.</summary>
    public Roles In(string? organisation) => RoleNames.InOrganisation(Memberships.FirstOrDefault(membership => membership.Organisation == organisation)?.Role);
}
