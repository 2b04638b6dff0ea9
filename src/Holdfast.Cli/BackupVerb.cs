using System.CommandLine;
using System.Globalization;
using Holdfast.Client;
using Holdfast.Client.Walking;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class BackupVerb
{
    private static readonly TimeSpan _reportPatience = TimeSpan.FromSeconds(5);

    public static Command Build(Output output)
    {
        var paths = new Argument<string[]>("path") { Description = "Files and directories to back up.", Arity = ArgumentArity.OneOrMore };
        var exclude = Flags.List("--exclude", "Leaves out what matches: a name (*.tmp), or a path (/home/*/.cache, src/**/bin).", "-e");
        var excludeFile = Flags.List("--exclude-file", "Reads patterns from a file, one a line.");
        var excludeCaches = Flags.Switch("--exclude-caches", "Leaves out the content of directories marked by CACHEDIR.TAG.");
        var excludeIfPresent = Flags.List("--exclude-if-present", "Leaves out the content of directories that hold a file of this name.");
        var excludeLarger = Flags.Text("--exclude-larger-than", "Leaves out files larger than this, such as 500M or 2G.");
        var oneFileSystem = Flags.Switch("--one-file-system", "Stays on the file systems of the paths.", "-x");
        var tags = Flags.List("--tag", "Marks the snapshot; several are allowed.");
        var host = Flags.Text("--host", "Host name kept in the snapshot.", "-H");
        var compression = Flags.Text("--compression", "auto (zstd 3), max (zstd 9), or off.");
        var dryRun = Flags.Switch("--dry-run", "Says what would be read; sends nothing.", "-n");
        var wait = Flags.Switch("--wait", "If others have their turn first (as after the service's maintenance), sleeps until this computer's turn and goes on by itself; otherwise exit code 75.");
        var verbose = Flags.Switch("--verbose", "Says more.", "-v");
        var command = new Command("backup", """
            Backs up files and directories as a snapshot.

            Examples:
              holdfast backup /home /etc --exclude-caches
              holdfast backup . --exclude '*.o' --exclude build --tag nightly
            """)
        {
            paths, exclude, excludeFile, excludeCaches, excludeIfPresent, excludeLarger, oneFileSystem, tags, host, compression, dryRun, wait, verbose,
        };
        command.SetAction(async (parsed, cancellation) =>
        {
            var options = new BackupOptions
            {
                Paths = parsed.GetRequiredValue(paths),
                Tags = parsed.GetRequiredValue(tags),
                Host = parsed.GetValue(host) ?? Environment.MachineName,
                Program = $"holdfast {Session.Version}",
                CompressionLevel = Level(parsed.GetValue(compression)),
                Exclusions = new ExclusionOptions
                {
                    Patterns = [.. parsed.GetRequiredValue(exclude), .. parsed.GetRequiredValue(excludeFile).SelectMany(ReadPatterns)],
                    Caches = parsed.GetValue(excludeCaches),
                    IfPresent = parsed.GetRequiredValue(excludeIfPresent),
                    OneFileSystem = parsed.GetValue(oneFileSystem),
                    LargerThan = parsed.GetValue(excludeLarger) is { } size ? ParseSize(size) : null,
                },
            };
            using var session = Session.Open();
            return parsed.GetValue(dryRun)
                ? await PreviewAsync(output, session, options, parsed.GetValue(verbose), cancellation)
                : await WaitingForTurn.RunAsync(output, parsed.GetValue(wait), () => RunAsync(output, session, options, parsed.GetValue(verbose), cancellation), TimeProvider.System, cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(Output output, Session session, BackupOptions options, bool verbose, CancellationToken cancellation)
    {
        var progress = new BackupProgress();
        var started = TimeProvider.System.GetTimestamp();
        BackupResult result;
        await using (ProgressLine.Start(output, elapsed => Describe(progress, elapsed) + ThrottleNotice.OnLine(session.Service.UploadThrottle, TimeProvider.System), TimeProvider.System))
        {
            try
            {
                result = await new Backup(session.Computer, session.Folders, session.Service, TimeProvider.System, Session.Random).RunAsync(options, progress, cancellation);
            }
            catch (HoldfastException exception) when (IsOwnersBusiness(exception.Kind))
            {
                await TellAsync(session, exception.Kind);
                throw;
            }
        }

        var elapsed = TimeProvider.System.GetElapsedTime(started);
        output.Troubles(progress.Troubles);
        var id = Convert.ToHexStringLower(result.Head.Id);
        output.Say($"Snapshot {id[..8]} saved: {Units.Count(progress.Files)} files, {Units.Bytes(progress.Bytes)}; {Units.Count(progress.FilesUnchanged)} unchanged, "
            + $"{Units.Bytes(progress.BytesRead)} read, {Units.Bytes(progress.BytesNew)} new, {Units.Bytes(progress.BytesStored)} stored, in {Units.Time(elapsed)}.");
        ThrottleNotice.Tell(output, session.Service.UploadThrottle, TimeProvider.System);
        QuotaNotice.Tell(output, session.Service.Quota, progress.BytesStored);
        MaintenanceNotice.Tell(output, session.Service.Maintenance, TimeProvider.System);
        if (verbose)
        {
            output.Say($"Memory: {Units.Bytes(Backup.BufferBytes(options))} of buffers, {Units.Bytes(GC.GetGCMemoryInfo().TotalCommittedBytes)} managed in all, {Units.Bytes(Environment.WorkingSet)} resident; "
                + $"{GC.CollectionCount(0)}/{GC.CollectionCount(1)}/{GC.CollectionCount(2)} collections, {Units.Bytes(GC.GetTotalAllocatedBytes())} allocated.");
        }

        output.Message("summary",
            ("snapshot_id", id), ("files", progress.Files), ("directories", progress.Directories), ("others", progress.Others), ("files_unchanged", progress.FilesUnchanged),
            ("bytes", progress.Bytes), ("bytes_read", progress.BytesRead), ("bytes_new", progress.BytesNew), ("bytes_stored", progress.BytesStored),
            ("unread", progress.Troubles.Count), ("seconds", elapsed.TotalSeconds), ("time", result.ReceivedAt.ToString("O", CultureInfo.InvariantCulture)), ("next", result.NextAt?.ToString("O", CultureInfo.InvariantCulture)));
        return progress.Troubles.Count == 0 ? ExitCode.Ok : ExitCode.Partial;
    }

    /// <summary>What passes by itself, what the service said itself and what somebody did on purpose is not reported.</summary>
    private static bool IsOwnersBusiness(FailureKind kind) => kind != FailureTable.NotAdmitted && kind != FailureTable.Interrupted && kind != FailureTable.AlreadyRunning && kind != FailureTable.InvalidRequest && kind != FailureTable.NotEnrolled
        && kind != FailureTable.TokenInvalid && kind != FailureTable.ServiceUnavailable;

    /// <summary>Owners hear of it by mail; what went wrong matters more here than that it could not be said.</summary>
    private static async Task TellAsync(Session session, FailureKind kind)
    {
        using var limit = new CancellationTokenSource(_reportPatience);
        try
        {
            await session.Service.ReportFailureAsync(kind, limit.Token);
        }
        catch (Exception exception) when (exception is HoldfastException or OperationCanceledException)
        {
            // The failure itself is shown.
        }
    }

    private static async Task<int> PreviewAsync(Output output, Session session, BackupOptions options, bool verbose, CancellationToken cancellation)
    {
        var progress = new BackupProgress();
        var preview = new BackupPreview(session.Computer, session.Folders);
        var changed = await preview.RunAsync(options, progress, verbose ? path => output.Say(path) : null, cancellation);
        output.Troubles(progress.Troubles);
        output.Say($"Would back up {Units.Count(progress.Files)} files, {Units.Bytes(progress.Bytes)}, and read {Units.Count(changed.Files)} of them, {Units.Bytes(changed.Bytes)}. Nothing was sent.");
        output.Message("dry_run", ("files", progress.Files), ("bytes", progress.Bytes), ("files_to_read", changed.Files), ("bytes_to_read", changed.Bytes));
        return progress.Troubles.Count == 0 ? ExitCode.Ok : ExitCode.Partial;
    }

    private static string Describe(BackupProgress progress, TimeSpan elapsed) => string.Create(CultureInfo.InvariantCulture,
        $"{(progress.IsWalked ? Units.Bar(progress.BytesDone / Math.Max(1.0, progress.Bytes)) : "looking for files…")}  {Units.Time(elapsed)}{Left(progress, elapsed)}  {Units.Count(progress.Files)} files, {Units.Bytes(progress.Bytes)}  read {Units.Bytes(progress.BytesRead)} "
        + $"({Units.Bytes(progress.BytesRead / Math.Max(0.001, elapsed.TotalSeconds))}/s)  stored {Units.Bytes(progress.BytesStored)}  {progress.Troubles.Count} errors");

    /// <summary>Time left at the rate so far; nothing before that can be known.</summary>
    private static string Left(BackupProgress progress, TimeSpan elapsed)
    {
        var share = progress.BytesDone / Math.Max(1.0, progress.Bytes);
        return progress.IsWalked && share > 0.02 ? $", {Units.Time(elapsed * Math.Max(0, (1 / share) - 1))} left" : "";
    }

    private static int Level(string? name) => name switch
    {
        null or "auto" => Crypto.Sealing.FrameCodec.DefaultLevel,
        "max" => 9,
        "off" => 0,
        _ => throw new HoldfastException(FailureTable.InvalidRequest, $"--compression is auto, max or off, not '{name}'."),
    };

    private static IEnumerable<string> ReadPatterns(string file) =>
        File.ReadLines(file).Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#');

    internal static long ParseSize(string text)
    {
        if (text.Length == 0)
        {
            text = "?";
        }

        var factor = char.ToUpperInvariant(text[^1]) switch { 'K' => 1_000L, 'M' => 1_000_000L, 'G' => 1_000_000_000L, 'T' => 1_000_000_000_000L, _ => 1L };
        return long.TryParse(factor == 1 ? text : text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= long.MaxValue / factor ? number * factor
            : throw new HoldfastException(FailureTable.InvalidRequest, $"'{text}' is not a size such as 500M or 2G.");
    }
}
