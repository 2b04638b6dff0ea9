using Holdfast.Authority.Admitting;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>bring-up</c>: computers come back by turns, the oldest last backup first; over when everyone had a turn.</summary>
internal sealed class BringUpStep(Admissions admissions) : IWindowStep
{
    public string Work => "bring-up";

    private const int AtMostMax = 1_000_000;

    public string Kind => "bring-up";

    public IReadOnlyCollection<string> Settings => ["at_most"];

    public string Unit => "computers";

    public bool IsBefore => false;

    public Task CheckAsync(PlanStep step, CancellationToken cancellation)
    {
        step.FindNumber("at_most", 1, AtMostMax);
        return Task.CompletedTask;
    }

    /// <summary>All computers are due within a day.</summary>
    public StepHistory HistoryOf(PlanStep step, KnownWork known) => new(step.Name, known.Samples("computers", _ => true), known.Runs(Work, _ => true), []) { Turnover = TimeSpan.FromDays(1) };

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        var gate = await admissions.LookNowAsync(cancellation);
        if (run.Row.Reference is null && gate.Mode is "closed" or "held")
        {
            gate = await admissions.ChangeAsync(new ChangeGate("ramp", run.Step.FindNumber("at_most", 1, AtMostMax), null, run.Window.Name), cancellation);
        }

        var detail = $"{gate.Admitted} of {gate.Computers} computers had their turn";
        return gate.Mode switch
        {
            "open" => new StepOutlook(true, 1, "everyone who was behind had a turn", "begun"),
            "ramp" => new StepOutlook(false, gate.Computers == 0 ? null : (double)gate.Admitted / gate.Computers, detail, "begun"),
            var mode => new StepOutlook(false, null, $"{detail}; the gate is {mode}", "begun", Trouble: $"The gate is {mode}: `holdfast admin gate ramp` goes on."),
        };
    }
}
