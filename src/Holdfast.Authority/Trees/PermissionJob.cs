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

    /// <summary>How often another node's tree is looked at: whether it is its still.</summary>
    private static readonly TimeSpan _othersTree = TimeSpan.FromSeconds(10);

    public string Name => PermissionChanges.JobNameOf(tree);

    public bool IsLong => true;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await changes.FindAsync(tree, cancellation) is not { } asked)
        {
            return null;
        }

        if (!await changes.TakeAsync(asked, cancellation))
        {
            return time.GetUtcNow() + _othersTree;
        }

        var journal = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{tree}-{asked.Number}.journal"));
        var limit = new ThreadLimit((int)asked.Threads);
        if (asked.IsDry == 0 && PermissionChanges.Translated(() => PermissionChange.ReadEnded(journal)) is { } before)
        {
            // The node was killed behind the end, before it could say so.
            await EndAsync(lease, asked, before, limit, journal, cancellation);
            return null;
        }

        var settings = JsonSerializer.Deserialize(asked.Settings, TreesJson.Default.PermissionSettings)! with { Tree = path };
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
                await ShowAsync(lease, asked, change, limit, journal, stop.Token);
            }

            report = await running;
            if (asked.IsDry == 0 && !report.IsHalted)
            {
                var ended = time.GetUtcNow().ToUnixTimeSeconds();
                await actuals.KeepAsync(lease.Job.Id, new Actual("permissions", tree, ended, report.Entries, report.Changed, (long)report.Worked.TotalMilliseconds, report.ThreadsMost, change.Medium.FileSystem), cancellation);
            }

            await EndAsync(lease, asked, report, limit, journal, cancellation);
        }
        finally
        {
            await stop.CancelAsync();
            await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return report.IsHalted ? throw new HoldfastException(FailureTable.Conflict, $"The map sends numbers in circles, and its first step could not be done for {report.Last.Failed} entries: mend what failed; it is tried again.") : null;
    }

    /// <summary>Says how far it is, and hears how many threads it may have. A directory that is away for a moment is no reason to stop: the lease decides that.</summary>
    private async Task ShowAsync(JobLease lease, AskedChange asked, PermissionChange change, ThreadLimit limit, string journal, CancellationToken cancellation)
    {
        try
        {
            limit.Value = (int)((await changes.FindAsync(tree, cancellation))?.Threads ?? limit.Value);
            await lease.SaveAsync(Write(StatusOf(asked, change.Progress, limit, journal)), cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable)
        {
            // The next look is in a second.
        }
    }

    private async Task EndAsync(JobLease lease, AskedChange asked, PermissionReport report, ThreadLimit limit, string journal, CancellationToken cancellation)
    {
        var shown = report.Failures.Take(FailuresShown).Select(failure => new PermissionFailure(failure.Readable, failure.Path, (int)failure.Error, failure.Reason)).ToList();
        var last = new PermissionProgress(1, 1, report.Passes, 1, report.ThreadsMost, report.Last, null);
        await lease.SaveAsync(Write(StatusOf(asked, last, limit, journal) with { Entries = report.Entries, Changed = report.Changed, IsVerified = report.IsVerified, Failures = shown }), cancellation);
    }

    /// <summary>Begins, or goes on where a node that was killed had come to.</summary>
    private PermissionChange Open(PermissionSettings settings, AskedChange asked, string journal)
    {
        if (asked.IsDry != 0)
        {
            return PermissionChange.Try(settings, time);
        }

        try
        {
            return PermissionChange.Resume(path, journal, time);
        }
        catch (PermissionException exception) when (exception.Problem == PermissionProblem.NoJournal)
        {
            foreach (var older in Directory.Exists(folder) ? Directory.GetFiles(folder, $"{tree}-*.journal") : [])
            {
                if (older != journal && long.TryParse(Path.GetFileNameWithoutExtension(older).AsSpan(tree.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out _))
                {
                    File.Delete(older);
                }
            }

            return PermissionChange.Begin(settings, journal, Path.Combine(folder, $"{tree}.maps"), restart: false, time);
        }
    }

    private static PermissionChangeStatus StatusOf(AskedChange asked, PermissionProgress progress, ThreadLimit limit, string journal) => new(
        asked.Tree, "running", asked.IsDry != 0, asked.AskedAt, null, null, progress.Counts.Total, progress.Counts.Changed, progress.Counts.Failed, progress.Pass, progress.Share, (long?)progress.Left?.TotalSeconds, progress.Threads, limit.Value, false, [], asked.IsDry != 0 ? null : journal, null);

    private static string Write(PermissionChangeStatus status) => JsonSerializer.Serialize(status, TreesJson.Default.PermissionChangeStatus);
}
