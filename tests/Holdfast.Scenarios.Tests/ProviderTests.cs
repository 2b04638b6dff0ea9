using System.Net;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenIddict.Abstractions;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace Holdfast.Scenarios.Tests;

/// <summary>Signing in by an operator's identity provider: OpenIddict's server, on the loopback, which vouches for whom the test says.</summary>
public sealed class ProviderTests : Scenario
{
    private WebApplication? _provider;
    private (string Subject, string Email, bool IsVerified) _user = ("1", "known@example.org", true);

    private protected override async Task<Service> StartServiceAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddOpenIddict().AddServer(options =>
        {
            options.EnableDegradedMode().SetAuthorizationEndpointUris("connect/authorize").SetTokenEndpointUris("connect/token").AllowAuthorizationCodeFlow().RequireProofKeyForCodeExchange();
            options.AddEphemeralEncryptionKey().AddEphemeralSigningKey().RegisterScopes("openid", "email", "profile");
            options.UseAspNetCore().DisableTransportSecurityRequirement();
            options.AddEventHandler<ValidateAuthorizationRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.ClientId != "backup")
                {
                    context.Reject(OpenIddictConstants.Errors.InvalidClient);
                }

                return ValueTask.CompletedTask;
            }));
            options.AddEventHandler<ValidateTokenRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                if (context.ClientId != "backup" || context.ClientSecret != "a secret")
                {
                    context.Reject(OpenIddictConstants.Errors.InvalidClient);
                }

                return ValueTask.CompletedTask;
            }));
            options.AddEventHandler<HandleAuthorizationRequestContext>(handler => handler.UseInlineHandler(context =>
            {
                var identity = new ClaimsIdentity("test");
                identity.AddClaim(new Claim("sub", _user.Subject));
                identity.AddClaim(new Claim("email", _user.Email));
                identity.AddClaim(new Claim("email_verified", _user.IsVerified ? "true" : "false", ClaimValueTypes.Boolean));
                identity.AddClaim(new Claim("name", "Somebody"));
                identity.SetDestinations(_ => [OpenIddictConstants.Destinations.IdentityToken]);
                context.Principal = new ClaimsPrincipal(identity).SetScopes("openid", "email", "profile");
                return ValueTask.CompletedTask;
            }));
        });
        _provider = builder.Build();
        _provider.UseAuthentication();
        await _provider.StartAsync(Cancellation);

        var data = Directory.CreateDirectory(Path.Combine(Root, "service")).FullName;
        await File.WriteAllTextAsync(Path.Combine(data, "secret"), "a secret\n", Cancellation);
        object Named(string name, string clientId, bool makesPeople) => new { name, issuer = _provider.Urls.First() + "/", client_id = clientId, client_secret_file = "secret", makes_people = makesPeople };
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new { identity_providers = new[] { Named("university", "backup", false), Named("firm", "backup", true), Named("stranger", "other", true) } }), Cancellation);
        return await Service.StartAsync(data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await _provider!.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task People_sign_in_by_a_provider_that_says_who_they_are()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var operating = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim());
        var organisation = (await operating.PostAsync("/v1/organisations", new { name = "Firm" })).Text("organisation");
        var code = (await operating.PostAsync($"/v1/organisations/{organisation}/invitations", new { email = "known@example.org", role = "owner" })).Text("code");
        var joined = await anybody.PostAsync("/v1/people", new { code, name = "Known", password = "correct horse battery" });
        var person = joined.Body.GetProperty("person").GetProperty("person").GetString();

        // An address that the provider does not vouch for opens nothing; nor does one that nobody here has.
        _user = ("1", "known@example.org", false);
        Assert.Equal("sign_in_failed", (await VisitAsync("university")).Code);
        _user = ("2", "new@example.org", true);
        Assert.Equal("sign_in_failed", (await VisitAsync("university")).Code);
        Assert.Equal("sign_in_failed", (await VisitAsync("stranger")).Code);

        _user = ("1", "Known@example.org", true);
        var signedIn = await VisitAsync("university");
        Assert.Equal((200, person), (signedIn.Status, signedIn.Body.GetProperty("person").GetProperty("person").GetString()));
        using var known = new ApiCaller(Service.Url, signedIn.Text("token"));
        Assert.Equal("provider university", (await known.GetAsync("/v1/me/sign-ins")).Body.GetProperty("sign_ins")[0].GetProperty("method").GetString());

        // From then on by who they are there, whatever their address is.
        _user = ("1", "other@example.org", false);
        Assert.Equal(person, (await VisitAsync("university")).Body.GetProperty("person").GetProperty("person").GetString());
        _user = ("9", "new@example.org", true);
        var made = await VisitAsync("firm");
        using var somebody = new ApiCaller(Service.Url, made.Text("token"));
        Assert.Equal("forbidden", (await somebody.GetAsync("/v1/accounts")).Code);
        Assert.False((await somebody.GetAsync("/v1/me")).Body.GetProperty("has_password").GetBoolean());
        Assert.Equal(200, (await operating.PatchAsync($"/v1/people/{made.Body.GetProperty("person").GetProperty("person").GetString()}", new { suspended = true })).Status);
        Assert.Equal("sign_in_failed", (await VisitAsync("firm")).Code);

        // Somebody with an authenticator of their own shows it before what needs proof, whatever the provider saw.
        Assert.Equal(1, Service.DirectorySql($"UPDATE people SET two_factor = 1 WHERE person_id = '{person}'"));
        _user = ("1", "known@example.org", true);
        using (var unproved = new ApiCaller(Service.Url, (await VisitAsync("university")).Text("token")))
        {
            Assert.Equal("proof_needed", (await unproved.DeleteAsync("/v1/me/authenticator")).Code);
        }

        Assert.Equal(1, Service.DirectorySql($"UPDATE people SET two_factor = 0 WHERE person_id = '{person}'"));

        // Those who run the service sign in by providers that are trusted with them, and this one is not.
        Assert.Equal(1, Service.DirectorySql($"UPDATE people SET operator_role = 'admin' WHERE person_id = '{person}'"));
        Assert.Equal("sign_in_failed", (await VisitAsync("university")).Code);
        Assert.Equal(1, Service.DirectorySql($"UPDATE people SET operator_role = NULL WHERE person_id = '{person}'"));

        // An answer that nobody asked for, and one that was used.
        using var other = new ApiCaller(Service.Url);
        Assert.Equal("sign_in_failed", (await other.GetAsync("/sign-in/callback/university?code=x&state=y")).Code);
        _user = ("1", "known@example.org", true);
        var (browser, back) = await GoAsync("university");
        using (browser)
        {
            Assert.Equal(200, (int)(await browser.GetAsync(back, Cancellation)).StatusCode);
            Assert.Equal(401, (int)(await browser.GetAsync(back, Cancellation)).StatusCode);
            Assert.Equal("sign_in_failed", (await other.GetAsync(back.PathAndQuery)).Code);
        }
    }

    /// <summary>A browser's way: to the service, to the provider, and back.</summary>
    private async Task<Answer> VisitAsync(string provider)
    {
        var (browser, back) = await GoAsync(provider);
        using (browser)
        {
            using var response = await browser.GetAsync(back, Cancellation);
            return new Answer((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancellation)).RootElement);
        }
    }

    private async Task<(HttpClient Browser, Uri Back)> GoAsync(string provider)
    {
        var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() });
        var leaving = await browser.GetAsync($"{Service.Url}/sign-in/{provider}", Cancellation);
        Assert.Equal(HttpStatusCode.Redirect, leaving.StatusCode);
        var there = await browser.GetAsync(leaving.Headers.Location, Cancellation);

        // A provider that does not know its client does not send anybody back.
        return (browser, there.Headers.Location ?? new Uri($"{Service.Url}/sign-in/callback/{provider}?error=invalid_client"));
    }
}
