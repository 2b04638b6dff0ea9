using System.CommandLine;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin close|reopen|closures</c>: the end of an account.</summary>
internal static class ClosingVerbs
{
    public static void AddTo(Command command, Output output)
    {
        command.Subcommands.Add(Change(output, "close", """
            Has an account closed. At once it backs up nothing more; for the service's grace (30 days unless its operator says otherwise) everything can be restored, `holdfast export` fetches all of it,
            and `reopen` keeps the account. Then everything that is backed up there is deleted for good, keyrings first.
            Needs somebody who is signed in and showed two factors within the last ten minutes (`holdfast admin prove`).

            Example:
              holdfast admin close "Front desk"
            """, isClosing: true));
        command.Subcommands.Add(Change(output, "reopen", "Keeps an account that was to be closed, until its date has come.", isClosing: false));
        command.Subcommands.Add(Closures(output));
    }

    private static Command Change(Output output, string verb, string description, bool isClosing)
    {
        var account = AccountVerbs.Named();
        return AdminCall.Ask(verb, description, [account], async (parsed, service, cancellation) =>
        {
            var summary = await service.SendOnceAsync(HttpMethod.Put, $"/v1/accounts/{AdminCall.Part(parsed, account)}/closing",
                new SetClosing(isClosing), MessageJson.Default.SetClosing, MessageJson.Default.AccountSummary, cancellation);
            output.Print(summary.ClosesAt is { } at ? $"Account {summary.Name} backs up nothing more, and is deleted at {AdminVerb.At(at)}; until then it restores, and `holdfast admin reopen` keeps it." : $"Account {summary.Name} is {summary.State}.");
            output.Message("account", ("account", summary.Account), ("name", summary.Name), ("state", summary.State), ("closes_at", summary.ClosesAt));
        });
    }

    private static Command Closures(Output output) => AdminCall.List(
        "closures", "Accounts that are being closed, and the record of each that was.", "/v1/closures", MessageJson.Default.AccountClosures, page => (page.Closures, page.Next), closure => Show(output, closure));

    private static void Show(Output output, ClosureSummary closure)
    {
        var state = closure.WipedAt is { } wiped ? $"on no drive since {AdminVerb.At(wiped)}"
            : closure.DeletedAt is { } deleted ? $"deleted at {AdminVerb.At(deleted)}; drives have {closure.RecordsLeft} records to be wiped" : $"closes at {AdminVerb.At(Math.Max(closure.ClosesAt, TimeProvider.System.GetUtcNow().AddDays(closure.DaysLeft).ToUnixTimeSeconds()))}";
        output.Print($"{closure.Name,-32}  {state}  ({closure.AskedBy} asked at {AdminVerb.At(closure.AskedAt)}; {Units.Count(closure.Snapshots)} snapshots, {Units.Bytes(closure.Bytes)})");
        output.Message("closure", ("account", closure.Account), ("name", closure.Name), ("asked_by", closure.AskedBy), ("asked_at", closure.AskedAt), ("closes_at", closure.ClosesAt), ("deleted_at", closure.DeletedAt),
            ("wiped_at", closure.WipedAt), ("records_left", closure.RecordsLeft), ("objects", closure.Objects), ("bytes", closure.Bytes), ("snapshots", closure.Snapshots), ("computers", closure.Computers), ("days_left", closure.DaysLeft));
    }
}
