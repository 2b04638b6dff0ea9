using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>People: they are invited, sign in by all the ways there are, and are in organisations what they are.</summary>
public sealed class PeopleTests : Scenario
{
    private const string Password = "correct horse battery";

    [Fact]
    public async Task Members_see_their_organisation_and_nothing_else()
    {
        using var admin = await JoinAsync("admin@example.org", "admin");
        var (first, second) = (await OrganisationAsync(admin, "First"), await OrganisationAsync(admin, "Second"));
        Assert.Equal("conflict", (await admin.PostAsync("/v1/organisations", new { name = "First" })).Code);
        foreach (var (account, organisation) in new[] { ("a1", first), ("a2", first), ("b1", second) })
        {
            await Service.NewAccountAsync(account, Cancellation);
            Assert.Equal(200, (await admin.PutAsync($"/v1/accounts/{account}/organisation", new { organisation })).Status);
        }

        await Service.NewAccountAsync("nobodys", Cancellation);
        using var owner = await JoinAsync("owner@example.org", "owner", first);
        using var member = await JoinAsync("member@example.org", "member", first, by: admin);

        // Without mail, an owner cannot know whose an address is.
        Assert.Equal("conflict", (await owner.PostAsync($"/v1/organisations/{first}/invitations", new { email = "x@example.org", role = "member" })).Code);
        Assert.Equal("conflict", (await admin.PostAsync($"/v1/organisations/{first}/invitations", new { email = "Admin@example.org", role = "owner" })).Code);
        Assert.Equal(["a1", "a2"], Names(await owner.GetAsync("/v1/accounts"), "accounts"));
        Assert.Equal(["a1", "a2"], Names(await member.GetAsync("/v1/usage"), "accounts"));
        Assert.Equal(["First"], Names(await member.GetAsync("/v1/organisations"), "organisations"));
        Assert.Equal(["a1", "a2", "b1", "nobodys"], Names(await admin.GetAsync("/v1/accounts"), "accounts"));

        // Of what is somebody else's, not even that it is there.
        foreach (var foreign in new[] { "b1", "nobodys", "missing" })
        {
            Assert.Equal("not_found", (await owner.PostAsync($"/v1/accounts/{foreign}/codes")).Code);
            Assert.Equal("not_found", (await member.GetAsync($"/v1/accounts/{foreign}/computers")).Code);
        }

        Assert.Equal("not_found", (await owner.GetAsync($"/v1/organisations/{second}/members")).Code);
        Assert.Equal(200, (await member.PostAsync("/v1/accounts/a1/codes")).Status);
        Assert.Equal("forbidden", (await member.PatchAsync("/v1/accounts/a1", new { name = "other" })).Code);
        Assert.Equal(200, (await owner.PatchAsync("/v1/accounts/a1", new { name = "other" })).Status);

        // Roles change at once; somebody stays owner.
        var members = (await owner.GetAsync($"/v1/organisations/{first}/members")).Body.GetProperty("members").EnumerateArray().ToDictionary(item => item.GetProperty("email").GetString()!, item => item.GetProperty("person").GetString()!);
        Assert.Equal("conflict", (await owner.PatchAsync($"/v1/organisations/{first}/members/{members["owner@example.org"]}", new { role = "member" })).Code);
        Assert.Equal("conflict", (await owner.DeleteAsync($"/v1/organisations/{first}/members/{members["owner@example.org"]}")).Code);
        Assert.Equal("invalid_request", (await owner.PatchAsync($"/v1/organisations/{first}/members/{members["member@example.org"]}", new { role = "admin" })).Code);
        Assert.Equal(200, (await owner.PatchAsync($"/v1/organisations/{first}/members/{members["member@example.org"]}", new { role = "billing" })).Status);
        Assert.Equal("forbidden", (await member.PostAsync("/v1/accounts/a2/codes")).Code);
        Assert.Equal(200, (await owner.DeleteAsync($"/v1/organisations/{first}/members/{members["member@example.org"]}")).Status);
        Assert.Equal("not_found", (await member.GetAsync("/v1/accounts/a2/computers")).Code);
        Assert.Equal("forbidden", (await member.GetAsync("/v1/accounts")).Code);

        // Somebody who is nobody in it is made nothing in it, and nothing is told of them.
        var adminId = (await admin.GetAsync("/v1/me")).Text("person");
        Assert.Equal("not_found", (await owner.PatchAsync($"/v1/organisations/{first}/members/{adminId}", new { role = "owner" })).Code);

        // Who is here already takes another invitation up; nobody takes up one for another address, or twice.
        var invitation = await InviteAsync("owner@example.org", "member", second, admin);
        Assert.Equal("code_invalid", (await member.PostAsync("/v1/me/memberships", new { code = await InviteAsync("owner@example.org", "member", second, admin) })).Code);
        Assert.Equal("conflict", (await new ApiCaller(Service.Url).PostAsync("/v1/people", new { code = invitation, name = "x", password = Password })).Code);
        Assert.Equal(200, (await owner.PostAsync("/v1/me/memberships", new { code = invitation })).Status);
        Assert.Equal("code_invalid", (await owner.PostAsync("/v1/me/memberships", new { code = invitation })).Code);
        Assert.Equal(["a2", "b1", "other"], Names(await owner.GetAsync("/v1/accounts"), "accounts"));

        // The last owner does not become something else by an invitation either; and an invitation is worth no more than whoever made it.
        Assert.Equal("conflict", (await owner.PostAsync("/v1/me/memberships", new { code = await InviteAsync("owner@example.org", "billing", first, admin) })).Code);
        using var other = await JoinAsync("admin2@example.org", "admin", by: admin);
        var fromSecond = await InviteAsync("third@example.org", "admin", null, other);
        Assert.Equal(200, (await admin.PatchAsync($"/v1/people/{(await other.GetAsync("/v1/me")).Text("person")}", new { operator_role = "support" })).Status);
        Assert.Equal("code_invalid", (await new ApiCaller(Service.Url).PostAsync("/v1/people", new { code = fromSecond, name = "x", password = Password })).Code);
        var token = await admin.PostAsync("/v1/operators", new { name = "leaked", role = "admin" });
        using var leaked = new ApiCaller(Service.Url, token.Text("token"));
        var fromToken = await InviteAsync("fourth@example.org", "admin", null, leaked);
        Assert.Contains("leaked", Names(await admin.GetAsync("/v1/operators"), "operators"));
        Assert.Equal(200, (await admin.DeleteAsync("/v1/operators/leaked")).Status);
        Assert.Equal("token_invalid", (await leaked.GetAsync("/v1/accounts")).Code);
        Assert.Equal("code_invalid", (await new ApiCaller(Service.Url).PostAsync("/v1/people", new { code = fromToken, name = "x", password = Password })).Code);
    }

