using System.CommandLine;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli;

/// <summary>The part of <c>holdfast admin</c> that is about people: signing in, who is what where, tokens for programs.</summary>
internal static class AdminPeopleVerb
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(SignIn(output));
        admin.Subcommands.Add(Join(output));
        admin.Subcommands.Add(AdminCall.Act(output, "sign-out", "Ends this session.", [], async (_, service, cancellation) =>
        {
            await AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/me/sign-ins/current", new Done(), MessageJson.Default.Done, MessageJson.Default.Done, cancellation);
            SessionFile.Delete();
        }, "Signed out."));
        admin.Subcommands.Add(Prove(output));
        admin.Subcommands.Add(WhoAmI(output));
        admin.Subcommands.Add(Authenticator(output));
        admin.Subcommands.Add(People(output));
        admin.Subcommands.Add(Person(output));
        admin.Subcommands.Add(Tokens(output));
        admin.Subcommands.Add(Token(output));
    }

    private static Command SignIn(Output output)
    {
        var email = new Option<string>("--email") { Description = "Your address.", Required = true };
        var code = new Option<string?>("--code") { Description = "Your authenticator's six digits, if it is on; or one of your recovery codes." };
        var command = new Command("sign-in", """
            Signs you in; the session is kept in a file that only you can read, and the other admin verbs use it.
            The password is asked for, or read from HOLDFAST_PASSWORD, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD_COMMAND.

            Example:
              holdfast admin sign-in --service https://backup.example.org --email me@example.org --code 123456
            """) { email, code };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.ConnectAsNobody(parsed);
            var (digits, recovery) = parsed.GetValue(code) is { } given ? given.Length == 6 ? (given, (string?)null) : (null, given) : (null, null);
            var signedIn = await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/sign-ins", new SignIn(parsed.GetRequiredValue(email), Password("Password: "), digits, recovery), MessageJson.Default.SignIn, MessageJson.Default.SignedIn, cancellation);
            return Keep(parsed, output, signedIn);
        });
        return command;
    }

    private static Command Join(Output output)
    {
        var (code, name) = (new Argument<string>("code") { Description = "The invitation's code." }, new Option<string?>("--name") { Description = "Your name, for somebody who is not here yet." });
        var command = new Command("join", "Takes an invitation up: as a new person (with --name), or as the one who is signed in.") { code, name };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(name) is { } newName)
            {
                using var anybody = AdminVerb.ConnectAsNobody(parsed);
                return Keep(parsed, output, await AdminCall.SendAsync(anybody, HttpMethod.Post, "/v1/people", new BecomePerson(parsed.GetRequiredValue(code), newName, Password("A new password: ", twice: true)),
                    MessageJson.Default.BecomePerson, MessageJson.Default.SignedIn, cancellation));
            }

            using var service = AdminVerb.Connect(parsed);
            await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/me/memberships", new TakeUp(parsed.GetRequiredValue(code)), MessageJson.Default.TakeUp, MessageJson.Default.Done, cancellation);
            output.Say("You are in.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Prove(Output output)
    {
        var code = new Option<string?>("--code") { Description = "Your authenticator's six digits, if it is on." };
        var command = new Command("prove", "Shows your password and code once more: some changes need that within the last ten minutes.") { code };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            var proved = await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/me/proof", new Prove(Password("Password: "), parsed.GetValue(code)), MessageJson.Default.Prove, MessageJson.Default.Proved, cancellation);
            output.Say($"Good until {AdminVerb.At(proved.Until)}.");
            output.Message("proof", ("until", proved.Until));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command WhoAmI(Output output)
    {
        var command = new Command("whoami", "Who is signed in, and what they are where.");
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            Describe(output, await service.GetAtAsync("/v1/me", MessageJson.Default.Oneself, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Authenticator(Output output)
    {
        var code = new Argument<string>("code") { Description = "What the authenticator shows." };
        var command = new Command("authenticator", "Your second factor: `new` shows a key, `confirm CODE` turns it on and shows recovery codes, `remove` takes it off.");
        var fresh = new Command("new", "A key for an authenticator.");
        fresh.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            var key = await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/me/authenticator", new Done(), MessageJson.Default.Done, MessageJson.Default.AuthenticatorKey, cancellation);
            output.Print($"{key.Key}\n{key.Link}");
            output.Message("authenticator", ("key", key.Key), ("link", key.Link));
            return ExitCode.Ok;
        });
        var confirm = new Command("confirm", "A code of the new authenticator: from now on it is asked for.") { code };
        confirm.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            var recovery = await AdminCall.SendAsync(service, HttpMethod.Put, "/v1/me/authenticator", new ConfirmAuthenticator(parsed.GetRequiredValue(code)), MessageJson.Default.ConfirmAuthenticator, MessageJson.Default.RecoveryCodes, cancellation);
            output.Say("Write these down; each works once, instead of the authenticator:");
            foreach (var one in recovery.Codes)
            {
                output.Print(one);
                output.Message("recovery_code", ("code", one));
            }

            return ExitCode.Ok;
        });
        command.Subcommands.Add(fresh);
        command.Subcommands.Add(confirm);
        command.Subcommands.Add(AdminCall.Act(output, "remove", "Takes the authenticator off.", [], (_, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/me/authenticator", new Done(), MessageJson.Default.Done, MessageJson.Default.Done, cancellation), "It is not asked for any more."));
        return command;
    }

    private static Command People(Output output) =>
        AdminCall.List("people", "Everybody who can sign in.", "/v1/people", MessageJson.Default.PersonList, page => (page.People, page.Next), person => Show(output, person));

    private static Command Person(Output output)
    {
        var command = new Command("person", "Changes somebody; their sessions end.");
        var role = new Argument<string>("role") { Description = "support, operator, admin, or none." };
        command.Subcommands.Add(Change("suspend", "They cannot sign in until they are resumed.", _ => new ChangePerson(Suspended: true)));
        command.Subcommands.Add(Change("resume", "They can sign in again.", _ => new ChangePerson(Suspended: false)));
        command.Subcommands.Add(Change("role", "What they are among those who run the service.", parsed => new ChangePerson(OperatorRole: parsed.GetRequiredValue(role)), role));
        var person = PersonArgument();
        var reset = new Command("reset-password", "A code with which they set another password, for somebody who gets no mail.") { person };
        reset.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            var code = await AdminCall.SendAsync(service, HttpMethod.Post, $"/v1/people/{Uri.EscapeDataString(parsed.GetRequiredValue(person))}/reset-codes", new Done(), MessageJson.Default.Done, MessageJson.Default.PasswordResetCode, cancellation);
            output.Print(code.Code);
            output.Message("reset_code", ("code", code.Code));
            return ExitCode.Ok;
        });
        command.Subcommands.Add(reset);
        return command;

        Command Change(string verb, string description, Func<ParseResult, ChangePerson> change, params Argument[] more)
        {
            var person = PersonArgument();
            var command = new Command(verb, description) { person };
            Array.ForEach(more, command.Arguments.Add);
            command.SetAction(async (parsed, cancellation) =>
            {
                using var service = AdminVerb.Connect(parsed);
                Show(output, await AdminCall.SendAsync(service, HttpMethod.Patch, $"/v1/people/{Uri.EscapeDataString(parsed.GetRequiredValue(person))}", change(parsed), MessageJson.Default.ChangePerson, MessageJson.Default.PersonSummary, cancellation));
                return ExitCode.Ok;
            });
            return command;
        }
    }

    private static Command Tokens(Output output)
    {
        var command = new Command("tokens", "Your tokens for programs.");
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            foreach (var token in (await service.GetAtAsync("/v1/me/tokens", MessageJson.Default.TokenList, cancellation)).Tokens)
            {
                output.Print($"{token.Id}  until {AdminVerb.At(token.ExpiresAt)}  {token.Name}: {string.Join(' ', token.Scopes)}");
                output.Message("token", ("id", token.Id), ("name", token.Name), ("scopes", string.Join(' ', token.Scopes)), ("created_at", token.CreatedAt), ("expires_at", token.ExpiresAt));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Token(Output output)
    {
        var (name, id) = (new Argument<string>("name") { Description = "What it is for." }, new Argument<string>("id"));
        var scopes = new Option<string[]>("--scope") { Description = "An action of docs/permissions.md; once for each.", Required = true };
        var days = new Option<int>("--days") { Description = "Until it expires.", DefaultValueFactory = _ => 90 };
        var command = new Command("token", "Makes or revokes a token for programs.");
        var create = new Command("create", "Makes a token; it is shown this once, and never may more than you.") { name, scopes, days };
        create.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            var made = await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/me/tokens", new CreateToken(parsed.GetRequiredValue(name), parsed.GetRequiredValue(scopes), parsed.GetValue(days)), MessageJson.Default.CreateToken, MessageJson.Default.TokenCreated, cancellation);
            output.Print(made.Token);
            output.Message("token_created", ("id", made.Id), ("token", made.Token), ("expires_at", made.ExpiresAt));
            return ExitCode.Ok;
        });
        command.Subcommands.Add(create);
        command.Subcommands.Add(AdminCall.Act(output, "revoke", "Revokes a token.", [id], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, $"/v1/me/tokens/{Uri.EscapeDataString(parsed.GetRequiredValue(id))}",
            new Done(), MessageJson.Default.Done, MessageJson.Default.Done, cancellation), "It is worthless now."));
        return command;
    }

    private static string Password(string prompt, bool twice = false) => Secrets.Ask(prompt, twice, "HOLDFAST_PASSWORD");

    private static int Keep(ParseResult parsed, Output output, SignedIn signedIn)
    {
        SessionFile.Write(AdminVerb.Service(parsed), signedIn.Token);
        output.Say($"Signed in as {signedIn.Person.Email} until {AdminVerb.At(signedIn.ExpiresAt)}; the session is in {SessionFile.Path}.");
        output.Message("signed_in", ("person", signedIn.Person.Person), ("email", signedIn.Person.Email), ("expires_at", signedIn.ExpiresAt), ("file", SessionFile.Path));
        return ExitCode.Ok;
    }

    private static void Describe(Output output, Oneself oneself)
    {
        output.Print($"{oneself.Email} ({oneself.Name}){(oneself.OperatorRole is { } role ? $", {role} of the service" : "")}");
        foreach (var membership in oneself.Memberships)
        {
            output.Print($"  {membership.Role} of {membership.Name} ({membership.Organisation})");
        }

        output.Message("person", ("person", oneself.Person), ("email", oneself.Email), ("name", oneself.Name), ("operator_role", oneself.OperatorRole), ("authenticator", oneself.HasAuthenticator), ("recovery_codes", oneself.RecoveryCodes));
    }

    private static void Show(Output output, PersonSummary person)
    {
        output.Print($"{person.Person}  {person.OperatorRole ?? "customer",-9}  {(person.Suspended ? "suspended" : "active"),-9}  {person.Email,-32}  {person.Name}");
        output.Message("person", ("person", person.Person), ("email", person.Email), ("name", person.Name), ("operator_role", person.OperatorRole), ("suspended", person.Suspended), ("created_at", person.CreatedAt));
    }

    public static Argument<string> PersonArgument() => new("person") { Description = "Their id, as `holdfast admin people` shows it." };
}
