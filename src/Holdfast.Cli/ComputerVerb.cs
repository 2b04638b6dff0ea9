using System.CommandLine;
using Holdfast.Client.Enrolling;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class ComputerVerb
{
    public static Command Build(Output output)
    {
        var list = new Command("list", "Lists the account's computers, as its root certified them.");
        list.SetAction(async (_, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            var snapshots = (await account.SnapshotsAsync(cancellation)).ToLookup(snapshot => snapshot.Head.Computer);
            output.Say($"{"No",4}  {"Name",-24}  {"State",-8}  {"Snapshots",9}  Last backup");
            foreach (var computer in account.View.Log.Computers.Values.OrderBy(computer => computer.Number))
            {
                var last = snapshots[computer.Number].Select(snapshot => (DateTimeOffset?)snapshot.ReceivedAt).Max();
                output.Print($"{computer.Number,4}  {computer.Name,-24}  {(computer.IsRevoked ? "revoked" : computer.Number == session.Computer.Number ? "this one" : "in use"),-8}  {snapshots[computer.Number].Count(),9}  {last?.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture) ?? "never"}");
                output.Message("computer", ("computer", computer.Number), ("name", computer.Name), ("revoked", computer.IsRevoked), ("snapshots", snapshots[computer.Number].Count()), ("last_backup_at", last?.ToUnixTimeSeconds()));
            }

            return ExitCode.Ok;
        });

        var number = new Argument<uint>("number") { Description = "Its number in the list." };
        var revoke = new Command("revoke", """
            Takes a computer's rights away, for good: after a theft, say. Its snapshots stay and can be restored at the others. It may use for six hours what the service
            permitted it before; what it knows of the account's keys, whoever has it keeps.

            Example:
              holdfast computer revoke 3
            """) { number };
        revoke.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            await Revocation.RevokeAsync(account, session.Service, session.Computer.Number, parsed.GetRequiredValue(number), cancellation);
            output.Say($"Computer {parsed.GetRequiredValue(number)} is revoked.");
            output.Message("revoked", ("computer", parsed.GetRequiredValue(number)));
            return ExitCode.Ok;
        });
        return new Command("computer", "The account's computers, and taking one's rights away.") { list, revoke };
    }
}
