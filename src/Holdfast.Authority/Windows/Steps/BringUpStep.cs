using Holdfast.Authority.Admitting;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>bring-up</c>: computers come back by turns, the oldest last backup first; over when everyone had a turn and their backups have ended.</summary>
internal sealed class BringUpStep(Admissions admissions, GateTable table) : IWindowStep
{
    public string Work => "bring-up";

    private const int AtMostMax = 1_000_000;

    public string Kind => "bring-up";

    public IReadOnlyCollection<string> Settings => ["at_most", PlanStep.Expected];

    public string Unit => "computers";

    public IReadOnlyCollection<string> Metrics => ["computers"];

    public bool IsBefore => false;

    public Task CheckAsync(PlanStep step, CancellationToken cancellation)
    {
        step.FindNumber("at_most", 1, AtMostMax);
        step.FindTime(PlanStep.Expected);
        return Task.CompletedTask;
    }

    /// <summary>All computers are due within a day. What somebody expects is how long it takes, however many those are.</summary>
    public StepHistory HistoryOf(PlanStep step, KnownWork known)
    {
        var (computers, runs) = (known.Samples("computers", _ => true), known.Runs(Work, _ => true));
        return runs.Count == 0 && step.FindTime(PlanStep.Expected) is { } expected && computers.Count > 0 ? new StepHistory(step.Name, [], [], [new Probe(1, expected.TotalSeconds)]) { Volume = 1 }
            : new StepHistory(step.Name, computers, runs, []) { Turnover = TimeSpan.FromDays(1) };
    }

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        var gate = await admissions.LookNowAsync(cancellation);
        if (run.Row.Reference is null && gate.Mode is "closed" or "held")
        {
            gate = await admissions.ChangeAsync(new ChangeGate("ramp", run.Step.FindNumber("at_most", 1, AtMostMax), null, run.Window.Name), cancellation);
        }

        if (gate.Mode == "open" && await table.CountEnteredBeforeAsync(gate.Since, cancellation) is > 0 and var left)
        {
            return new StepOutlook(false, 1, $"everyone who was behind had a turn; {left} of their backups are under way", "begun");
        }

        var detail = $"{gate.Admitted} of {gate.Computers} computers had their turn";
        return gate.Mode switch
        {
            "open" => new StepOutlook(true, 1, "everyone who was behind had a turn", "begun"),
            "ramp" => new StepOutlook(false, gate.Computers == 0 ? null : Math.Min(1, (double)gate.Admitted / gate.Computers), detail, "begun"),
            var mode => new StepOutlook(false, null, $"{detail}; the gate is {mode}", "begun", Trouble: $"The gate is {mode}: `holdfast admin gate ramp` goes on."),
        };
    }
}
