using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>close</c>: those who were affected are told that it is over.</summary>
internal sealed class CloseStep(WindowNotices notices) : IWindowStep
{
    public string Kind => "close";

    public IReadOnlyCollection<string> Settings => [];

    public bool IsBefore => false;

    public Task CheckAsync(PlanStep step, CancellationToken cancellation) => Task.CompletedTask;

    public StepHistory HistoryOf(PlanStep step, KnownWork known) => new(step.Name, [], [], []) { Fixed = TimeSpan.FromSeconds(1) };

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        await notices.TellAsync(run.Window, WindowNotices.Over, run.Message, cancellation);
        return StepOutlook.Over();
    }
}
