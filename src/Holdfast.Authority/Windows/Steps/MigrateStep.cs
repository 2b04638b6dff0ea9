using Holdfast.Authority.Measuring;
using Holdfast.Authority.Moving;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>migrate</c>: accounts move to another store, while customers work; without <c>source</c> all that are not there yet.</summary>
internal sealed class MigrateStep(Moves moves, RehearsedMoves rehearsed, IReadOnlyDictionary<string, string> trees) : IWindowStep
{
    private const char Separator = ' ';
    private const int AtOnceMax = 16;
    private const int KeepHoursMax = 24 * 365;
    private const int AtOnceDefault = 4;

    public string Kind => "migrate";

    public IReadOnlyCollection<string> Settings => ["target", "source", "accounts", "at_once", "rate", "keep_hours"];

    public string Unit => "rows";

    public bool ChangesData => true;

    public string Work => "move";

    public bool IsKeptByEngine => true;

    public IReadOnlyCollection<string> Metrics => ["rows"];

    /// <summary>Files at a new home have whatever permissions its server gives them.</summary>
    public string? Propose(PlanStep step, WindowPlan plan)
    {
        if (plan.Steps.SkipWhile(one => one != step).Any(one => one.Kind == PermissionsStep.Name))
        {
            return null;
        }

        var target = step.Require("target");
        var tree = rehearsed.FileOf(target) is { } file ? trees.Where(one => file.StartsWith(one.Value.TrimEnd('/') + "/", StringComparison.Ordinal)).Select(one => one.Key).FirstOrDefault() : null;
        return tree is not null ? $"- permissions: {{ tree: {tree}, mode: \"u=rwX,go=\" }}   # the files of '{target}', behind {step.Name}"
            : $"- permissions: {{ tree: NAME, mode: \"u=rwX,go=\" }}   # the files of '{target}', behind {step.Name}: name their folder under \"trees\" on the machine that has them";
    }

    public bool IsRehearsed => true;

    public Task<Measured?> RehearseAsync(PlanStep step, CancellationToken cancellation) => rehearsed.RunAsync(step.Require("target"), step.Find("source"), step.FindNumber("at_once", 1, AtOnceMax) ?? AtOnceDefault, cancellation);

    public async Task CheckAsync(PlanStep step, CancellationToken cancellation) => await moves.PlanAsync(AskedOf(step) with { IsDry = true }, cancellation);

    public StepHistory HistoryOf(PlanStep step, KnownWork known)
    {
        var (source, target, tables) = (step.Find("source"), step.Require("target"), MoveTables());
        bool IsSource(string home) => home != "directory" && home != target && (source is null || home == source);
        return new StepHistory(step.Name, known.Samples("rows", subject => subject.Split('/') is [var home, var table] && IsSource(home) && tables.Contains(table)), known.Runs(Work, subject => !subject.EndsWith(" and back", StringComparison.Ordinal)), known.Probes(Work, subject => subject.EndsWith($" to {target}", StringComparison.Ordinal)))
        {
            Threads = step.FindNumber("at_once", 1, AtOnceMax) ?? AtOnceDefault,
            ThreadsMost = AtOnceMax,
            PerSecondMost = step.FindNumber("rate", 1, int.MaxValue),
        };
    }

    /// <summary>Moves that were made before stay in the reference, so that they can be taken back too; a new one follows.</summary>
    public string? TriedAgain(string? reference) => reference is null ? null : reference + Separator;

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        var reference = run.Row.Reference ?? "";
        if (reference.Length == 0 || reference[^1] == Separator)
        {
            try
            {
                // Killed behind this, another plan is made; one that was never started moves nothing.
                return new StepOutlook(false, 0, "planned", reference + (await moves.PlanAsync(AskedOf(run.Step), cancellation)).Id);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.MoveRefused)
            {
                return StepOutlook.Failed(exception.Message);
            }
        }

        var id = reference.Split(Separator)[^1];
        var move = await moves.StatusAsync(id, cancellation);
        if (move.State == MoveStates.Planned)
        {
            try
            {
                move = await moves.StartAsync(id, cancellation);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.MoveRefused)
            {
                // Such as accounts that were closed since: the plan is stale, and another is made if it is tried again.
                await moves.AbortAsync(id, cancellation);
                return StepOutlook.Failed(exception.Message);
            }
        }

        var done = move.Moved + move.Retired + move.LeftOut;
        var detail = $"{move.Moved + move.Retired} of {move.Accounts} accounts, {move.Rows} rows{(move.FreezeMaxMs is { } freeze ? $"; writes waited {freeze:F0} ms at most" : "")}{(move.NotPlanned > 0 ? $"; {move.NotPlanned} other accounts stay where they are: being moved, deleted, or compared with the pod when it was planned" : "")}";
        return move.State switch
        {
            MoveStates.Reversible or MoveStates.Ended when move.LeftOut > 0 && move.Troubles.Count > 0 => StepOutlook.Failed($"{move.LeftOut} accounts were left out: {move.Troubles[0].Failure}"),
            MoveStates.Reversible or MoveStates.Ended when move.IsBack || done < move.Accounts => StepOutlook.Failed($"The move {id} was given up or went back: {detail}."),
            MoveStates.Reversible or MoveStates.Ended => new StepOutlook(true, 1, detail),
            MoveStates.Paused => new StepOutlook(false, null, detail, Trouble: $"The move {id} is paused: `holdfast admin move resume {id}`."),
            _ => new StepOutlook(false, move.Accounts == 0 ? null : (double)done / move.Accounts, detail, Trouble: move.Failure),
        };
    }

    /// <summary>Accounts that have moved stay; what becomes of the others its operator says.</summary>
    public async Task StopAsync(StepRun run, CancellationToken cancellation)
    {
        foreach (var id in (run.Row.Reference ?? "").Split(Separator, StringSplitOptions.RemoveEmptyEntries))
        {
            if ((await moves.StatusAsync(id, cancellation)).State is MoveStates.Planned or MoveStates.Running or MoveStates.Paused)
            {
                await moves.AbortAsync(id, cancellation);
            }
        }
    }

    public async Task<StepOutlook?> UndoAsync(StepRun run, CancellationToken cancellation)
    {
        var returned = 0L;
        foreach (var id in (run.Row.Reference ?? "").Split(Separator, StringSplitOptions.RemoveEmptyEntries).Reverse())
        {
            var move = await moves.StatusAsync(id, cancellation);
            if (move.State == MoveStates.Planned)
            {
                await moves.AbortAsync(id, cancellation);
                continue;
            }

            if (!move.IsBack && move.State is MoveStates.Running or MoveStates.Paused or MoveStates.Reversible)
            {
                move = await moves.ReverseAsync(id, cancellation);
            }

            if (move.State != MoveStates.Ended)
            {
                return new StepOutlook(false, null, $"{move.Returned} of {move.Accounts} accounts went back", Trouble: move.State == MoveStates.Paused ? $"The move {id} is paused: `holdfast admin move resume {id}`." : move.Failure);
            }

            if (!move.IsBack && move.Moved + move.Retired > 0)
            {
                return null;
            }

            returned += move.Returned;
        }

        return StepOutlook.Over($"{returned} accounts went back");
    }

    private static HashSet<string> MoveTables() => [.. Accounts.AccountTables.Names];

    private static PlanMove AskedOf(PlanStep step) => new(
        step.Require("target"), step.Find("source"), step.Find("accounts")?.Split('\n'), step.FindNumber("rate", 1, int.MaxValue), step.FindNumber("at_once", 1, AtOnceMax), step.FindNumber("keep_hours", 0, KeepHoursMax));
}