    [Fact]
    public async Task A_second_factor_is_asked_for_and_its_codes_work_once()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var person = await JoinAsync("totp@example.org", "support");
        Assert.False((await person.GetAsync("/v1/me")).Body.GetProperty("has_authenticator").GetBoolean());
        var key = (await person.PostAsync("/v1/me/authenticator")).Text("key");
        Assert.Equal("sign_in_failed", (await person.PutAsync("/v1/me/authenticator", new { code = "000000" })).Code);
        var before = await anybody.PostAsync("/v1/sign-ins", new { email = "totp@example.org", password = Password });
        Assert.Equal(200, before.Status);
        var now = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        var recovery = (await person.PutAsync("/v1/me/authenticator", new { code = Authenticator.Code(key, now) })).Body.GetProperty("codes").EnumerateArray().Select(code => code.GetString()!).ToList();
        Assert.Equal(10, recovery.Distinct().Count());

        Task<Answer> SignInAsync(object more) => anybody.PostAsync("/v1/sign-ins", more);
        Assert.Equal("second_factor_needed", (await SignInAsync(new { email = "totp@example.org", password = Password })).Code);
        Assert.Equal("sign_in_failed", (await SignInAsync(new { email = "totp@example.org", password = "wrong password" })).Code);
        Assert.Equal("sign_in_failed", (await SignInAsync(new { email = "totp@example.org", password = Password, code = Authenticator.Code(key, now) })).Code);
        var next = Authenticator.Code(key, now + TimeSpan.FromSeconds(30));
        var both = await SignInAsync(new { email = "TOTP@example.org", password = Password, code = next });
        Assert.Equal(200, both.Status);
        foreach (var same in new[] { next, "+" + next, "0" + next, "\t" + next, next[..3] + " " + next[3..] })
        {
            Assert.Equal("sign_in_failed", (await SignInAsync(new { email = "totp@example.org", password = Password, code = same })).Code);
        }

