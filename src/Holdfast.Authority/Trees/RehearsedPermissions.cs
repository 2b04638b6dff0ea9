using Holdfast.Authority.Measuring;
using Holdfast.Permissions;
using Holdfast.Permissions.Applying;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Trees;

/// <summary>
/// Changes the permissions of a clone of a part of a tree (<see cref="TreeClone"/>). What it takes to look at so much of the real tree, which the machine may not remember, is counted too: a clone that was just made it does.
/// </summary>
/// <param name="trees">Trees of this node.</param>
/// <param name="folder">Where journals are.</param>
/// <param name="changes">Changes that operators ask for.</param>
/// <param name="time">The clock.</param>
internal sealed class RehearsedPermissions(IReadOnlyDictionary<string, string> trees, string folder, PermissionChanges changes, TimeProvider time)
{
    /// <returns>What that came to; null if the tree is empty.</returns>
    public async Task<Measured?> RunAsync(StartPermissionChange asked, CancellationToken cancellation)
    {
        var (settings, threads) = await changes.CheckAsync(asked, cancellation);
        if ((await changes.ListAsync(cancellation)).Changes.Any(change => change.Tree == asked.Tree && change.State is "running" or "waiting"))
        {
            throw new HoldfastException(FailureTable.Conflict, $"A change of the tree {asked.Tree} is under way: wait until it has ended.");
        }

        Directory.CreateDirectory(folder);
        var journal = Path.Combine(folder, $"{asked.Tree}.rehearsal");
        using var clone = await TreeClone.MakeAsync(trees[asked.Tree], journal + ".clone", time, cancellation);
        if (clone.Entries == 0)
        {
            return null;
        }

        try
        {
            var report = await Task.Factory.StartNew(() =>
            {
                ThisThread.GiveWay();
                using var change = PermissionChanges.Translated(() => PermissionChange.Begin(settings with { Tree = clone.Path }, journal, journal + ".maps", restart: true, time));
                return PermissionChanges.Translated(() => change.Run(new ThreadLimit(threads), null, cancellation));
            }, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            return new Measured(report.Entries, report.Worked + (clone.Looked / Math.Max(1, report.ThreadsMost)), report.ThreadsMost, asked.Tree, $"{report.Entries} entries of a clone, {report.Changed} changed");
        }
        finally
        {
            File.Delete(journal);
            File.Delete(journal + ".maps");
        }
    }
}
