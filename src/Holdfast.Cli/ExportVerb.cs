using System.CommandLine;
using System.Globalization;
using Holdfast.Client;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class ExportVerb
{
    public static Command Build(Output output)
    {
        var target = new Argument<string>("directory") { Description = "Where to; each computer gets a folder of its own below it." };
        var all = Flags.Switch("--all", "Every snapshot, in a folder named after its time; otherwise the latest of each computer.");
        var command = new Command("export", """
            Fetches everything of the account, of all its computers: before it is closed, or to take it elsewhere.

            Examples:
              holdfast export /mnt/disk/export
              holdfast export /mnt/disk/export --all
            """) { target, all };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            var snapshots = (await account.SnapshotsAsync(cancellation)).GroupBy(snapshot => snapshot.Head.Computer).SelectMany(computer => parsed.GetValue(all) ? computer.AsEnumerable() : [computer.MaxBy(snapshot => snapshot.Head.Sequence)!]).ToList();
            var (troubles, progress) = (0, new RestoreProgress());
            for (var i = 0; i < snapshots.Count; i++)
            {
                var (snapshot, number) = (snapshots[i], i + 1);
                var folder = Path.Combine(Path.GetFullPath(parsed.GetRequiredValue(target)), FolderOf(snapshot), parsed.GetValue(all) ? $"{snapshot.ReceivedAt.UtcDateTime:yyyy-MM-dd'T'HHmmss}Z-{snapshot.ShortId}" : "");
                progress = new RestoreProgress();
                Directory.CreateDirectory(folder);
                await using (ProgressLine.Start(output, elapsed => string.Create(CultureInfo.InvariantCulture,
                    $"{number} of {snapshots.Count}  {Units.Time(elapsed)}  {Units.Count(progress.Files)} files, {Units.Bytes(progress.Bytes)} of {Units.Bytes(snapshot.Body.Bytes)}"), TimeProvider.System))
                {
                    await new Restore(account).RunAsync(snapshot, new RestoreOptions { Target = folder }, progress, cancellation);
                }

                troubles += progress.Troubles.Count;
                output.Troubles(progress.Troubles);
                output.Say($"{folder}: {Units.Count(progress.Files)} files, {Units.Bytes(progress.Bytes)}, as of {snapshot.ReceivedAt.ToLocalTime():yyyy-MM-dd HH:mm:ss}.");
                output.Message("exported", ("snapshot_id", Convert.ToHexStringLower(snapshot.Head.Id)), ("computer", snapshot.Computer), ("folder", folder), ("files", progress.Files), ("bytes", progress.Bytes));
            }

            foreach (var unreadable in account.Unreadable)
            {
                output.Failure(unreadable.Failure.Kind, $"Snapshot {unreadable.Head.Sequence} of computer {unreadable.Head.Computer}: {unreadable.Failure.Message}");
            }

            output.Say($"{snapshots.Count} snapshots. Every chunk was proved.");
            return account.Unreadable.Count > 0 ? ExitCode.Failed : troubles > 0 ? ExitCode.Partial : ExitCode.Ok;
        });
        return command;
    }

    /// <summary>The computer's number, and as much of its name as any file system takes.</summary>
    private static string FolderOf(OpenedSnapshot snapshot) =>
        $"{snapshot.Head.Computer}-{new string([.. snapshot.Computer.Take(60).Select(letter => char.IsLetterOrDigit(letter) || letter is '-' or '_' or '.' ? letter : '_')])}";
}
