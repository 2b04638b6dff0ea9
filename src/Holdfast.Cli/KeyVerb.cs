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
        return new Command("key", "Passphrases and recovery keys of the account.") { list, add, remove, recovery };
    }

    private static async Task<int> WithAsync(Func<KeySlots, Task> action, CancellationToken cancellation)
    {
        using var session = Session.Open();
        using var account = await session.OpenAccountAsync(cancellation);
        await action(new KeySlots(account, session.Service, Session.Random));
        return ExitCode.Ok;
    }
}
