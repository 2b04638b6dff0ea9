using Holdfast.Pages.SigningIn;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Pages.Calling;

/// <summary>A page that somebody asks for.</summary>
/// <param name="Context">The request.</param>
/// <param name="Form">What was filled in; null for a page.</param>
/// <param name="Session">Where it is kept who they are.</param>
/// <param name="Api">The service, as they may use it.</param>
/// <param name="Time">The clock.</param>
internal sealed record PageCall(HttpContext Context, IFormCollection? Form, SessionCookie Session, ServiceApi Api, TimeProvider Time)
{
    public CancellationToken Cancellation => Context.RequestAborted;

    /// <summary>A part of the path.</summary>
    public string Part(string name) => Context.GetRouteValue(name) as string ?? "";

    /// <summary>The same, for a path of the API.</summary>
    public string Escaped(string name) => Uri.EscapeDataString(Part(name));

    public string? Query(string name) => Context.Request.Query[name].FirstOrDefault(value => value is { Length: > 0 });

    public string? Field(string name) => Form?[name].FirstOrDefault(value => value is { Length: > 0 });

    /// <summary>Who is signed in; the failure token_invalid if nobody is.</summary>
    public Task<Oneself> MeAsync() => Api.GetAsync("/v1/me", MessageJson.Default.Oneself, Cancellation);
}
