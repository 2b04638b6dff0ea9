using System.CommandLine;
using System.IO.Enumeration;
using System.Text;
using Holdfast.Client;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class FindVerb
{
    public static Command Build(Output output)
    {
        var pattern = new Argument<string>("pattern") { Description = "A name; * stands for any letters, ? for one." };
        var snapshot = new Option<string?>("--snapshot", "-s") { Description = "Only in this snapshot (its id, its first digits, or latest); in all of them unless given, the newest first." };
        var path = new Option<string?>("--path") { Description = "Only below this path." };
        var ignoreCase = Flags.Switch("--ignore-case", "Capital and small letters are the same.", "-i");
        var command = new Command("find", """
            Finds entries by their names, in one snapshot or in all that there are.

            Examples:
              holdfast find letter.txt
              holdfast find '*.jpg' --ignore-case --snapshot latest --path /home/me
            """) { pattern, snapshot, path, ignoreCase };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            IEnumerable<OpenedSnapshot> snapshots = parsed.GetValue(snapshot) is { } one ? [await account.FindSnapshotAsync(one, cancellation)] : (await account.SnapshotsAsync(cancellation)).Reverse();
            var found = 0L;
            foreach (var each in snapshots)
            {
                var isFirst = true;
                await foreach (var (directory, entry) in new SnapshotListing(account).EntriesAsync(each, parsed.GetValue(path), cancellation))
                {
                    if (!FileSystemName.MatchesSimpleExpression(parsed.GetRequiredValue(pattern), Encoding.UTF8.GetString(entry.Name), parsed.GetValue(ignoreCase)))
                    {
                        continue;
                    }

                    if (isFirst)
                    {
                        output.Say($"Snapshot {each.ShortId} of {each.Computer}, {each.ReceivedAt.ToLocalTime():yyyy-MM-dd HH:mm:ss}:");
                        isFirst = false;
                    }

                    LsVerb.Print(output, [.. directory, (byte)'/', .. entry.Name], entry, Convert.ToHexStringLower(each.Head.Id));
                    found++;
                }
            }

            if (found == 0)
            {
                output.Say("There is nothing of that name.");
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
