using System.CommandLine;
using System.Security.Cryptography;
using Holdfast.Client;
using Holdfast.Client.Computers;
using Holdfast.Client.Drilling;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class DrillVerb
{
    private const int FilesMax = 10_000;

    public static Command Build(Output output)
    {
        var files = new Option<int>("--files") { Description = "How many files to restore.", DefaultValueFactory = _ => 20 };
        var seed = new Option<long?>("--seed") { Description = "Chooses the files; the same seed chooses the same ones again. Random if not given." };
        var every = new Option<int?>("--every") { Description = "Does nothing if this computer made a drill within so many days: for a line that runs each day." };
        var command = new Command("drill", """
            Restores random files to a scratch directory, compares them, and keeps the evidence.

            The files are of the newest snapshot of each computer and of some older ones. Each is restored as `restore` does it, and compared with
            the file on this computer if that is unchanged. The evidence stays here; the service keeps the sum, signed by this computer.

            Examples:
              holdfast drill
              holdfast drill --files 200 --json
              holdfast backup /home && HOLDFAST_PASSPHRASE_FILE=/root/.holdfast-passphrase holdfast drill --every 30   # each night, by cron
            """) { files, seed, every };
        command.Validators.Add(result =>
        {
            if (result.GetResult(files) is { Implicit: false } && result.GetValue(files) is < 1 or > FilesMax)
            {
                result.AddError($"--files is 1 to {FilesMax}.");
            }

            if (result.GetResult(every) is { Implicit: false } && result.GetValue(every) is < 1)
            {
                result.AddError("--every is 1 day or more.");
            }
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            if (parsed.GetValue(every) is { } days && Drill.LastOf(session.Folders) is { } last && TimeProvider.System.GetUtcNow() - last < TimeSpan.FromDays(days))
            {
                output.Say($"The last drill was made {Units.Age(TimeProvider.System.GetUtcNow() - last)} ago; the next is due behind {days} days.");
                output.Message("not_due", ("last", last.ToUnixTimeSeconds()));
                return ExitCode.Ok;
            }

            using var account = await session.OpenAccountAsync(cancellation);
            var drill = new Drill(account, session.Computer, session.Folders, session.Service, TimeProvider.System);
            using var only = LocalLock.Take(session.Folders, "drill.lock", "Another drill of this computer is running.");

            // What one that was killed left behind goes first.
            var scratch = Path.Combine(session.Folders.Cache, "drill");
            Remove(scratch);
            DrillEvidence evidence;
            try
            {
                await using (ProgressLine.Start(output, elapsed => $"{Units.Time(elapsed)}  {Units.Count(drill.Progress.Files)} of {parsed.GetValue(files)} files  {Units.Bytes(drill.Progress.Bytes)} restored", TimeProvider.System))
                {
                    evidence = await drill.RunAsync(new DrillOptions(parsed.GetValue(files), parsed.GetValue(seed) ?? RandomNumberGenerator.GetInt32(int.MaxValue), scratch), cancellation);
                }
            }
            finally
            {
                Remove(scratch);
            }

            output.Troubles(drill.Progress.Troubles);
            Report(output, evidence);
            return evidence.Failures == 0 ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }

    private static void Remove(string scratch)
    {
        if (Directory.Exists(scratch))
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    private static void Report(Output output, DrillEvidence evidence)
    {
        foreach (var file in evidence.Files.Where(file => file.Result is DrillResult.Lost or DrillResult.Different))
        {
            output.Print($"{file.Snapshot} {file.Path}: {(file.Result == DrillResult.Lost ? $"could not be restored: {file.Reason}" : "differs from the file on this computer, which says it is unchanged")}");
        }

        var identical = evidence.Files.Count(file => file.Result == DrillResult.Identical);
        output.Say($"{evidence.Files.Count - evidence.Failures} of {evidence.Files.Count} files of {evidence.Snapshots.Count} snapshots, {Units.Bytes(evidence.Files.Sum(file => file.Size))}, were restored; "
            + $"{identical} are unchanged here and identical. Seed {evidence.Seed}; evidence: {evidence.File}");
        output.Message("summary", ("files", evidence.Files.Count), ("identical", identical), ("failures", evidence.Failures), ("bytes", evidence.Files.Sum(file => file.Size)),
            ("snapshots", evidence.Snapshots.Count), ("seed", evidence.Seed), ("evidence", evidence.File), ("seconds", evidence.EndedAt - evidence.StartedAt));
    }
}
