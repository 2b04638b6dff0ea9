using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Holdfast.Pages.Calling;

/// <summary>A rendered component, with the headers of every page: no script, nothing from elsewhere, in nobody's frame, in no cache.</summary>
internal sealed class Page(Type component, Dictionary<string, object?> parameters) : IResult
{
    private const string Policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    public int Status { get; init; } = StatusCodes.Status200OK;

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var headers = httpContext.Response.Headers;
        (headers.ContentSecurityPolicy, headers.XContentTypeOptions, headers.CacheControl, headers["Referrer-Policy"]) = (Policy, "nosniff", "no-store", "same-origin");
        return new RazorComponentResult(component, parameters) { StatusCode = Status, PreventStreamingRendering = true }.ExecuteAsync(httpContext);
    }
}
