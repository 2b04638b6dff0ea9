using System.CommandLine;
using System.Globalization;
using System.Text;
using Holdfast.Client.Computers;
using Holdfast.Permissions;
using Holdfast.Permissions.Applying;
using Holdfast.Permissions.Estimating;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

/// <summary>Changes permissions of whole trees, of any tree on this machine.</summary>
internal static class PermissionsVerb
{
    public static Command Build(Output output)
    {
        var command = new Command("permissions", """
            Changes the permissions of whole trees, missing nothing: journalled, resumable, verified, and never with more than 20 threads.

            Only what differs is written; no symbolic link is followed; mount points are left alone. A second pass looks whether anything was missed.

            Examples:
              holdfast permissions apply /srv/data --mode u=rwX,g=rX,o= --owner backup --group backup
              holdfast permissions apply /srv/data --rules rules.txt --dry-run
              holdfast permissions apply /srv/data --map-owners owners.txt
              holdfast permissions resume /srv/data
              holdfast permissions resume /srv/data --threads 1     a run that is under way goes on with one thread
              holdfast permissions verify /srv/data --mode u=rwX,g=rX,o=

            A rule, in a file of rules (a line each; for each of mode, owner, group and acl the last that fits counts):
              *.sh         type=file       mode=u+x
              /shared/**   type=directory  group=staff mode=g+ws
              "/with blank/\xff*"          owner=0

            A map of owners, for a tree that comes from another server (a line each):
              user 1000 2000
              group users 100
            """);
        command.Subcommands.Add(Apply(output));
        command.Subcommands.Add(Resume(output));
        command.Subcommands.Add(Verify(output));
        command.Subcommands.Add(Estimate(output));
        return command;
    }

    private static Command Apply(Output output)
    {
        var (wanted, run) = (new WantedFlags(), new RunFlags());
        var dry = Flags.Switch("--dry-run", "Only counts what would be changed.");
        var restart = Flags.Switch("--restart", "Forgets a run of this tree that was begun and has not ended.");
        var command = new Command("apply", "Changes what differs, then looks whether anything was missed.") { run.Tree, dry, restart, run.Threads, run.Journal };
        wanted.AddTo(command);
        command.SetAction((parsed, cancellation) => RunAsync(output, () =>
        {
            var settings = wanted.Read(parsed, parsed.GetRequiredValue(run.Tree));
            return parsed.GetValue(dry)
                ? PermissionChange.Try(settings, TimeProvider.System)
                : PermissionChange.Begin(settings, run.JournalPath(parsed), run.JournalPath(parsed) + ".maps", parsed.GetValue(restart), TimeProvider.System);
        }, run.ReadThreads(parsed), parsed.GetValue(dry) ? null : new ThreadsFile(run.JournalPath(parsed)), wrong: null, cancellation));
        return command;
    }

    private static Command Resume(Output output)
    {
        var run = new RunFlags();
        var command = new Command("resume", "Goes on with a run that was interrupted. With --threads, and if the run is under way, that goes on with so many threads.") { run.Tree, run.Threads, run.Journal };
        command.SetAction(async (parsed, cancellation) =>
        {
            var (threads, file) = (run.ReadThreads(parsed), new ThreadsFile(run.JournalPath(parsed)));
            try
            {
                return await RunAsync(output, () => PermissionChange.Resume(parsed.GetRequiredValue(run.Tree), run.JournalPath(parsed), TimeProvider.System), threads, file, wrong: null, cancellation);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.AlreadyRunning && threads is not null)
            {
                file.Write(threads.Value);
                output.Say($"The run is under way, and goes on with at most {threads.Value} {(threads.Value == 1 ? "thread" : "threads")}.");
                output.Message("threads", ("threads", threads.Value));
                return ExitCode.Ok;
            }
        });
        return command;
    }

    private static Command Verify(Output output)
    {
        var (wanted, run) = (new WantedFlags(), new RunFlags());
        var command = new Command("verify", "Looks whether everything is as it should be, and lists what is not; changes nothing.") { run.Tree, run.Threads };
        wanted.AddTo(command);
        command.SetAction((parsed, cancellation) => RunAsync(output, () => PermissionChange.Try(wanted.Read(parsed, parsed.GetRequiredValue(run.Tree)), TimeProvider.System), run.ReadThreads(parsed), file: null,
            path =>
            {
                var (text, exact) = Paths.Show(path);
                output.Print($"{text}: differs");
                output.Message("difference", ("path", text), ("path_b64", exact));
            }, cancellation));
        return command;
    }

