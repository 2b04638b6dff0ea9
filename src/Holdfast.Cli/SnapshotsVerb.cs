using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class SnapshotsVerb
{
    public static Command Build(Output output)
    {
        var tag = Flags.Text("--tag", "Only snapshots with this tag.");
        var host = Flags.Text("--host", "Only snapshots of this host.", "-H");
        var command = new Command("snapshots", "Lists snapshots, oldest first. The ages shown are the service's time of receipt.") { tag, host };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            var snapshots = (await account.SnapshotsAsync(cancellation)).Where(snapshot =>
                (parsed.GetValue(tag) is not { } wanted || snapshot.Body.Tags.Contains(wanted)) && (parsed.GetValue(host) is not { } name || snapshot.Body.Host == name)).ToList();
            output.Say($"{"ID",-8}  {"Received",-19}  {"Computer",-16}  {"Files",10}  {"Size",10}  Paths");
            foreach (var snapshot in snapshots)
            {
                var paths = snapshot.Body.Paths.Select(path => Encoding.UTF8.GetString(path)).ToList();
                output.Print($"{snapshot.ShortId,-8}  {snapshot.ReceivedAt.ToLocalTime():yyyy-MM-dd HH:mm:ss}  {snapshot.Computer,-16}  {Units.Count((long)snapshot.Body.Files),10}  "
                    + $"{Units.Bytes(snapshot.Body.Bytes),10}  {string.Join(", ", paths)}{(snapshot.Body.Tags.Count > 0 ? $"  [{string.Join(", ", snapshot.Body.Tags)}]" : "")}"
                    + (snapshot.IsTimeDoubtful ? $"  (its computer's clock said {snapshot.ClientTime.ToLocalTime():yyyy-MM-dd HH:mm})" : ""));
                output.Message("snapshot",
                    ("snapshot_id", Convert.ToHexStringLower(snapshot.Head.Id)), ("received", snapshot.ReceivedAt.ToString("O", CultureInfo.InvariantCulture)),
                    ("computer", snapshot.Computer), ("host", snapshot.Body.Host), ("paths", new JsonArray([.. paths.Select(path => (JsonNode)path)])),
                    ("tags", new JsonArray([.. snapshot.Body.Tags.Select(text => (JsonNode)text)])), ("files", snapshot.Body.Files), ("bytes", snapshot.Body.Bytes), ("unread", snapshot.Body.Unread),
                    ("client_time", snapshot.ClientTime.ToString("O", CultureInfo.InvariantCulture)), ("time_doubtful", snapshot.IsTimeDoubtful));
            }

            foreach (var unreadable in account.Unreadable)
            {
                output.Failure(unreadable.Failure.Kind, $"Snapshot {Convert.ToHexStringLower(unreadable.Head.Id.AsSpan(0, 4))} of computer {unreadable.Head.Computer}: {unreadable.Failure.Message}");
            }

            return account.Unreadable.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }
}
