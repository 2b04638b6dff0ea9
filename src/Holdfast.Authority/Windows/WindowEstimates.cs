using Holdfast.Authority.Measuring;
using Holdfast.Authority.Windows.Rehearsing;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>How long windows take, by the service's own growth and by what earlier work took.</summary>
internal sealed class WindowEstimates(Samples samples, Actuals actuals, WindowSteps kinds, TimeProvider time)
{
    private const double SecondsPerDay = 86_400;
    private const int ActualsMax = 500;
    private const int FewThreads = 1;
    private const double LeastSeconds = 1e-3;

    /// <summary>Reads what is known once, for as many estimates as are wanted.</summary>
    public async Task<KnownWork> ReadAsync(CancellationToken cancellation) => new(await samples.ReadAsync(kinds.Metrics, cancellation), await actuals.LatestAsync([.. kinds.Works, .. kinds.Works.Select(work => Actuals.OfSample + work)], ActualsMax, cancellation), time.GetUtcNow());

    /// <summary>A window's forecast, if it begins then (seconds since 1970).</summary>
    public WindowForecast ForecastOf(WindowPlan plan, long start, KnownWork known, int seed = 1) => WindowForecast.Of(start / SecondsPerDay, Histories(plan, known), seed);

    /// <summary>Steps until services are back.</summary>
    public int StepsBefore(WindowPlan plan) => plan.Steps.TakeWhile(step => kinds[step].IsBefore).Count();

    /// <summary>The same as operators see it, with the reasons.</summary>
    public WindowEstimate Of(WindowPlan plan, long start, KnownWork known, int seed = 1)
    {
        var (histories, forecast) = (Histories(plan, known), ForecastOf(plan, start, known, seed));
        var steps = plan.Steps.Select((step, index) =>
        {
            var (kind, history, one) = (kinds[step], histories[index], forecast.Steps[index]);
            var byThreads = new Dictionary<int, EstimatedSeconds>();
            if (history.Threads is { } threads && one.Interval is not null)
            {
                foreach (var count in new[] { FewThreads, threads, history.ThreadsMost }.Distinct())
                {
                    byThreads[count] = SecondsOf(WindowForecast.Of(start / SecondsPerDay, [history with { Threads = count }]).First());
                }
            }

            var isFixed = history.Fixed is not null;
            return new StepEstimate(
                step.Name, step.Kind, isFixed ? null : kind.Unit, isFixed ? null : one.Volume?.Now, isFixed ? null : one.Volume?.Value, isFixed || history.Volume is not null ? null : one.Volume?.PerMonth, isFixed ? null : one.PerSecond, one.Runs,
                one.Interval is { } interval ? SecondsOf(interval) : null, one.Interval is not null ? null : one.Volume is null ? $"How many {kind.Unit} there are was not counted yet: that is done once a day." : kind.IsRehearsed ? "It was never run: `holdfast admin maintenance rehearse --measure` tries a part of it." : "It was never run, and cannot be tried on a part: say in the plan how long it is `expected` to take.", byThreads, kind.IsRehearsed ? history.Probes.Count : 0, !kind.IsRehearsed && history.Probes.Count > 0);
        }).ToList();
        return new WindowEstimate(SecondsOf(forecast.First(StepsBefore(plan))), SecondsOf(forecast.First()), steps, forecast.Unknown);
    }

    /// <summary>A window played through, twice, and what may go wrong with it.</summary>
    /// <param name="plan">Its plan.</param>
    /// <param name="window">What was promised of it, if anything was.</param>
    /// <param name="others">Other windows that were promised or are under way.</param>
    /// <param name="known">What is known.</param>
    /// <param name="seed">The same plays the same.</param>
    public PlayedWindow Play(WindowPlan plan, Window window, IReadOnlyList<Window> others, KnownWork known, int seed)
    {
        var (forecast, before) = (ForecastOf(plan, window.StartsAt, known, seed), StepsBefore(plan));
        var (usual, slow) = (forecast.Play(isSlow: false, before), forecast.Play(isSlow: true, before));
        return new PlayedWindow([.. usual.Zip(slow, (half, most) => new EstimatedSeconds(half.TotalSeconds, most.TotalSeconds))], before,
            WindowRisks.Of(plan, [.. plan.Steps.Select(step => kinds[step])], Histories(plan, known), forecast, before, window, others));
    }

    /// <summary>A window that is over, with what was known when it was planned, as a back-test takes it; null if a step of it was left out.</summary>
    public PastWindow? PastOf(WindowPlan plan, Window window, IReadOnlyList<WindowStep> steps, KnownWork known)
    {
        var took = steps.Select(step => step is { State: StepStates.Done, EndedAt: { } ended } && !step.WasSkipped ? step.TookUntil(ended) : null).ToList();
        return window is { State: WindowStates.Completed, StartedAt: { } began } && took.All(time => time is not null)
            ? new PastWindow(began / SecondsPerDay, [.. Histories(plan, known.At(DateTimeOffset.FromUnixTimeSeconds(window.PlannedAt))).Zip(took, (history, time) => new PastStep(history, Math.Max(LeastSeconds, time!.Value.TotalSeconds)))]) : null;
    }

    private List<StepHistory> Histories(WindowPlan plan, KnownWork known) => [.. plan.Steps.Select(step => WindowSteps.Translated(() => kinds[step].HistoryOf(step, known)))];

    public static EstimatedSeconds SecondsOf(Interval interval) => new(interval.Half.TotalSeconds, interval.NineTenths.TotalSeconds);
}
