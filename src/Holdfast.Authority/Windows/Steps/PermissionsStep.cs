using System.Globalization;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Trees;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>permissions</c>: a tree's permissions are changed, on the node that has it.</summary>
internal sealed class PermissionsStep(PermissionChanges changes, RehearsedPermissions rehearsed) : IWindowStep
{
    private const int ThreadsMax = 20;

    public const string Name = "permissions";

    public string Kind => Name;

    public IReadOnlyCollection<string> Settings => ["tree", "mode", "owner", "group", "access_list", "rules", "owner_map", "threads"];

    public string Unit => "files";

    public bool ChangesData => true;

    public string Work => Name;

    public bool IsKeptByEngine => true;

    public IReadOnlyCollection<string> Metrics => ["tree_files"];

    public bool IsRehearsed => true;

    public string RehearsedAt(PlanStep step) => step.Require("tree");

    public Task<Measured?> RehearseAsync(PlanStep step, CancellationToken cancellation) => rehearsed.RunAsync(AskedOf(step), cancellation);

    public Task CheckAsync(PlanStep step, CancellationToken cancellation) => changes.CheckAsync(AskedOf(step), cancellation);

    public StepHistory HistoryOf(PlanStep step, KnownWork known)
    {
        var tree = step.Require("tree");
        return new StepHistory(step.Name, known.Samples("tree_files", subject => subject == tree), known.Runs(Work, subject => subject == tree), known.Probes(Work, subject => subject == tree)) { Threads = step.FindNumber("threads", 1, ThreadsMax) ?? ThreadsMax };
    }

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        // What was begun since this step began is its own: it may have been killed before it wrote that down.
        var change = await FindAsync(run, cancellation) ?? await changes.StartAsync(AskedOf(run.Step), cancellation);
        return change.State switch
        {
            "ended" when change.Failed > 0 => StepOutlook.Failed($"{change.Failed} entries of {change.Tree} could not be changed{(change.Failures.Count > 0 ? $", such as {change.Failures[0].Path}: {change.Failures[0].Message}" : "")}. `holdfast admin permissions` shows them; then abort, or have the step done with `resume --skip`."),
            "ended" when !change.IsVerified => StepOutlook.Failed($"{change.Tree} was changed by others all the while, so that nobody can say that no entry is left: have it done once more with `resume`, or go on without with `resume --skip`."),
            "ended" => new StepOutlook(true, 1, $"{change.Entries} entries, {change.Changed} changed, and none left that is wrong"),
            "failed" => StepOutlook.Failed(change.Failure ?? "The change of permissions failed."),
            _ => new StepOutlook(false, change.Share, $"{change.Entries} entries, {change.Changed} changed, {change.Threads} threads", change.AskedAt.ToString(CultureInfo.InvariantCulture)),
        };
    }

    public async Task StopAsync(StepRun run, CancellationToken cancellation)
    {
        if (await FindAsync(run, cancellation) is { State: not "ended" })
        {
            await changes.StopAsync(run.Step.Require("tree"), cancellation);
        }
    }

    public async Task<StepOutlook?> UndoAsync(StepRun run, CancellationToken cancellation)
    {
        await StopAsync(run, cancellation);
        return null;
    }

    /// <summary>The step's own change; one that somebody else asked for is not.</summary>
    private async Task<PermissionChangeStatus?> FindAsync(StepRun run, CancellationToken cancellation) =>
        await changes.FindStatusAsync(run.Step.Require("tree"), cancellation) is { IsDry: false } change
        && (run.Row.Reference is { } own ? own == change.AskedAt.ToString(CultureInfo.InvariantCulture) : change.AskedAt >= run.StartedAt) ? change : null;

    private static StartPermissionChange AskedOf(PlanStep step) => new(
        step.Require("tree"), step.Find("mode"), step.Find("owner"), step.Find("group"), step.Find("access_list"), step.Find("rules"), step.Find("owner_map"), step.FindNumber("threads", 1, ThreadsMax));
}
