using Holdfast.Authority.Devices;
using Microsoft.AspNetCore.Builder;

namespace Holdfast.Authority.Callers;

/// <summary>Who may call an endpoint. One without a rule is refused to everybody.</summary>
internal abstract record CallRule
{
    /// <summary>Whoever holds what the request's body names: a code, for instance.</summary>
    public sealed record Anybody : CallRule;

    /// <summary>The bearer of an operator's token.</summary>
    public sealed record Operators : CallRule;

    /// <summary>An operator, or the bearer of the secret that the service wrote at its first start.</summary>
    public sealed record Bootstrap : CallRule;

    /// <summary>A computer of the account in the route, with at least these rights.</summary>
    /// <param name="Needed">What its token must allow.</param>
    /// <param name="BacksUp">Part of a backup: not while the account is suspended.</param>
    public sealed record Computers(DeviceRights Needed, bool BacksUp = false) : CallRule;
}

/// <summary>Marks the API's endpoints: each needs a rule. By this mark, not by its path: routes are matched without regard to case.</summary>
internal sealed class ApiEndpoint;

internal static class CallRules
{
    public static TBuilder For<TBuilder>(this TBuilder endpoint, CallRule rule)
        where TBuilder : IEndpointConventionBuilder => endpoint.WithMetadata(rule);

    public static TBuilder For<TBuilder>(this TBuilder endpoint, DeviceRights needed)
        where TBuilder : IEndpointConventionBuilder => endpoint.For(new CallRule.Computers(needed));
}
