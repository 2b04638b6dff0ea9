using System.CommandLine;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>What is one's own: name, address, second factors, sessions.</summary>
internal static class OneselfVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var name = new Argument<string>("name") { Description = "What you want to be called." };
        admin.Subcommands.Add(AdminCall.Ask("whoami", "Who is signed in, and what they are where.", [], async (_, service, cancellation) =>
            Describe(output, await service.GetAtAsync("/v1/me", MessageJson.Default.Oneself, cancellation))));
        admin.Subcommands.Add(AdminCall.Ask("name", "Gives you another name.", [name], async (parsed, service, cancellation) => Describe(output, await service.SendOnceAsync(
            HttpMethod.Patch, "/v1/me", new ChangeOneself(parsed.GetRequiredValue(name)), MessageJson.Default.ChangeOneself, MessageJson.Default.Oneself, cancellation))));
        var zone = new Argument<string>("ZONE") { Description = "Such as Europe/Berlin, or UTC." };
        admin.Subcommands.Add(AdminCall.Ask("time-zone", "Mail of maintenance says its times in this zone from now on.", [zone], async (parsed, service, cancellation) => Describe(output, await service.SendOnceAsync(
            HttpMethod.Put, "/v1/me/time-zone", new ChangeTimeZone(parsed.GetRequiredValue(zone)), MessageJson.Default.ChangeTimeZone, MessageJson.Default.Oneself, cancellation))));
        admin.Subcommands.Add(Email(output));
        admin.Subcommands.Add(Authenticator(output));
        admin.Subcommands.Add(AdminCall.Ask("recovery-codes", "Other recovery codes; those before are worthless.", [], async (_, service, cancellation) =>
            Show(output, await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/me/recovery-codes", MessageJson.Default.RecoveryCodes, cancellation))));
        admin.Subcommands.Add(AdminCall.Ask("passkeys", "Your passkeys. They are added in a browser.", [], async (_, service, cancellation) =>
        {
            foreach (var passkey in (await service.GetAtAsync("/v1/me/passkeys", MessageJson.Default.PasskeyList, cancellation)).Passkeys)
            {
                output.Print($"{passkey.Id}  since {AdminVerb.At(passkey.CreatedAt)}  {passkey.Name}{(passkey.IsSynced ? " (kept in more than one place)" : "")}");
                output.Message("passkey", ("id", passkey.Id), ("name", passkey.Name), ("created_at", passkey.CreatedAt), ("synced", passkey.IsSynced));
            }
        }));
        admin.Subcommands.Add(Removal(output, "passkey", "remove", "Takes a passkey off.", "/v1/me/passkeys/", "`holdfast admin passkeys`"));
        admin.Subcommands.Add(AdminCall.Ask("sessions", "Where you are signed in, the latest first.", [], async (_, service, cancellation) =>
        {
            foreach (var session in (await service.GetAtAsync("/v1/me/sign-ins", MessageJson.Default.SignInList, cancellation)).SignIns)
            {
                output.Print($"{session.SignIn}  {AdminVerb.At(session.CreatedAt)}  used {AdminVerb.At(session.UsedAt)}  {session.Method}, {session.Address}, {session.Agent}{(session.IsCurrent ? " (this one)" : "")}");
                output.Message("session", ("id", session.SignIn), ("method", session.Method), ("created_at", session.CreatedAt), ("used_at", session.UsedAt), ("expires_at", session.ExpiresAt), ("address", session.Address),
                    ("agent", session.Agent), ("current", session.IsCurrent));
            }
        }));
        admin.Subcommands.Add(Removal(output, "session", "end", "Ends a session.", "/v1/me/sign-ins/", "`holdfast admin sessions`"));
    }

    private static Command Removal(Output output, string noun, string verb, string description, string path, string shownBy)
    {
        var id = new Argument<string>("id") { Description = $"As {shownBy} shows it." };
        return new Command(noun, description)
        {
            AdminCall.Act(output, verb, description, [id], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, path + AdminCall.Part(parsed, id), cancellation), "It is worthless now."),
        };
    }

    private static Command Email(Output output)
    {
        var (address, code) = (new Argument<string>("address") { Description = "The new one." }, new Argument<string>("code") { Description = "The code that was sent there." });
        return new Command("email", "Another address: `change` sends a code there, and it counts once `confirm` brought it back.")
        {
            AdminCall.Act(output, "change", "Sends a code to the new address. Needs a recent proof.", [address], (parsed, service, cancellation) => service.SendOnceAsync(
                HttpMethod.Post, "/v1/me/email", new ChangeEmail(parsed.GetRequiredValue(address)), MessageJson.Default.ChangeEmail, MessageJson.Default.Done, cancellation), "A code is on its way: `holdfast admin email confirm CODE`."),
            AdminCall.Act(output, "confirm", "The new address counts from now on.", [code], (parsed, service, cancellation) => service.SendOnceAsync(
                HttpMethod.Post, "/v1/me/email/confirmation", new ConfirmEmail(parsed.GetRequiredValue(code)), MessageJson.Default.ConfirmEmail, MessageJson.Default.Done, cancellation), "Sign in with it from now on."),
        };
    }

    private static Command Authenticator(Output output)
    {
        var code = new Argument<string>("code") { Description = "What the authenticator shows." };
        return new Command("authenticator", "Your second factor: `new` shows a key, `confirm CODE` turns it on and shows recovery codes, `remove` takes it off.")
        {
            AdminCall.Ask("new", "A key for an authenticator.", [], async (_, service, cancellation) =>
            {
                var key = await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/me/authenticator", MessageJson.Default.AuthenticatorKey, cancellation);
                output.Print($"{key.Key}\n{key.Link}");
                output.Message("authenticator", ("key", key.Key), ("link", key.Link));
            }),
            AdminCall.Ask("confirm", "A code of the new authenticator: from now on it is asked for.", [code], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(
                HttpMethod.Put, "/v1/me/authenticator", new ConfirmAuthenticator(parsed.GetRequiredValue(code)), MessageJson.Default.ConfirmAuthenticator, MessageJson.Default.RecoveryCodes, cancellation))),
            AdminCall.Act(output, "remove", "Takes the authenticator off.", [], (_, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/me/authenticator", cancellation), "It is not asked for any more."),
        };
    }

    private static void Show(Output output, RecoveryCodes recovery)
    {
        output.Say("Write these down; each works once, instead of the authenticator:");
        foreach (var code in recovery.Codes)
        {
            output.Print(code);
            output.Message("recovery_code", ("code", code));
        }
    }

    private static void Describe(Output output, Oneself oneself)
    {
        output.Print($"{oneself.Email} ({oneself.Name}){(oneself.OperatorRole is { } role ? $", {role} of the service" : "")}");
        if (oneself.TimeZone is { } zone)
        {
            output.Print($"  times in {zone}");
        }

        foreach (var membership in oneself.Memberships)
        {
            output.Print($"  {membership.Role} of {membership.Name} ({membership.Organisation})");
        }

        output.Message("person", ("person", oneself.Person), ("email", oneself.Email), ("name", oneself.Name), ("operator_role", oneself.OperatorRole), ("authenticator", oneself.HasAuthenticator), ("recovery_codes", oneself.RecoveryCodes), ("time_zone", oneself.TimeZone));
    }
}
