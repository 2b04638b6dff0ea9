using Holdfast.Authority.Admitting;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>gate</c>: no backup begins any more; those under way may end within <c>wait</c>. Restores and people never pass the gate.</summary>
internal sealed class GateStep(Admissions admissions, TimeProvider time) : IWindowStep
{
    private const int ReasonMax = 200;
    private const string GateKind = "gate";
    private const string Closed = "closed";
    private const string WasClosed = "was closed before";
    private static readonly TimeSpan _heard = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _waitDefault = TimeSpan.FromMinutes(10);

    public string Kind => GateKind;

    public IReadOnlyCollection<string> Settings => ["wait", "reason"];

    /// <summary>Why a window closed the gate; null if it did not, or somebody else did before.</summary>
    public static string? FindReason(Window window, WindowPlan plan, IReadOnlyList<WindowStep> steps) => steps.FirstOrDefault(step => step is { Kind: GateKind, Reference: Closed }) is { } row ? ReasonOf(window, plan.Steps[(int)row.Position]) : null;

    public Task CheckAsync(PlanStep step, CancellationToken cancellation)
    {
        step.FindTime("wait");
        return step.Find("reason") is { Length: > ReasonMax } ? throw new WindowPlanException($"`reason` of the step `{step.Name}` has at most {ReasonMax} characters.") : Task.CompletedTask;
    }

    public StepHistory HistoryOf(PlanStep step, KnownWork known) => new(step.Name, [], [], []) { Fixed = step.FindTime("wait") ?? _waitDefault };

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        var gate = await admissions.LookNowAsync(cancellation);
        var reference = run.Row.Reference ?? (gate.Mode == "closed" ? WasClosed : null);
        if (gate.Mode != "closed")
        {
            reference = Closed;
            await run.KeepReferenceAsync(reference, cancellation);

            // Those who ask are told to come when services are as likely back as not: by what is promised they would come too late nine times in ten.
            gate = await admissions.ChangeAsync(new ChangeGate("closed", null, run.Window.StartedAt + run.Window.BackHalf, ReasonOf(run.Window, run.Step)), cancellation);
        }

        // Other nodes hear of it within a second, and say then whom they let in before.
        var waited = run.Row.TookUntil(time.GetUtcNow().ToUnixTimeMilliseconds())!.Value;
        return gate.UnderWay == 0 && waited >= _heard ? new StepOutlook(true, 1, "no backup is under way", reference)
            : waited >= (run.Step.FindTime("wait") ?? _waitDefault) ? new StepOutlook(true, 1, $"{gate.UnderWay} backups are still under way, and go on", reference)
            : new StepOutlook(false, null, $"{gate.UnderWay} backups under way", reference);
    }

    public async Task<StepOutlook?> UndoAsync(StepRun run, CancellationToken cancellation)
    {
        var gate = await admissions.LookNowAsync(cancellation);
        if (run.Row.Reference == WasClosed)
        {
            return StepOutlook.Over("the gate was closed before, and stays closed");
        }

        if (gate.Mode == "closed")
        {
            await admissions.ChangeAsync(new ChangeGate("ramp", null, null, $"{run.Window.Name}: given up"), cancellation);
        }

        return StepOutlook.Over("computers come back by turns");
    }

    private static string ReasonOf(Window window, PlanStep step) => step.Find("reason") ?? window.Name;
}
