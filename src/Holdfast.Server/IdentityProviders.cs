using System.Security.Claims;
using Holdfast.Authority.People;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Holdfast.Server;

/// <summary>Signing in by an operator's identity provider (OpenID Connect, code flow with PKCE): a browser goes to /sign-in/NAME, and comes back with a session.</summary>
internal static class IdentityProviders
{
    private const string CallbackPrefix = "/sign-in/callback/";

    /// <summary>The handler wants somewhere to keep a session, and never gets there: the session is the service's own.</summary>
    private const string NoSession = "no-session";

    /// <summary>Adds the providers that the configuration names.</summary>
    /// <param name="builder">The web server's.</param>
    /// <param name="providers">The providers.</param>
    /// <param name="keysFolder">The folder that all nodes share: whoever went out by one comes back by another.</param>
    /// <param name="publicUrl">The address by which browsers know the service, if not the one that requests name.</param>
    public static void Add(WebApplicationBuilder builder, IReadOnlyList<IdentityProvider> providers, string keysFolder, string? publicUrl)
    {
        if (providers.Count == 0)
        {
            return;
        }

        builder.Services.AddDataProtection().SetApplicationName("holdfastd").PersistKeysToFileSystem(Directory.CreateDirectory(Path.Combine(keysFolder, "sign-in"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
        var authentication = builder.Services.AddAuthentication().AddCookie(NoSession);
        foreach (var provider in providers)
        {
            authentication.AddOpenIdConnect(provider.Name, options => Configure(options, provider, publicUrl));
        }
    }

    /// <summary>Adds the way out, and the way back.</summary>
    public static void Map(WebApplication app, IReadOnlyList<IdentityProvider> providers, Authority.Authority authority)
    {
        if (providers.Count == 0)
        {
            return;
        }

        var monitor = app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptionsMonitor<OpenIdConnectOptions>>();
        foreach (var provider in providers)
        {
            monitor.Get(provider.Name).Events.OnTicketReceived = context => FinishAsync(context, provider, authority);
            app.MapGet($"/sign-in/{provider.Name}", (HttpContext context) => LeaveAsync(context, provider)).ExcludeFromDescription();
        }

        app.UseAuthentication();
    }

    private static void Configure(OpenIdConnectOptions options, IdentityProvider provider, string? publicUrl)
    {
        var issuer = new Uri(provider.Issuer);
        (options.Authority, options.ClientId, options.ClientSecret) = (provider.Issuer, provider.ClientId, File.ReadAllText(provider.ClientSecretFile).Trim());
        (options.RequireHttpsMetadata, options.CallbackPath) = (!issuer.IsLoopback, CallbackPrefix + provider.Name);
        (options.ResponseType, options.ResponseMode, options.UsePkce) = (OpenIdConnectResponseType.Code, OpenIdConnectResponseMode.Query, true);
        (options.MapInboundClaims, options.GetClaimsFromUserInfoEndpoint, options.SaveTokens) = (false, true, false);
        options.ClaimActions.MapUniqueJsonKey("email_verified", "email_verified");
        options.Scope.Clear();
        foreach (var scope in new[] { "openid", "email", "profile" })
        {
            options.Scope.Add(scope);
        }

        options.SignInScheme = NoSession;
        foreach (var cookie in new[] { options.CorrelationCookie, options.NonceCookie })
        {
            (cookie.SameSite, cookie.SecurePolicy) = (SameSiteMode.Lax, CookieSecurePolicy.SameAsRequest);
        }

        if (publicUrl is not null)
        {
            options.Events.OnRedirectToIdentityProvider = context =>
            {
                context.ProtocolMessage.RedirectUri = publicUrl.TrimEnd('/') + options.CallbackPath;
                return Task.CompletedTask;
            };
        }

        options.Events.OnRemoteFailure = context => throw new HoldfastException(FailureTable.SignInFailed, $"{provider.Name} did not sign you in, or its answer does not fit.", context.Failure);
    }

    private static async Task LeaveAsync(HttpContext context, IdentityProvider provider)
    {
        try
        {
            await context.ChallengeAsync(provider.Name);
        }
        catch (InvalidOperationException exception)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"{provider.Name} does not answer at {provider.Issuer}.", exception);
        }
    }

    private static async Task FinishAsync(TicketReceivedContext context, IdentityProvider provider, Authority.Authority authority)
    {
        var user = context.Principal!;
        var email = user.FindFirstValue("email_verified") is "true" or "True" ? user.FindFirstValue("email") : null;
        var identity = new ProviderIdentity(provider.Name, user.FindFirstValue("sub") ?? throw new HoldfastException(FailureTable.SignInFailed, $"{provider.Name} does not say who you are."),
            email, user.FindFirstValue("name") ?? email ?? "", user.FindAll("amr").Any(method => method.Value is "mfa"), provider.MakesPeople, provider.VouchesForOperators);
        var signedIn = await authority.SignInAsync(identity, context.HttpContext, context.HttpContext.RequestAborted);
        context.HandleResponse();
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(signedIn, MessageJson.Default.SignedIn, cancellationToken: context.HttpContext.RequestAborted);
    }
}

/// <summary>An identity provider.</summary>
/// <param name="Name">Letters, digits and hyphens: part of addresses.</param>
/// <param name="Issuer">Its address.</param>
/// <param name="ClientId">What it knows this service as.</param>
/// <param name="ClientSecretFile">The file with this service's secret there.</param>
/// <param name="MakesPeople">Whoever it vouches for may come in, without an invitation.</param>
/// <param name="VouchesForOperators">Those who run the service may sign in by it too.</param>
internal sealed record IdentityProvider(string Name, string Issuer, string ClientId, string ClientSecretFile, bool MakesPeople = false, bool VouchesForOperators = false);
