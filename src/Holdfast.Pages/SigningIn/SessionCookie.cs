using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Pages.SigningIn;

/// <summary>The session's token in a cookie that no script reads and no other site's form carries.</summary>
internal static class SessionCookie
{
    private const string Plain = "holdfast-session";

    /// <summary>Over https browsers keep it from being set by a neighbour (RFC 6265bis, 4.1.3.2).</summary>
    private const string Secure = "__Host-" + Plain;

    public static string? TokenOf(HttpContext context) => context.Request.Cookies[NameOf(context)];

    public static void Keep(HttpContext context, SignedIn signedIn) => context.Response.Cookies.Append(NameOf(context), signedIn.Token, Options(context, DateTimeOffset.FromUnixTimeSeconds(signedIn.ExpiresAt)));

    public static void Forget(HttpContext context) => context.Response.Cookies.Delete(NameOf(context), Options(context, null));

    private static string NameOf(HttpContext context) => context.Request.IsHttps ? Secure : Plain;

    private static CookieOptions Options(HttpContext context, DateTimeOffset? expires) => new() { HttpOnly = true, Secure = context.Request.IsHttps, SameSite = SameSiteMode.Lax, Path = "/", Expires = expires };
}
