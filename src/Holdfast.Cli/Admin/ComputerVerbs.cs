using System.CommandLine;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>An account's computers: renamed, replaced, retired.</summary>
internal static class ComputerVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(Computers(output));
        admin.Subcommands.Add(Computer(output));
    }

    private static Command Computers(Output output)
    {
        var account = AccountVerbs.Named();
        return AdminCall.Ask("computers", "An account's computers, and when each backed up last.", [account], async (parsed, service, cancellation) =>
        {
            var computers = await service.ListAsync($"/v1/accounts/{AdminCall.Part(parsed, account)}/computers", MessageJson.Default.ComputerList, page => (page.Computers, page.Next), cancellation);
            output.Say($"{"No",4}  {"Name",-24}  {"State",-8}  {"Enrolled",-19}  Last backup");
            foreach (var computer in computers)
            {
                Show(output, computer);
            }
        });
    }

    private static Command Computer(Output output)
    {
        var newName = new Argument<string>("new-name") { Description = "What it shall be called." };
        var replaced = new Argument<uint>("replaced") { Description = "The number of the one whose place it takes." };
        return new Command("computer", "Changes one computer of an account.")
        {
            Change("rename", "Gives a computer another name.", parsed => new ChangeComputer(parsed.GetRequiredValue(newName)), newName),
            Change("replace", "This is the new computer of somebody: it takes another's place, which is retired; that one's history is its own too.", parsed => new ChangeComputer(Replaces: parsed.GetRequiredValue(replaced)), replaced),
            Change("retire", "A computer is not used any more: its snapshots stay, and nobody waits for its backups.", _ => new ChangeComputer(Retired: true)),
            Change("reinstate", "Takes a computer's retirement back.", _ => new ChangeComputer(Retired: false)),
        };

        Command Change(string verb, string description, Func<ParseResult, ChangeComputer> change, params Argument[] more)
        {
            var (account, number) = (AccountVerbs.Named(), new Argument<uint>("computer") { Description = "Its number, as `holdfast admin computers` shows it." });
            return AdminCall.Ask(verb, description, [account, number, .. more], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(
                HttpMethod.Patch, $"/v1/accounts/{AdminCall.Part(parsed, account)}/computers/{parsed.GetRequiredValue(number)}", change(parsed), MessageJson.Default.ChangeComputer, MessageJson.Default.ComputerSummary, cancellation)));
        }
    }

    private static void Show(Output output, ComputerSummary computer)
    {
        var state = computer.Revoked ? "revoked" : computer.Retired ? "retired" : computer.Rights == "Waiting" ? "waiting" : "in use";
        output.Print($"{computer.Computer,4}  {computer.Name,-24}  {state,-8}  {AdminVerb.At(computer.CreatedAt)}  {(computer.LastBackupAt is { } last ? $"{AdminVerb.At(last)} ({Units.Age(TimeProvider.System.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(last))} ago)" : "never")}{(computer.Replaces is { } before ? $"  in the place of {before}" : "")}");
        output.Message("computer", ("computer", computer.Computer), ("name", computer.Name), ("state", state), ("created_at", computer.CreatedAt), ("last_backup_at", computer.LastBackupAt), ("replaces", computer.Replaces));
    }
}
