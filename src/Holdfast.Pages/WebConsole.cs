using Holdfast.Pages.Accounts;
using Holdfast.Pages.Calling;
using Holdfast.Pages.Operating;
using Holdfast.Pages.Parts;
using Holdfast.Pages.Restoring;
using Holdfast.Pages.SigningIn;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Holdfast.Pages;

/// <summary>Pages for customers and operators: sign in → accounts → look into a snapshot, have an archive made, fetch it, see bills; customers, jobs, alerts. Rendered by the server, without script; a client of the API, which alone decides who may.</summary>
public static class WebConsole
{
    /// <summary>Where people sign in.</summary>
    public const string SignInPath = "/sign-in";

    /// <summary>Adds what rendering needs.</summary>
    public static void AddTo(IServiceCollection services) => services.AddRazorComponents();

    /// <summary>Adds the pages.</summary>
    /// <param name="app">The web server.</param>
    /// <param name="serviceUrl">Where the API is for this process.</param>
    /// <param name="http">Asks it.</param>
    /// <param name="isSecure">Browsers reach the service by https.</param>
    /// <param name="time">The clock.</param>
    public static void Map(WebApplication app, Func<string> serviceUrl, HttpClient http, bool isSecure, TimeProvider time)
    {
        var pages = new PageRoutes(app, serviceUrl, http, new SessionCookie(isSecure), time);
        app.MapGet(Stylesheet.Path, Stylesheet.Answer).ExcludeFromDescription();
        SignInPages.Map(pages);
        AccountPages.Map(pages);
        RestorePages.Map(pages);
        OperatingPages.Map(pages);
    }
}