    private static Command Estimate(Output output)
    {
        var (wanted, run) = (new WantedFlags(), new RunFlags());
        var command = new Command("estimate", "Says how long a change would take, by what earlier ones took on this kind of file system; looks at everything, and changes nothing.") { run.Tree };
        wanted.AddTo(command);
        command.SetAction(async (parsed, cancellation) =>
        {
            var tree = parsed.GetRequiredValue(run.Tree);
            var (report, medium) = await RunAsync(output, () => PermissionChange.Try(wanted.Read(parsed, tree), TimeProvider.System), new ThreadLimit(), file: null, wrong: null, (change, report) => (report, change.Medium), cancellation);
            var earlier = PermissionActuals.Read(ActualsPath).Where(actuals => actuals.Medium == medium).ToList();
            output.Say($"{Units.Count(report.Entries)} entries, {Units.Count(report.Changed)} to be changed; looking at all of them took {Units.Time(report.Worked)} ({medium.FileSystem}).");
            foreach (var threads in new[] { 1, ThreadLimit.Most })
            {
                var estimate = PermissionEstimate.Of(report.Entries, report.Changed, report.Worked, [.. earlier.Where(actuals => actuals.ThreadsAllowed == threads)]);
                var how = threads == 1 ? "With one thread" : "With as many threads as pay, at most 20";
                output.Say(estimate is { Half: { } half, NineTenths: { } most }
                    ? $"{how}: {Units.Time(half)}, and in nine of ten cases no more than {Units.Time(most)} (by {estimate.Runs} earlier runs, passes that verify included)."
                    : $"{how}: not known; no such run on {medium.FileSystem} was made here yet. It takes no less than {Units.Time(report.Worked * 2)}.");
                output.Message("estimate", ("entries", report.Entries), ("to_change", report.Changed), ("threads", threads), ("seconds_p50", estimate.Half?.TotalSeconds), ("seconds_p90", estimate.NineTenths?.TotalSeconds), ("runs", estimate.Runs));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static string ActualsPath => Path.Combine(ComputerFolders.FromEnvironment().State, "permissions", "actuals.jsonl");

    private static async Task<int> RunAsync(Output output, Func<PermissionChange> open, ThreadLimit? threads, ThreadsFile? file, Action<byte[]>? wrong, CancellationToken cancellation)
    {
        var limit = threads ?? new ThreadLimit();
        var allowed = limit.Value;
        return await RunAsync(output, open, limit, file, wrong, (change, report) =>
        {
            if (file is not null)
            {
                var ended = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
                new PermissionActuals(change.Settings.Tree, ended, report.Entries, report.Changed, report.Passes, report.Worked.TotalSeconds, allowed, report.ThreadsMost, change.Medium).AppendTo(ActualsPath);
            }

            return Show(output, report, isDry: file is null, isVerify: wrong is not null);
        }, cancellation);
    }

    /// <summary>Runs it, and does something with the report while the journal is open, from which failures are read.</summary>
    private static async Task<T> RunAsync<T>(
        Output output, Func<PermissionChange> open, ThreadLimit limit, ThreadsFile? file, Action<byte[]>? wrong, Func<PermissionChange, PermissionReport, T> end, CancellationToken cancellation)
    {
        try
        {
            using var change = open();
            PermissionReport report;
            await using (ProgressLine.Start(output, elapsed => Describe(change.Progress, elapsed), TimeProvider.System))
            await using (file?.Watch(limit))
            {
                report = await Task.Factory.StartNew(() => change.Run(limit, wrong, cancellation), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }

            return end(change, report);
        }
        catch (PermissionException exception)
        {
            throw new HoldfastException(Kind(exception.Problem), exception.Message, exception);
        }
    }

    private static int Show(Output output, PermissionReport report, bool isDry, bool isVerify)
    {
        long failures = 0;
        foreach (var failure in report.Failures)
        {
            failures++;
            var (text, exact) = Paths.Show(failure.Path);
            if (!output.IsJson)
            {
                Console.Error.WriteLine($"holdfast: {text}: {failure.Reason}");
            }

            output.Message("error", ("path", text), ("path_b64", exact), ("errno", (int)failure.Error), ("message", failure.Reason));
        }

        var last = report.Last;
        output.Say(string.Create(CultureInfo.InvariantCulture, $"{Units.Count(report.Entries)} entries, {Units.Count(report.Changed)} {(isVerify ? "differ" : isDry ? "would be changed" : "changed")}, {Units.Count(failures)} failed, in {Units.Time(report.Worked)} with at most {report.ThreadsMost} threads."));
        if (last.MountPoints > 0)
        {
            output.Say($"{Units.Count(last.MountPoints)} mount points were left alone; --cross-mounts goes over them too.");
        }

        if (report.IsHalted)
        {
            output.Say("The map sends numbers in circles, and the first of its two steps could not be done for all entries, so the second was not begun: mend what failed, then `holdfast permissions resume`.");
        }
        else if (!isDry)
        {
            output.Say(report.IsVerified
                ? $"Verified by pass {report.Passes}: everything is as it should be{(failures > 0 ? " but for what failed" : "")}.{(report.Missed > 0 ? $" {Units.Count(report.Missed)} entries appeared or changed meanwhile, and were changed by a later pass." : "")}"
                : $"Not verified: after {report.Passes} passes others still change the tree ({Units.Count(last.Changed)} changed and {Units.Count(last.Vanished)} vanished in the last one). Run it again when the tree is quiet.");
        }

        output.Message("summary", ("entries", report.Entries), ("changed", report.Changed), ("missed", report.Missed), ("failed", failures), ("vanished", last.Vanished), ("mount_points", last.MountPoints),
            ("verified", report.IsVerified), ("passes", report.Passes), ("threads_most", report.ThreadsMost), ("seconds", report.Worked.TotalSeconds));
        return failures > 0 || (isVerify && report.Changed > 0) || (!isDry && !report.IsVerified) ? ExitCode.Partial : ExitCode.Ok;
    }

    private static string Describe(PermissionProgress progress, TimeSpan elapsed) =>
        $"{Units.Bar(progress.Share)}  {(progress.Pass == 1 ? "changing" : "verifying")}{(progress.Steps > 1 ? $" (step {progress.Step} of {progress.Steps})" : "")}  {Units.Count(progress.Counts.Total)} entries  {Units.Count(progress.Counts.Changed)} changed  {Units.Count(progress.Counts.Failed)} failed  {progress.Threads} threads  {Units.Time(elapsed)}{(progress.Left is { } left ? $"  about {Units.Time(left)} left" : "")}";

    private static FailureKind Kind(PermissionProblem problem) => problem switch
    {
        PermissionProblem.Running => FailureTable.AlreadyRunning,
        PermissionProblem.NoJournal or PermissionProblem.Ended => FailureTable.NotFound,
        PermissionProblem.Full => FailureTable.LocalDiskFull,
        PermissionProblem.DamagedJournal or PermissionProblem.ReadOnly => FailureTable.LocalState,
        _ => FailureTable.InvalidRequest,
    };

    /// <summary>What everything is to be.</summary>
    private sealed class WantedFlags
    {
        private readonly Option<string?> _mode = Flags.Text("--mode", "Octal or symbolic, as chmod takes it: 0750, u=rwX,g=rX,o=.");
        private readonly Option<string?> _owner = Flags.Text("--owner", "A user, by name or number. As with chown, set-id bits of files fall unless --mode names them.");
        private readonly Option<string?> _group = Flags.Text("--group", "A group, by name or number.");
        private readonly Option<string?> _list = Flags.Text("--acl", "An access list, as setfacl --set takes it: u::rwX,u:alice:rX,g::rX,o::-; d: before what a directory's new entries inherit; or none.");
        private readonly Option<string?> _rules = Flags.Text("--rules", "A file of rules by pattern and type.");
        private readonly Option<string?> _map = Flags.Text("--map-owners", "A file that says which owners and groups become which. Set-id bits and capabilities stay.");
        private readonly Option<bool> _mounts = Flags.Switch("--cross-mounts", "Goes over mount points too.");

        public void AddTo(Command command)
        {
            foreach (var option in new Option[] { _mode, _owner, _group, _list, _rules, _map, _mounts })
            {
                command.Options.Add(option);
            }
        }

        public PermissionSettings Read(ParseResult parsed, string tree) => new()
        {
            Tree = Path.GetFullPath(tree),
            Mode = parsed.GetValue(_mode),
            Owner = parsed.GetValue(_owner),
            Group = parsed.GetValue(_group),
            AccessList = parsed.GetValue(_list),
            Rules = ReadFile(parsed.GetValue(_rules)),
            OwnerMap = ReadFile(parsed.GetValue(_map)),
            CrossMounts = parsed.GetValue(_mounts),
            Mask = Posix.ProcessMask.Read(),
        };

        private static string? ReadFile(string? path)
        {
            try
            {
                return path is null ? null : File.ReadAllText(path);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
            }
        }
    }

    private sealed class RunFlags
    {
        public Argument<string> Tree { get; } = new("tree") { Description = "A directory." };

        public Option<string?> Threads { get; } = Flags.Text("--threads", "At most so many, from 1 to 20. Without it, as many as pay.");

        public Option<string?> Journal { get; } = Flags.Text("--journal", "A file that says how far the run came; unless told, one for each tree in the state folder.");

        public ThreadLimit? ReadThreads(ParseResult parsed)
        {
            if (parsed.GetValue(Threads) is not { } text)
            {
                return null;
            }

            try
            {
                return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) ? new ThreadLimit(value) : throw new PermissionException(PermissionProblem.Invalid, $"\"{text}\" is no number of threads: give 1 to {ThreadLimit.Most}.");
            }
            catch (PermissionException exception)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
            }
        }

        public string JournalPath(ParseResult parsed)
        {
            if (parsed.GetValue(Journal) is { } path)
            {
                return Path.GetFullPath(path);
            }

            var name = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(parsed.GetRequiredValue(Tree)))).AsSpan(0, 12));
            return Path.Combine(ComputerFolders.FromEnvironment().State, "permissions", $"{name}.journal");
        }
    }
}
