using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Pages.SigningIn;

/// <summary>The session's token in a cookie that no script reads and no other site's form carries.</summary>
/// <param name="isSecure">The service's address is https, whatever a proxy before it says.</param>
internal sealed class SessionCookie(bool isSecure)
{
    private const string Plain = "holdfast-session";

    /// <summary>Over https browsers keep it from being set by a neighbour (RFC 6265bis, 4.1.3.2).</summary>
    private const string Secure = "__Host-" + Plain;

    public string? TokenOf(HttpContext context) => context.Request.Cookies[NameOf(context)];

    public void Keep(HttpContext context, SignedIn signedIn) => context.Response.Cookies.Append(NameOf(context), signedIn.Token, Options(context, DateTimeOffset.FromUnixTimeSeconds(signedIn.ExpiresAt)));

    public void Forget(HttpContext context) => context.Response.Cookies.Delete(NameOf(context), Options(context, null));

    private bool IsSecure(HttpContext context) => isSecure || context.Request.IsHttps;

    private string NameOf(HttpContext context) => IsSecure(context) ? Secure : Plain;

    private CookieOptions Options(HttpContext context, DateTimeOffset? expires) => new() { HttpOnly = true, Secure = IsSecure(context), SameSite = SameSiteMode.Lax, Path = "/", Expires = expires };
}
