using System.CommandLine;
using System.Globalization;
using Holdfast.Client;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class RestoreVerb
{
    public static Command Build(Output output)
    {
        var snapshot = new Argument<string>("snapshot") { Description = "A snapshot's id, its first digits, or latest." };
        var target = new Option<string>("--target", "-t") { Description = "Where to restore to; the snapshot's absolute paths appear below it.", Required = true };
        var include = Flags.List("--include", "Restores only this path and what is below it; several are allowed.", "-i");
        var command = new Command("restore", """
            Restores a snapshot, or parts of it.

            Examples:
              holdfast restore latest --target /tmp/restored
              holdfast restore 1f0c3a9b --target / --include /home/me/letter.txt
            """) { snapshot, target, include };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            var opened = await account.FindSnapshotAsync(parsed.GetRequiredValue(snapshot), cancellation);
            var progress = new RestoreProgress();
            var started = TimeProvider.System.GetTimestamp();
            var options = new RestoreOptions { Target = Path.GetFullPath(parsed.GetRequiredValue(target)), Include = parsed.GetRequiredValue(include) };
            await using (ProgressLine.Start(output, elapsed => Describe(progress, opened, elapsed) + ThrottleNotice.OnLine(session.Service.ReadThrottle, TimeProvider.System), TimeProvider.System))
            {
                await new Restore(account).RunAsync(opened, options, progress, cancellation);
            }

            var elapsed = TimeProvider.System.GetElapsedTime(started);
            output.Troubles(progress.Troubles);
            output.Say($"Restored {Units.Count(progress.Files)} files, {Units.Count(progress.Directories)} directories and {Units.Count(progress.Others)} others, "
                + $"{Units.Bytes(progress.Bytes)}, to {options.Target} in {Units.Time(elapsed)}. Every chunk was proved.");
            ThrottleNotice.Tell(output, session.Service.ReadThrottle, TimeProvider.System);
            output.Message("summary", ("files", progress.Files), ("directories", progress.Directories), ("others", progress.Others), ("bytes", progress.Bytes),
                ("troubles", progress.Troubles.Count), ("seconds", elapsed.TotalSeconds));
            return progress.Troubles.Count == 0 ? ExitCode.Ok : ExitCode.Partial;
        });
        return command;
    }

    private static string Describe(RestoreProgress progress, OpenedSnapshot snapshot, TimeSpan elapsed)
    {
        var share = snapshot.Body.Bytes == 0 ? 1 : Math.Min(1, progress.Bytes / (double)snapshot.Body.Bytes);
        var left = share > 0.02 ? $", {Units.Time(elapsed * ((1 - share) / share))} left" : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{Units.Bar(share)}  {Units.Time(elapsed)}{left}  {Units.Count(progress.Files)} files, {Units.Bytes(progress.Bytes)} of {Units.Bytes(snapshot.Body.Bytes)}");
    }
}
