using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>announce</c>: those who are affected are told that it begins.</summary>
internal sealed class AnnounceStep(WindowNotices notices) : IWindowStep
{
    public string Kind => "announce";

    public IReadOnlyCollection<string> Settings => [];

    public Task CheckAsync(PlanStep step, CancellationToken cancellation) => Task.CompletedTask;

    public StepHistory HistoryOf(PlanStep step, KnownWork known) => new(step.Name, [], [], []) { Fixed = TimeSpan.FromSeconds(1) };

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        await notices.TellAsync(run.Window, WindowNotices.Begins, run.Message, cancellation);
        return StepOutlook.Over();
    }
}
