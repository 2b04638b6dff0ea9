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

    public IReadOnlyCollection<string> Settings => ["at_most", "expected"];

    public string Unit => "computers";

    public IReadOnlyCollection<string> Metrics => ["computers"];

    public bool IsBefore => false;

    public Task CheckAsync(PlanStep step, CancellationToken cancellation)
    {
        step.FindNumber("at_most", 1, AtMostMax);
        step.FindTime("expected");
        return Task.CompletedTask;
    }

    /// <summary>All computers are due within a day. What somebody expects is how long it takes until all of them had a turn.</summary>
    public StepHistory HistoryOf(PlanStep step, KnownWork known)
    {
        var (computers, runs) = (known.Samples("computers", _ => true), known.Runs(Work, _ => true));
        return new StepHistory(step.Name, computers, runs, runs.Count == 0 && step.FindTime("expected") is { } expected && computers.Count > 0 ? [new Probe(computers.MaxBy(sample => sample.Day).Value, expected.TotalSeconds)] : []) { Turnover = TimeSpan.FromDays(1) };
    }

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