        Service.DirectorySql("DELETE FROM attempts");
        Assert.Equal(200, (await SignInAsync(new { email = "totp@example.org", password = Password, recovery_code = recovery[3].ToLowerInvariant() })).Status);
        Assert.Equal("sign_in_failed", (await SignInAsync(new { email = "totp@example.org", password = Password, recovery_code = recovery[3] })).Code);
        using var strong = new ApiCaller(Service.Url, both.Text("token"));

        // The session that turned it on goes on; one that never showed it has ended.
        Assert.Equal("token_invalid", (await new ApiCaller(Service.Url, before.Text("token")).GetAsync("/v1/me")).Code);
        Assert.Equal(200, (await person.GetAsync("/v1/me")).Status);
        Assert.Equal(9, (await strong.GetAsync("/v1/me")).Body.GetProperty("recovery_codes").GetInt32());
        Assert.Equal(200, (await strong.PostAsync("/v1/me/recovery-codes")).Status);
        Assert.Equal("sign_in_failed", (await SignInAsync(new { email = "totp@example.org", password = Password, recovery_code = recovery[4] })).Code);

        // A proof grows old, and is renewed by showing everything again.
        Assert.Equal(1, Service.DirectorySql($"UPDATE sign_ins SET proved_at = proved_at - 601 WHERE sign_in_id = '{both.Text("sign_in")}'"));
        Assert.Equal("proof_needed", (await strong.DeleteAsync("/v1/me/authenticator")).Code);
        Assert.Equal("second_factor_needed", (await strong.PostAsync("/v1/me/proof", new { password = Password })).Code);
        Assert.Equal(200, (await strong.PostAsync("/v1/me/proof", new { password = Password, code = Authenticator.Code(key, now - TimeSpan.FromSeconds(30)) })).Status);
        Assert.Equal(200, (await strong.DeleteAsync("/v1/me/authenticator")).Status);
        Assert.Equal(0, (await strong.GetAsync("/v1/me")).Body.GetProperty("recovery_codes").GetInt32());
        Assert.Equal(200, (await SignInAsync(new { email = "totp@example.org", password = Password })).Status);
    }

    [Fact]
    public async Task Passkeys_sign_in_by_themselves_and_answer_only_what_they_were_asked()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var person = await JoinAsync("key@example.org", "support");
        using var passkey = new Passkey();
        async Task<(string Ceremony, JsonElement Options)> AskAsync(ApiCaller caller, string path)
        {
            var asked = await caller.PostAsync(path);
            Assert.Equal(200, asked.Status);
            return (asked.Text("ceremony"), asked.Body.GetProperty("options"));
        }

        var (adding, options) = await AskAsync(person, "/v1/me/passkeys/challenges");
        Assert.Equal("sign_in_failed", (await person.PostAsync("/v1/me/passkeys", new { name = "laptop", answer = new { ceremony = adding, credential = passkey.Create(options, "https://evil.example") } })).Code);
        (adding, options) = await AskAsync(person, "/v1/me/passkeys/challenges");
        Assert.Equal(200, (await person.PostAsync("/v1/me/passkeys", new { name = "laptop", answer = new { ceremony = adding, credential = passkey.Create(options, Service.Url) } })).Status);

        async Task<Answer> SignInAsync(string origin)
        {
            var (ceremony, challenge) = await AskAsync(anybody, "/v1/passkey-challenges");
            return await anybody.PostAsync("/v1/sign-ins", new { passkey = new { ceremony, credential = passkey.Get(challenge, origin) } });
        }

        var signedIn = await SignInAsync(Service.Url);
        Assert.Equal((200, "key@example.org"), (signedIn.Status, signedIn.Body.GetProperty("person").GetProperty("email").GetString()));
        Assert.Equal("sign_in_failed", (await SignInAsync("https://evil.example")).Code);
        var (once, asked) = await AskAsync(anybody, "/v1/passkey-challenges");
        var answer = new { passkey = new { ceremony = once, credential = passkey.Get(asked, Service.Url) } };
        Assert.Equal(200, (await anybody.PostAsync("/v1/sign-ins", answer)).Status);
        Assert.Equal("sign_in_failed", (await anybody.PostAsync("/v1/sign-ins", answer)).Code);

        // A copy of the authenticator is noticed by its counter.
        passkey.Counter = 1;
        Assert.Equal("sign_in_failed", (await SignInAsync(Service.Url)).Code);
        passkey.Counter = 100;
        using (var stranger = new Passkey())
        {
            var (ceremony, challenge) = await AskAsync(anybody, "/v1/passkey-challenges");
            Assert.Equal("sign_in_failed", (await anybody.PostAsync("/v1/sign-ins", new { passkey = new { ceremony, credential = stranger.Get(challenge, Service.Url) } })).Code);
        }

        Assert.Equal("invalid_request", (await anybody.PostAsync("/v1/sign-ins", """{"passkey":{"ceremony":"x"}}""")).Code);
        Assert.Equal("sign_in_failed", (await anybody.PostAsync("/v1/sign-ins", new { passkey = new { ceremony = (await AskAsync(anybody, "/v1/passkey-challenges")).Ceremony, credential = new { id = "!", type = 3 } } })).Code);

        var id = Assert.Single((await person.GetAsync("/v1/me/passkeys")).Body.GetProperty("passkeys").EnumerateArray()).GetProperty("id").GetString();
        Assert.Equal("not_found", (await person.DeleteAsync("/v1/me/passkeys/AAAA")).Code);
        Assert.Equal(200, (await person.DeleteAsync($"/v1/me/passkeys/{id}")).Status);
        Assert.Equal("sign_in_failed", (await SignInAsync(Service.Url)).Code);
    }

    [Fact]
    public async Task Sessions_are_listed_and_ended_and_end_when_a_secret_changes()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var admin = await JoinAsync("admin@example.org", "admin");
        using var first = await JoinAsync("someone@example.org", "operator");
        var (second, third) = (await SignInAsync("someone@example.org"), await SignInAsync("someone@example.org"));
        var sessions = (await first.GetAsync("/v1/me/sign-ins")).Body.GetProperty("sign_ins").EnumerateArray().ToList();
        Assert.Equal((3, 1, "tests/1.0"), (sessions.Count, sessions.Count(session => session.GetProperty("is_current").GetBoolean()), sessions[0].GetProperty("agent").GetString()));
        Assert.Equal(200, (await first.DeleteAsync($"/v1/me/sign-ins/{third.Text("sign_in")}")).Status);
        Assert.Equal("token_invalid", (await new ApiCaller(Service.Url, third.Text("token")).GetAsync("/v1/me")).Code);
        Assert.Equal("not_found", (await admin.DeleteAsync($"/v1/me/sign-ins/{second.Text("sign_in")}")).Code);

        Assert.Equal("invalid_request", (await first.PutAsync("/v1/me/password", new { @new = "short" })).Code);
        Assert.Equal(200, (await first.PutAsync("/v1/me/password", new { @new = "another long one" })).Status);
        Assert.Equal("token_invalid", (await new ApiCaller(Service.Url, second.Text("token")).GetAsync("/v1/me")).Code);
        Assert.Equal(200, (await first.GetAsync("/v1/me")).Status);
        Assert.Equal("sign_in_failed", (await anybody.PostAsync("/v1/sign-ins", new { email = "someone@example.org", password = Password })).Code);

        // A code from before somebody was given a role is worthless behind it: whoever holds it would have the role.
        using var customer = await JoinAsync("customer@example.org", "member", await OrganisationAsync(admin, "Customers"));
        var held = (await first.PostAsync($"/v1/people/{(await customer.GetAsync("/v1/me")).Text("person")}/reset-codes")).Text("code");
        var elsewhere = await SignInAsync("customer@example.org");
        Assert.Equal(200, (await customer.PostAsync("/v1/me/memberships", new { code = await InviteAsync("customer@example.org", "admin", null, admin) })).Status);
        Assert.Equal("code_invalid", (await anybody.PostAsync("/v1/password-resets/confirmation", new { code = held, @new = Password })).Code);
        Assert.Equal("token_invalid", (await new ApiCaller(Service.Url, elsewhere.Text("token")).GetAsync("/v1/me")).Code);
        Assert.Equal("admin", (await customer.GetAsync("/v1/me")).Text("operator_role"));

        // The operator hands a code on; all sessions end. Operators do not reset admins.
        var id = (await first.GetAsync("/v1/me")).Text("person");
        var adminId = (await admin.GetAsync("/v1/me")).Text("person");
        Assert.Equal("forbidden", (await first.PostAsync($"/v1/people/{adminId}/reset-codes")).Code);
        var code = (await admin.PostAsync($"/v1/people/{id}/reset-codes")).Text("code");

        // Of two codes one is used; what somebody else may have planted is gone with it.
        var earlier = (await admin.PostAsync($"/v1/people/{id}/reset-codes")).Text("code");
        using var planted = new Passkey();
        var adding = await first.PostAsync("/v1/me/passkeys/challenges");
        Assert.Equal(200, (await first.PostAsync("/v1/me/passkeys", new { name = "planted", answer = new { ceremony = adding.Text("ceremony"), credential = planted.Create(adding.Body.GetProperty("options"), Service.Url) } })).Status);
        Assert.Equal(200, (await anybody.PostAsync("/v1/password-resets/confirmation", new { code, @new = Password })).Status);
        Assert.Equal("code_invalid", (await anybody.PostAsync("/v1/password-resets/confirmation", new { code, @new = Password })).Code);
        Assert.Equal("code_invalid", (await anybody.PostAsync("/v1/password-resets/confirmation", new { code = earlier, @new = Password })).Code);
        var challenge = await anybody.PostAsync("/v1/passkey-challenges");
        Assert.Equal("sign_in_failed", (await anybody.PostAsync("/v1/sign-ins", new { passkey = new { ceremony = challenge.Text("ceremony"), credential = planted.Get(challenge.Body.GetProperty("options"), Service.Url) } })).Code);
        Assert.Equal("token_invalid", (await first.GetAsync("/v1/me")).Code);
        using var again = new ApiCaller(Service.Url, (await SignInAsync("someone@example.org")).Text("token"));
        Assert.Equal(200, (await anybody.PostAsync("/v1/password-resets", new { email = "nobody@example.org" })).Status);

        Assert.Equal("conflict", (await admin.PatchAsync($"/v1/people/{adminId}", new { suspended = true })).Code);
        Assert.Equal(200, (await admin.PatchAsync($"/v1/people/{id}", new { suspended = true })).Status);
        Assert.Equal("token_invalid", (await again.GetAsync("/v1/me")).Code);
        Assert.Equal("sign_in_failed", (await anybody.PostAsync("/v1/sign-ins", new { email = "someone@example.org", password = Password })).Code);
        Assert.Equal(200, (await admin.PatchAsync($"/v1/people/{id}", new { suspended = false, operator_role = "support" })).Status);
        using var demoted = new ApiCaller(Service.Url, (await SignInAsync("someone@example.org")).Text("token"));
        Assert.Equal("forbidden", (await demoted.PostAsync("/v1/accounts", new { name = "x" })).Code);
        Assert.Equal(1, Service.DirectorySql("UPDATE sign_ins SET expires_at = 1 WHERE person_id = '" + id + "'"));
        Assert.Equal("token_invalid", (await demoted.GetAsync("/v1/me")).Code);
    }

    [Fact]
    public async Task Guessing_is_slowed_down_whether_somebody_is_there_or_not()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var person = await JoinAsync("guessed@example.org", "support");
        foreach (var email in new[] { "guessed@example.org", "nobody@example.org" })
        {
            var codes = new List<string?>();
            for (var i = 0; i < 12; i++)
            {
                codes.Add((await anybody.PostAsync("/v1/sign-ins", new { email, password = $"wrong password {i}" })).Code);
            }

            Assert.Equal([.. Enumerable.Repeat("sign_in_failed", 10), "too_many_attempts", "too_many_attempts"], codes);
        }

        // The right password does not help either, until the time is over.
        Assert.Equal("too_many_attempts", (await anybody.PostAsync("/v1/sign-ins", new { email = "guessed@example.org", password = Password })).Code);

        // From another network its owner gets in all the same; the proxy on this machine says that it is another.
        using (var elsewhere = new ApiCaller(Service.Url, null, "203.0.113.9"))
        {
            Assert.Equal(200, (await elsewhere.PostAsync("/v1/sign-ins", new { email = "guessed@example.org", password = Password })).Status);
        }
        Assert.True(Service.DirectorySql("UPDATE attempts SET begun_at = begun_at - 901") >= 2);
        await SignInAsync("guessed@example.org");
    }

    [Fact]
    public async Task Tokens_for_programs_do_what_they_were_made_for_and_no_more_than_their_person_may()
    {
        using var admin = await JoinAsync("admin@example.org", "admin");
        using var person = await JoinAsync("operator@example.org", "operator");
        await Service.NewAccountAsync("one", Cancellation);
        foreach (var scopes in new[] { [], new string?[] { "close_account" }, ["change_factors"], ["invite_operator"], ["nonsense"], [null, "change_operators"] })
        {
            Assert.Equal("invalid_request", (await person.PostAsync("/v1/me/tokens", new { name = "script", scopes, days = 1 })).Code);
        }

        Assert.Equal("invalid_request", (await person.PostAsync("/v1/me/tokens", new { name = "script", scopes = new[] { "list_accounts" }, days = 1000 })).Code);
        var made = await person.PostAsync("/v1/me/tokens", new { name = "script", scopes = new[] { "list_accounts", "rotate_grant_key" }, days = 30 });
        using var token = new ApiCaller(Service.Url, made.Text("token"));
        Assert.Equal(["one"], Names(await token.GetAsync("/v1/accounts"), "accounts"));
        Assert.Equal("forbidden", (await token.GetAsync("/v1/usage")).Code);
        Assert.Equal("forbidden", (await token.PostAsync("/v1/grant-keys/rotation", new { revoke_old = false })).Code);
        Assert.Equal("forbidden", (await token.GetAsync("/v1/me")).Code);
        Assert.Equal("forbidden", (await token.PostAsync("/v1/me/tokens", new { name = "more", scopes = new[] { "list_accounts" }, days = 1 })).Code);
        Assert.Equal("script", Assert.Single((await person.GetAsync("/v1/me/tokens")).Body.GetProperty("tokens").EnumerateArray()).GetProperty("name").GetString());

        var id = (await person.GetAsync("/v1/me")).Text("person");
        Assert.Equal(200, (await admin.PatchAsync($"/v1/people/{id}", new { operator_role = "none" })).Status);
        Assert.Equal("forbidden", (await token.GetAsync("/v1/accounts")).Code);
        Assert.Equal(200, (await admin.PatchAsync($"/v1/people/{id}", new { operator_role = "support" })).Status);
        Assert.Equal(200, (await token.GetAsync("/v1/accounts")).Status);
        using var back = new ApiCaller(Service.Url, (await SignInAsync("operator@example.org")).Text("token"));
        Assert.Equal("not_found", (await admin.DeleteAsync($"/v1/me/tokens/{made.Text("id")}")).Code);
        Assert.Equal(200, (await back.DeleteAsync($"/v1/me/tokens/{made.Text("id")}")).Status);
        Assert.Equal("token_invalid", (await token.GetAsync("/v1/accounts")).Code);
    }

    [Fact]
    public async Task Everything_about_people_can_be_done_from_the_command_line()
    {
        var environment = new Dictionary<string, string> { ["HOLDFAST_SERVICE"] = Service.Url, ["HOLDFAST_PASSWORD"] = Password, ["HOLDFAST_CONFIG_DIR"] = Path.Combine(Root, "c"), ["HOLDFAST_STATE_DIR"] = Path.Combine(Root, "s"), ["HOLDFAST_CACHE_DIR"] = Path.Combine(Root, "k") };
        async Task<string> AdminAsync(params string[] arguments)
        {
            var ended = await Programs.RunAsync(Programs.Holdfast, ["admin", .. arguments], environment, Cancellation);
            Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.Error}");
            return ended.Output.Trim();
        }

        async Task<string> RefusedAsync(params string[] arguments)
        {
            var ended = await Programs.RunAsync(Programs.Holdfast, ["admin", .. arguments], environment, Cancellation);
            Assert.NotEqual(0, ended.ExitCode);
            return ended.Error;
        }

        Assert.Contains("Sign in first", await RefusedAsync("whoami"), StringComparison.Ordinal);
        var code = await AdminAsync("invite", "me@example.org", "admin", "--token-file", Path.Combine(Service.Data, "bootstrap-secret"));
        Assert.Contains("Signed in as me@example.org", await AdminAsync("join", code, "--name", "Me"), StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(Root, "c", "session")));
        Assert.Contains("admin of the service", await AdminAsync("whoami"), StringComparison.Ordinal);
        await Service.NewAccountAsync("one", Cancellation);
        var organisation = (await AdminAsync("organisation", "create", "Firm")).Split(' ')[0];
        await AdminAsync("organisation", "assign", "one", organisation);
        await AdminAsync("join", await AdminAsync("invite", "me@example.org", "owner", "--organisation", organisation, "--token-file", Path.Combine(Service.Data, "operator-token")));
        Assert.Contains("owner of Firm", await AdminAsync("whoami"), StringComparison.Ordinal);
        var person = JsonDocument.Parse(await AdminAsync("people", "--json")).RootElement.GetProperty("person").GetString()!;
        Assert.Contains("owner", await AdminAsync("organisation", "members", organisation), StringComparison.Ordinal);
        Assert.Contains("[conflict]", await RefusedAsync("organisation", "remove", organisation, person), StringComparison.Ordinal);
        Assert.Contains("[conflict]", await RefusedAsync("person", "suspend", person), StringComparison.Ordinal);
        Assert.Contains("Firm", await AdminAsync("organisations"), StringComparison.Ordinal);

        var token = await AdminAsync("token", "create", "script", "--scope", "list_accounts", "--scope", "read_usage", "--days", "3");
        Assert.StartsWith("hft_", token, StringComparison.Ordinal);
        var listed = await AdminAsync("tokens");
        Assert.Contains("script: list_accounts read_usage", listed, StringComparison.Ordinal);
        await AdminAsync("token", "revoke", listed.Split(' ')[0]);

        var key = (await AdminAsync("authenticator", "new")).Split('\n')[0];
        var now = TimeProvider.System.GetUtcNow();
        var recovery = (await AdminAsync("authenticator", "confirm", Authenticator.Code(key, now), "--quiet")).Split('\n');
        Assert.Contains("[second_factor_needed]", await RefusedAsync("sign-in", "--email", "me@example.org"), StringComparison.Ordinal);
        await AdminAsync("sign-in", "--email", "me@example.org", "--code", recovery[0]);
        await AdminAsync("prove", "--code", Authenticator.Code(key, now + TimeSpan.FromSeconds(30)));
        await AdminAsync("authenticator", "remove");
        Assert.Contains("You are signed in at", await RefusedAsync("whoami", "--service", "http://127.0.0.1:9"), StringComparison.Ordinal);
        await AdminAsync("sign-out");
        Assert.Contains("Sign in first", await RefusedAsync("whoami"), StringComparison.Ordinal);
    }

    /// <summary>Somebody who took an invitation up, and is signed in.</summary>
    private async Task<ApiCaller> JoinAsync(string email, string role, string? organisation = null, ApiCaller? by = null)
    {
        var code = await InviteAsync(email, role, organisation, by);
        using var anybody = new ApiCaller(Service.Url);
        var joined = await anybody.PostAsync("/v1/people", new { code, name = email.Split('@')[0], password = Password });
        Assert.True(joined.Status == 200, joined.Body.ToString());
        return new ApiCaller(Service.Url, joined.Text("token"));
    }

    private async Task<string> InviteAsync(string email, string role, string? organisation, ApiCaller? by)
    {
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, organisation is null ? "bootstrap-secret" : "operator-token"), Cancellation)).Trim());
        var invited = await (by ?? bootstrap).PostAsync(organisation is null ? "/v1/operators/invitations" : $"/v1/organisations/{organisation}/invitations", new { email, role });
        Assert.True(invited.Status == 200, invited.Body.ToString());
        return invited.Text("code");
    }

    private async Task<Answer> SignInAsync(string email)
    {
        using var anybody = new ApiCaller(Service.Url);
        var signedIn = await anybody.PostAsync("/v1/sign-ins", new { email, password = Password });
        Assert.True(signedIn.Status == 200, signedIn.Body.ToString());
        return signedIn;
    }

    private static async Task<string> OrganisationAsync(ApiCaller admin, string name) => (await admin.PostAsync("/v1/organisations", new { name })).Text("organisation");

    private static List<string> Names(Answer answer, string list)
    {
        Assert.True(answer.Status == 200, answer.Body.ToString());
        return [.. answer.Body.GetProperty(list).EnumerateArray().Select(item => item.GetProperty("name").GetString()!)];
    }
}
