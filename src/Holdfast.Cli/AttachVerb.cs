using System.CommandLine;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Enrolling;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class AttachVerb
{
    public static Command Build(Output output)
    {
        var url = Flags.Text("--url", "The service's address, if it has another one now.");
        var command = new Command("attach", """
            After the service lost its databases and was rebuilt: looks at what came back, and confirms it.

            Backups go on without this: a computer is let in by its key. But until somebody with the passphrase or the recovery
            key has confirmed the account, nothing old is removed, and this computer reads only what it wrote itself.

            Examples:
              holdfast attach
              holdfast attach --url https://new.example.org
            """) { url };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(url) is { } address)
            {
                await MoveAsync(address, cancellation);
            }

            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);

            // A service that hides or rolls back something is not confirmed.
            account.View.VerifyChains((await session.Service.GetSnapshotsAsync(cancellation)).Select(snapshot => snapshot.Head));
            await Attachment.ConfirmAsync(session.Service, session.Computer, account.Keyring, cancellation);
            var snapshots = await account.SnapshotsAsync(cancellation);
            output.Say($"Account {session.Computer.AccountName} is confirmed: {snapshots.Count} snapshots.");
            foreach (var newest in snapshots.GroupBy(snapshot => snapshot.Computer).Select(group => group.MaxBy(snapshot => snapshot.ClientTime)!))
            {
                output.Say($"  {newest.Computer}: the newest is of {newest.ClientTime.ToLocalTime():yyyy-MM-dd HH:mm}");
            }

            foreach (var unreadable in account.Unreadable)
            {
                output.Print($"Snapshot {unreadable.Head.Sequence} of computer {unreadable.Head.Computer}: {unreadable.Failure.Message}");
            }

            output.Message("attached", ("account", session.Computer.Account.ToString()), ("computer", session.Computer.Number), ("snapshots", snapshots.Count), ("unreadable", account.Unreadable.Count));
            return account.Unreadable.Count == 0 ? ExitCode.Ok : ExitCode.Partial;
        });
        return command;
    }

    /// <summary>Keeps the new address only if the service there lets this computer in and shows the account that the root it pinned has signed: an address mistyped changes nothing.</summary>
    private static async Task MoveAsync(string address, CancellationToken cancellation)
    {
        var folders = ComputerFolders.FromEnvironment();
        var computer = await Attachment.AttachAsync(ComputerFile.Load(folders) with { ServiceUrl = address }, TimeProvider.System, Session.Random, cancellation);
        using (var service = new ServiceClient(address, computer.Account, computer.Token, TimeProvider.System))
        {
            await AccountView.LoadAsync(service, computer, Memory.Load(folders), cancellation);
        }

        ComputerFile.Save(folders, computer);
        computer.SigningKey.Dispose();
    }
}
