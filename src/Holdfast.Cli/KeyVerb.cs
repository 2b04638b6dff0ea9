using System.CommandLine;
using System.Globalization;
using Holdfast.Client;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class KeyVerb
{
    public static Command Build(Output output)
    {
        var list = new Command("list", "Lists the ways to open the account.");
        list.SetAction((_, cancellation) => WithAsync(slots =>
        {
            foreach (var slot in slots.List())
            {
                output.Print($"{slot.Number,4}  {slot.Kind,-12}  {slot.Name}");
                output.Message("slot", ("number", slot.Number), ("kind", slot.Kind), ("name", slot.Name));
            }

            return Task.CompletedTask;
        }, cancellation));

        var name = Flags.Text("--name", "What to call it in the list.");
        var add = new Command("add", "Adds a passphrase (HOLDFAST_NEW_PASSPHRASE, or asked for).") { name };
        add.SetAction((parsed, cancellation) => WithAsync(async slots =>
        {
            await slots.AddAsync(Secrets.Ask("New passphrase: ", twice: true, "HOLDFAST_NEW_PASSPHRASE"), parsed.GetValue(name) ?? "passphrase", cancellation);
            output.Say("The passphrase was added.");
        }, cancellation));

        var number = new Argument<uint>("number") { Description = "The slot's number in the list." };
        var remove = new Command("remove", "Removes a way to open the account. Who copied the keyring and knows it keeps what he has.") { number };
        remove.SetAction((parsed, cancellation) => WithAsync(async slots =>
        {
            await slots.RemoveAsync(parsed.GetRequiredValue(number), cancellation);
            output.Say(string.Create(CultureInfo.InvariantCulture, $"Slot {parsed.GetRequiredValue(number)} was removed."));
        }, cancellation));

        var recovery = new Command("recovery", "Makes one more recovery key and shows it once.");
        recovery.SetAction((_, cancellation) => WithAsync(async slots =>
        {
            var key = await slots.AddRecoveryKeyAsync(cancellation);
            output.Print(key);
            output.Message("recovery_key", ("key", key));
        }, cancellation));
        return new Command("key", "Passphrases and recovery keys of the account, and whether the operator's escrow key opens it.") { list, add, remove, recovery, Escrow(output) };
    }

    private static Command Escrow(Output output)
    {
        var accept = new Option<string?>("--accept") { Description = "The key's fingerprint, as your operator told it to you by another way." };
        var command = new Command("escrow", """
            Lets the operator's escrow key open this account, so that the operator can prepare restores for you. Without --accept it only shows the key that is offered.

            Whoever holds that key can then read everything that is backed up here, without your passphrase. `key remove` takes that back for what is stored later; who copied the keyring
            before keeps what he has. An account that nobody agreed to this for stays closed to everybody without its passphrase or recovery key.

            Examples:
              holdfast key escrow
              holdfast key escrow --accept 1f0c-3a9b-77d2-0e41-8b6a-c9d3-5e02-f7a4
            """) { accept };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            var offered = await session.Service.GetEscrowKeyAsync(cancellation);
            if (parsed.GetValue(accept) is not { } fingerprint)
            {
                output.Print(Format.Keyrings.EscrowFingerprint.Of(offered.PublicKey));
                output.Message("escrow_key", ("fingerprint", Format.Keyrings.EscrowFingerprint.Of(offered.PublicKey)));
                output.Say("Compare it with what your operator told you by another way, then run this again with --accept.");
                return ExitCode.Ok;
            }

            using var account = await session.OpenAccountAsync(cancellation);
            await new KeySlots(account, session.Service, Session.Random).AddEscrowAsync(offered.PublicKey, fingerprint, cancellation);
            output.Say($"The escrow key {fingerprint} opens the account now.");
            output.Message("escrow_accepted", ("fingerprint", fingerprint));
            return ExitCode.Ok;
        });
        return command;
    }

    private static async Task<int> WithAsync(Func<KeySlots, Task> action, CancellationToken cancellation)
    {
        using var session = Session.Open();
        using var account = await session.OpenAccountAsync(cancellation);
        await action(new KeySlots(account, session.Service, Session.Random));
        return ExitCode.Ok;
    }
}
