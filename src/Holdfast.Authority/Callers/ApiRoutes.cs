using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Holdfast.Authority.Callers;

/// <summary>The only way to add an endpoint to the API: with what it does, which says who may. The build refuses any other (BannedSymbols.txt of this project).</summary>
internal sealed class ApiRoutes(IEndpointRouteBuilder routes)
{
    public ApiRoutes Group([StringSyntax("Route")] string prefix) => new(routes.MapGroup(prefix));

    public void Get([StringSyntax("Route")] string pattern, ApiAction action, string summary, Delegate handler) => Map(HttpMethods.Get, pattern, action, summary, handler);

    public void Post([StringSyntax("Route")] string pattern, ApiAction action, string summary, Delegate handler) => Map(HttpMethods.Post, pattern, action, summary, handler);

    public void Put([StringSyntax("Route")] string pattern, ApiAction action, string summary, Delegate handler) => Map(HttpMethods.Put, pattern, action, summary, handler);

    public void Patch([StringSyntax("Route")] string pattern, ApiAction action, string summary, Delegate handler) => Map(HttpMethods.Patch, pattern, action, summary, handler);

    public void Delete([StringSyntax("Route")] string pattern, ApiAction action, string summary, Delegate handler) => Map(HttpMethods.Delete, pattern, action, summary, handler);

#pragma warning disable RS0030 // The one place where endpoints are mapped.
    private void Map(string method, string pattern, ApiAction action, string summary, Delegate handler) =>
        routes.MapMethods(pattern, [method], static _ => Task.CompletedTask).WithMetadata(new ApiEndpoint(action)).WithSummary(summary).Add(endpoint => CompileWhenCalled(endpoint, method, handler));
#pragma warning restore RS0030

    /// <summary>As the framework maps a handler, but its code is compiled when the endpoint is called first, not that of all endpoints when the first is: half a second for whoever asks a node that has just started.</summary>
    private static void CompileWhenCalled(EndpointBuilder endpoint, string method, Delegate handler)
    {
        var options = new RequestDelegateFactoryOptions
        {
            EndpointBuilder = endpoint,
            ServiceProvider = endpoint.ApplicationServices,
            RouteParameterNames = ((RouteEndpointBuilder)endpoint).RoutePattern.Parameters.Select(parameter => parameter.Name),
            DisableInferBodyFromParameters = method == HttpMethods.Get || method == HttpMethods.Delete,
            ThrowOnBadRequest = endpoint.ApplicationServices.GetRequiredService<IOptions<RouteHandlerOptions>>().Value.ThrowOnBadRequest,
        };
        endpoint.Metadata.Add(handler.Method);
        var inferred = RequestDelegateFactory.InferMetadata(handler.Method, options);
        var compiled = new Lazy<RequestDelegate>(() => RequestDelegateFactory.Create(handler, options, inferred).RequestDelegate);
        endpoint.RequestDelegate = context => compiled.Value(context);
    }
}

/// <summary>Marks the API's endpoints, and says what they do.</summary>
/// <remarks>By this mark, not by its path, is an endpoint checked: routes are matched without regard to case.</remarks>
public sealed class ApiEndpoint
{
    internal ApiEndpoint(ApiAction action) => Action = action;

    /// <summary>Which endpoint a request goes to; null if it is none of the API's.</summary>
    internal static ApiEndpoint? Of(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<ApiEndpoint>();

    /// <summary>The action's name, as it stands in docs/permissions.md and in the scopes of tokens.</summary>
    public string Name => Permissions.NameOf(Action);

    /// <summary>No token is needed.</summary>
    public bool IsForAnybody => (Permissions.Of(Action).Roles & Roles.Anybody) != Roles.None;

    internal ApiAction Action { get; }
}
