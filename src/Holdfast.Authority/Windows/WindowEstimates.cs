using Holdfast.Authority.Measuring;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>How long windows take, by the service's own growth and by what earlier work took.</summary>
internal sealed class WindowEstimates(Samples samples, Actuals actuals, WindowSteps kinds, TimeProvider time)
{
    /// <summary>What steps' volumes are counted by.</summary>
    private static readonly string[] _metrics = ["rows", "tree_files", "stored_bytes", "computers"];

    private const double SecondsPerDay = 86_400;
    private const int ActualsMax = 2000;
    private const int FewThreads = 1;

    /// <summary>Reads what is known once, for as many estimates as are wanted.</summary>
    public async Task<KnownWork> ReadAsync(CancellationToken cancellation) => new(await samples.ReadAsync(_metrics, cancellation), await actuals.LatestAsync(ActualsMax, cancellation), time.GetUtcNow());

    /// <summary>A window's forecast, if it begins then (seconds since 1970).</summary>
    public WindowForecast ForecastOf(WindowPlan plan, long start, KnownWork known) => WindowForecast.Of(start / SecondsPerDay, Histories(plan, known));

    /// <summary>Steps until services are back.</summary>
    public int StepsBefore(WindowPlan plan) => plan.Steps.TakeWhile(step => kinds[step].IsBefore).Count();

    /// <summary>The same as operators see it, with the reasons.</summary>
    public WindowEstimate Of(WindowPlan plan, long start, KnownWork known)
    {
        var (histories, forecast) = (Histories(plan, known), ForecastOf(plan, start, known));
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
                one.Interval is { } interval ? SecondsOf(interval) : null, one.Interval is not null ? null : one.Volume is null ? $"How many {kind.Unit} there are was not counted yet: that is done once a day." : kind.IsRehearsed ? "It was never run: `holdfast admin maintenance rehearse --measure` tries a part of it." : "It was never run, and cannot be tried on a part: run it by itself first, or promise what you know of it.", byThreads, history.Probes.Count);
        }).ToList();
        return new WindowEstimate(SecondsOf(forecast.First(StepsBefore(plan))), SecondsOf(forecast.First()), steps, forecast.Unknown);
    }

    private List<StepHistory> Histories(WindowPlan plan, KnownWork known) => [.. plan.Steps.Select(step => WindowSteps.Translated(() => kinds[step].HistoryOf(step, known)))];

    public static EstimatedSeconds SecondsOf(Interval interval) => new(interval.Half.TotalSeconds, interval.NineTenths.TotalSeconds);
}
