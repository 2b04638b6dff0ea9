using System.Diagnostics.CodeAnalysis;
using Holdfast.Pages.Parts;
using Holdfast.Pages.SigningIn;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Pages.Calling;

/// <summary>The only way to add a page: with what every page has. Who is not signed in is asked to, whoever must show their factors once more is asked for them, and what is refused is a page that says why.</summary>
internal sealed class PageRoutes(IEndpointRouteBuilder routes, Func<string> serviceUrl, HttpClient http, SessionCookie session, TimeProvider time)
{
    public void Get([StringSyntax("Route")] string pattern, Func<PageCall, Task<IResult>> page) =>
        routes.MapGet(pattern, Shown(context => AnswerAsync(context, null, page))).ExcludeFromDescription();

    /// <summary>A form. It is taken from this service's own pages only: browsers say where a form came from, and cookies of other sites' forms are not sent.</summary>
    public void Post([StringSyntax("Route")] string pattern, Func<PageCall, Task<IResult>> page) => routes.MapPost(pattern, Shown(async context =>
    {
        if (!IsOwn(context.Request) || !context.Request.HasFormContentType)
        {
            return new Page(typeof(ProblemPage), new() { ["Failure"] = new HoldfastException(FailureTable.Forbidden, "The form did not come from a page of this service.") }) { Status = StatusCodes.Status403Forbidden };
        }

        return await AnswerAsync(context, await context.Request.ReadFormAsync(context.RequestAborted), page);
    })).ExcludeFromDescription();

    /// <summary>A path of this service, and nothing that leads elsewhere.</summary>
    public static string Local(string? path) => path is ['/', not ('/' or '\\'), ..] or "/" && !path.Any(char.IsControl) ? path : "/";

    // Not left to the framework, which would compile code for each page when the service starts.
    private static RequestDelegate Shown(Func<HttpContext, Task<IResult>> answer) => async context => await (await answer(context)).ExecuteAsync(context);

    private static bool IsOwn(HttpRequest request) => request.Headers["Sec-Fetch-Site"].ToString() switch
    {
        "" => Uri.TryCreate(request.Headers.Origin.ToString(), UriKind.Absolute, out var origin) && origin.Authority == request.Host.Value,
        var site => site is "same-origin",
    };

    private async Task<IResult> AnswerAsync(HttpContext context, IFormCollection? form, Func<PageCall, Task<IResult>> page)
    {
        var call = new PageCall(context, form, session, new ServiceApi(http, serviceUrl(), session.TokenOf(context), context.Connection.RemoteIpAddress?.ToString()), time);
        try
        {
            return await page(call);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.TokenInvalid)
        {
            session.Forget(context);
            return Results.Redirect($"/sign-in?return={Uri.EscapeDataString(ReturnOf(context))}");
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.ProofNeeded)
        {
            return Results.Redirect($"/prove?return={Uri.EscapeDataString(ReturnOf(context))}&twice={(form is null ? "" : "1")}");
        }
        catch (HoldfastException exception)
        {
            return new Page(typeof(ProblemPage), new() { ["Failure"] = exception }) { Status = exception.Kind.HttpStatus };
        }
    }

    /// <summary>Where to go on: the page, or of a form the page that it stands on.</summary>
    private static string ReturnOf(HttpContext context) => HttpMethods.IsGet(context.Request.Method) ? Local(context.Request.Path + context.Request.QueryString)
        : Uri.TryCreate(context.Request.Headers.Referer.ToString(), UriKind.Absolute, out var from) && from.Authority == context.Request.Host.Value ? Local(from.PathAndQuery) : "/";
}
