using System.CommandLine;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>Getting in: by password, by an invitation, by a code that sets another password; and out.</summary>
internal static class SignInVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(SignIn(output));
        admin.Subcommands.Add(Join(output));
        admin.Subcommands.Add(Prove(output));
        admin.Subcommands.Add(AdminCall.Act(output, "sign-out", "Ends this session.", [], async (_, service, cancellation) =>
        {
            await AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/me/sign-ins/current", cancellation);
            SessionFile.Delete();
        }, "Signed out."));
        admin.Subcommands.Add(Password(output));
    }

    private static Command SignIn(Output output)
    {
        var email = new Option<string>("--email") { Description = "Your address.", Required = true };
        var code = new Option<string?>("--code") { Description = "Your authenticator's six digits, if it is on; or one of your recovery codes." };
        return AdminCall.Build("sign-in", """
            Signs you in; the session is kept in a file that only you can read, and the other admin verbs use it.
            The password is asked for, or read from HOLDFAST_PASSWORD, HOLDFAST_PASSWORD_FILE or HOLDFAST_PASSWORD_COMMAND.

            Example:
              holdfast admin sign-in --service https://backup.example.org --email me@example.org --code 123456
            """, [email, code], AdminVerb.ConnectAsNobody, async (parsed, service, cancellation) =>
        {
            var (digits, recovery) = parsed.GetValue(code) is { } given ? given.Length == 6 ? (given, (string?)null) : (null, given) : (null, null);
            return Keep(parsed, output, await service.SendOnceAsync(
                HttpMethod.Post, "/v1/sign-ins", new SignIn(parsed.GetRequiredValue(email), Ask("Password: "), digits, recovery), MessageJson.Default.SignIn, MessageJson.Default.SignedIn, cancellation));
        });
    }

    private static Command Join(Output output)
    {
        var (code, name) = (new Argument<string>("code") { Description = "The invitation's code." }, new Option<string?>("--name") { Description = "Your name, for somebody who is not here yet." });
        return AdminCall.Build("join", "Takes an invitation up: as a new person (with --name), or as the one who is signed in.", [code, name],
            parsed => parsed.GetValue(name) is null ? AdminVerb.Connect(parsed) : AdminVerb.ConnectAsNobody(parsed), async (parsed, service, cancellation) =>
        {
            if (parsed.GetValue(name) is { } newName)
            {
                return Keep(parsed, output, await service.SendOnceAsync(HttpMethod.Post, "/v1/people", new BecomePerson(parsed.GetRequiredValue(code), newName, Ask("A new password: ", twice: true)),
                    MessageJson.Default.BecomePerson, MessageJson.Default.SignedIn, cancellation));
            }

            await service.SendOnceAsync(HttpMethod.Post, "/v1/me/memberships", new TakeUp(parsed.GetRequiredValue(code)), MessageJson.Default.TakeUp, MessageJson.Default.Done, cancellation);
            output.Say("You are in.");
            return ExitCode.Ok;
        });
    }

    private static Command Prove(Output output)
    {
        var code = new Option<string?>("--code") { Description = "Your authenticator's six digits, if it is on." };
        return AdminCall.Ask("prove", "Shows your password and code once more: some changes need that within the last ten minutes.", [code], async (parsed, service, cancellation) =>
        {
            var proved = await service.SendOnceAsync(HttpMethod.Post, "/v1/me/proof", new Prove(Ask("Password: "), parsed.GetValue(code)), MessageJson.Default.Prove, MessageJson.Default.Proved, cancellation);
            output.Say($"Good until {AdminVerb.At(proved.Until)}.");
            output.Message("proof", ("until", proved.Until));
        });
    }

    private static Command Password(Output output)
    {
        var (email, code) = (new Argument<string>("email") { Description = "Your address." }, new Argument<string>("code") { Description = "The code that you were sent or given." });
        return new Command("password", """
            Another password: `change` if you know yours, `forgot` to be sent a code, `reset` to use it.
            The new one is asked for, or read from HOLDFAST_NEW_PASSWORD (…_FILE, …_COMMAND).

            Examples:
              holdfast admin password change
              holdfast admin password forgot me@example.org --service https://backup.example.org
            """)
        {
            AdminCall.Act(output, "change", "Sets another password; your other sessions end. Needs a recent proof (`holdfast admin prove`).", [], (_, service, cancellation) => service.SendOnceAsync(
                HttpMethod.Put, "/v1/me/password", new ChangePassword(AskNew()), MessageJson.Default.ChangePassword, MessageJson.Default.Done, cancellation), "From now on it is the new one."),
            AdminCall.Build("forgot", "Sends you a code, if somebody has the address.", [email], AdminVerb.ConnectAsNobody, async (parsed, service, cancellation) =>
            {
                await service.SendOnceAsync(HttpMethod.Post, "/v1/password-resets", new AskPasswordReset(parsed.GetRequiredValue(email)), MessageJson.Default.AskPasswordReset, MessageJson.Default.Done, cancellation);
                output.Say("If somebody has this address, a code is on its way there.");
                return ExitCode.Ok;
            }),
            AdminCall.Build("reset", "Sets another password by a code; all your sessions end.", [code], AdminVerb.ConnectAsNobody, async (parsed, service, cancellation) =>
            {
                await service.SendOnceAsync(HttpMethod.Post, "/v1/password-resets/confirmation", new ResetPassword(parsed.GetRequiredValue(code), AskNew()), MessageJson.Default.ResetPassword, MessageJson.Default.Done, cancellation);
                output.Say("Sign in with the new one: `holdfast admin sign-in`.");
                return ExitCode.Ok;
            }),
        };
    }

    private static string Ask(string prompt, bool twice = false) => Secrets.Ask(prompt, twice, "HOLDFAST_PASSWORD");

    private static string AskNew() => Secrets.Ask("A new password: ", twice: true, "HOLDFAST_NEW_PASSWORD");

    private static int Keep(ParseResult parsed, Output output, SignedIn signedIn)
    {
        SessionFile.Write(AdminVerb.Service(parsed), signedIn.Token);
        output.Say($"Signed in as {signedIn.Person.Email} until {AdminVerb.At(signedIn.ExpiresAt)}; the session is in {SessionFile.Path}.");
        output.Message("signed_in", ("person", signedIn.Person.Person), ("email", signedIn.Person.Email), ("expires_at", signedIn.ExpiresAt), ("file", SessionFile.Path));
        return ExitCode.Ok;
    }
}
