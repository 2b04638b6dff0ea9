using System.Text.Json;
using Microsoft.Playwright;

namespace Holdfast.Scenarios.Tests;

/// <summary>What only a browser does: passkeys, in Chromium with an authenticator of its own.</summary>
public sealed class BrowserTests : Scenario
{
    internal const string Program = "/usr/bin/chromium";

    // Asks the service, as whoever has the token, and has the browser's authenticator answer.
    private const string Ceremonies = """
        const ask = async (path, body, token) => {
            const response = await fetch(path, {
                method: 'POST', body: JSON.stringify(body ?? {}),
                headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: 'Bearer ' + token } : {}) },
            });
            return { status: response.status, body: await response.json() };
        };
        window.addPasskey = async token => {
            const { body: asked } = await ask('/v1/me/passkeys/challenges', null, token);
            const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked.options) });
            return JSON.stringify(await ask('/v1/me/passkeys', { name: 'browser', answer: { ceremony: asked.ceremony, credential: credential.toJSON() } }, token));
        };
        const answer = async (path, token) => {
            const { status, body: asked } = await ask(path, null, token);
            if (status !== 200) throw new Error(JSON.stringify(asked));
            const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.options) });
            return { ceremony: asked.ceremony, credential: credential.toJSON() };
        };
        window.signIn = async () => JSON.stringify(await ask('/v1/sign-ins', { passkey: await answer('/v1/passkey-challenges') }));
        window.prove = async token => JSON.stringify(await ask('/v1/me/proof', { passkey: await answer('/v1/me/proof/passkey-challenges', token) }, token));
        true;
        """;

    [Fact]
    public async Task A_browsers_passkey_is_added_signs_in_proves_and_is_taken_off()
    {
        Assert.SkipUnless(File.Exists(Program), "this needs Debian's chromium");
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        using var anybody = new ApiCaller(Service.Url);
        var code = (await bootstrap.PostAsync("/v1/operators/invitations", new { email = "me@example.org", role = "admin" })).Text("code");
        var token = (await anybody.PostAsync("/v1/people", new { code, name = "Me", password = "correct horse battery" })).Text("token");

        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Program, Args = ["--no-sandbox"] });
        var page = await browser.NewPageAsync();

        // An address is no domain, and a passkey is of a domain.
        await page.GotoAsync(Service.Url.Replace("127.0.0.1", "localhost", StringComparison.Ordinal) + "/healthz");
        var session = await page.Context.NewCDPSessionAsync(page);
        await session.SendAsync("WebAuthn.enable");
        await session.SendAsync("WebAuthn.addVirtualAuthenticator", new Dictionary<string, object>
        {
            ["options"] = new { protocol = "ctap2", transport = "internal", hasResidentKey = true, hasUserVerification = true, isUserVerified = true, automaticPresenceSimulation = true },
        });
        await page.EvaluateAsync(Ceremonies);

        Assert.Equal(200, (await CallAsync(page, "addPasskey", token)).Status);
        var signedIn = await CallAsync(page, "signIn");
        Assert.Equal((200, "me@example.org"), (signedIn.Status, signedIn.Body.GetProperty("person").GetProperty("email").GetString()));
        using var person = new ApiCaller(Service.Url, signedIn.Text("token"));
        Assert.Equal(1, Service.DirectorySql($"UPDATE sign_ins SET proved_at = proved_at - 601 WHERE sign_in_id = '{signedIn.Text("sign_in")}'"));
        Assert.Equal("proof_needed", (await person.PostAsync("/v1/me/recovery-codes")).Code);
        Assert.Equal(200, (await CallAsync(page, "prove", signedIn.Text("token"))).Status);

        // A passkey is two factors: with it, an account can be closed.
        Assert.Equal(200, (await person.PostAsync("/v1/accounts", new { name = "account" })).Status);
        Assert.Equal(200, (await person.PutAsync("/v1/accounts/account/closing", new { closing = true })).Status);
        var passkey = Assert.Single((await person.GetAsync("/v1/me/passkeys")).Body.GetProperty("passkeys").EnumerateArray());
        Assert.Equal("browser", passkey.GetProperty("name").GetString());
        Assert.Equal(200, (await person.DeleteAsync("/v1/me/passkeys/" + passkey.GetProperty("id").GetString())).Status);
        Assert.Equal("sign_in_failed", (await CallAsync(page, "signIn")).Code);
    }

    private static async Task<Answer> CallAsync(IPage page, string function, string? argument = null)
    {
        var answer = JsonDocument.Parse(await page.EvaluateAsync<string>($"argument => window.{function}(argument)", argument)).RootElement;
        return new Answer(answer.GetProperty("status").GetInt32(), answer.GetProperty("body"));
    }
}
