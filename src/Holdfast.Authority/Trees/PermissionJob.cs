using System.Globalization;
using System.Text.Json;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Permissions;
using Holdfast.Permissions.Applying;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Trees;

/// <summary>Changes the permissions of a tree that this node has. A node that is killed goes on from its journal when it is back: nobody else can.</summary>
/// <param name="tree">The tree's name.</param>
/// <param name="path">Where it is.</param>
/// <param name="folder">Where journals are.</param>
/// <param name="changes">What was asked for.</param>
/// <param name="actuals">Where what it took is kept.</param>
/// <param name="time">The clock.</param>
internal sealed class PermissionJob(string tree, string path, string folder, PermissionChanges changes, Actuals actuals, TimeProvider time) : IJobKind
{
    private const int FailuresShown = 100;

    private static readonly TimeSpan _showsEvery = TimeSpan.FromSeconds(1);

    public string Name => PermissionChanges.JobNameOf(tree);

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await changes.FindAsync(tree, cancellation) is not { } asked)
        {
            return null;
        }

        var journal = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{tree}-{asked.Number}.journal"));
        var settings = JsonSerializer.Deserialize(asked.Settings, TreesJson.Default.PermissionSettings)! with { Tree = path };
        var limit = new ThreadLimit((int)asked.Threads);
        using var change = PermissionChanges.Translated(() => Open(settings, asked, journal));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var running = Task.Factory.StartNew(() =>
        {
            // The service goes before: threads that this one makes are as patient as it is.
            ThisThread.GiveWay();
            return PermissionChanges.Translated(() => change.Run(limit, null, stop.Token));
        }, stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        PermissionReport report;
        try
        {
            while (await Task.WhenAny(running, Task.Delay(_showsEvery, time, stop.Token)) != running)
            {
                stop.Token.ThrowIfCancellationRequested();
                limit.Value = (int)((await changes.FindAsync(tree, stop.Token))?.Threads ?? limit.Value);
                await lease.ShowAsync(Write(StatusOf(asked, change.Progress, limit, journal)), stop.Token);
            }

            report = await running;
        }
        finally
        {
            await stop.CancelAsync();
            await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        var ended = time.GetUtcNow().ToUnixTimeSeconds();
        if (asked.IsDry == 0)
        {
            await actuals.KeepAsync(lease.Job.Id, new Actual("permissions", tree, ended, report.Entries, report.Changed, (long)report.Worked.TotalMilliseconds, report.ThreadsMost, change.Medium.FileSystem), cancellation);
        }

        var shown = report.Failures.Take(FailuresShown).Select(failure => new PermissionFailure(failure.Readable, failure.Path, (int)failure.Error, failure.Reason)).ToList();
        await lease.SaveAsync(Write(StatusOf(asked, change.Progress, limit, journal) with
        {
            Entries = report.Entries, Changed = report.Changed, Failed = report.Last.Failed, Pass = report.Passes, Share = 1, SecondsLeft = null, Threads = report.ThreadsMost, IsVerified = report.IsVerified, Failures = shown,
        }), cancellation);
        return null;
    }

    /// <summary>Begins, or goes on where a node that was killed had come to. One that was killed behind the end only looks again.</summary>
    private PermissionChange Open(PermissionSettings settings, AskedChange asked, string journal)
    {
        if (asked.IsDry != 0)
        {
            return PermissionChange.Try(settings, time);
        }

        if (!File.Exists(journal))
        {
            Directory.CreateDirectory(folder);
            foreach (var older in Directory.GetFiles(folder, $"{tree}-*.journal"))
            {
                File.Delete(older);
            }

            return PermissionChange.Begin(settings, journal, restart: false, time);
        }

        try
        {
            return PermissionChange.Resume(path, journal, time);
        }
        catch (PermissionException exception) when (exception.Problem == PermissionProblem.NoJournal)
        {
            return PermissionChange.Try(settings, time);
        }
    }

    private static PermissionChangeStatus StatusOf(AskedChange asked, PermissionProgress progress, ThreadLimit limit, string journal) => new(
        asked.Tree, "running", asked.IsDry != 0, asked.AskedAt, null, null, progress.Counts.Total, progress.Counts.Changed, progress.Counts.Failed, progress.Pass, progress.Share, (long?)progress.Left?.TotalSeconds, progress.Threads, limit.Value, false, [], asked.IsDry != 0 ? null : journal, null);

    private static string Write(PermissionChangeStatus status) => JsonSerializer.Serialize(status, TreesJson.Default.PermissionChangeStatus);
}
