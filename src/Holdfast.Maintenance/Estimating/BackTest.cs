namespace Holdfast.Maintenance.Estimating;

/// <summary>A window that is over, with what was known when it was planned.</summary>
/// <param name="Start">When it began, in days since 1970.</param>
/// <param name="Steps">Its steps.</param>
public sealed record PastWindow(double Start, IReadOnlyList<PastStep> Steps);

/// <summary>A step of it.</summary>
/// <param name="Known">What was known when it was planned, and nothing later.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Volume">How much there was when the window began, which a window that runs counts; null if nobody did.</param>
/// <param name="Bend">How evenly it went: after a share t of its time it had done t to the power of this; 1 is evenly.</param>
public sealed record PastStep(StepHistory Known, double Seconds, double? Volume = null, double Bend = 1);

/// <summary>How good estimates would have been.</summary>
/// <param name="Windows">Windows of which all steps could be estimated; the others are left out.</param>
/// <param name="Skipped">Those others, and those whose times make no sense.</param>
/// <param name="Coverage">Of how many the P90 was not exceeded, in percent.</param>
/// <param name="HalfCoverage">Of how many the P50 was not exceeded, in percent.</param>
/// <param name="Spread">P90 divided by P50, the median.</param>
/// <param name="MedianError">How far the P50 was off what it took, in percent of that, the median (APE).</param>
/// <param name="LiveError">The same, a quarter into the run.</param>
/// <param name="LiveCoverage">Of how many the P90 said a quarter into the run was not exceeded, in percent.</param>
public sealed record BackTest(int Windows, int Skipped, double Coverage, double HalfCoverage, double Spread, double MedianError, double LiveError, double LiveCoverage)
{
    /// <summary>Of a run, what was over when it is estimated again.</summary>
    private const double LiveShare = 0.25;

    /// <summary>Estimates each window by what was known then.</summary>
    public static BackTest Of(IEnumerable<PastWindow> windows)
    {
        var (spreads, errors, liveErrors) = (new List<double>(), new List<double>(), new List<double>());
        var (held, halfHeld, liveHeld, skipped) = (0, 0, 0, 0);
        foreach (var window in windows)
        {
            var forecast = WindowForecast.Of(window.Start, [.. window.Steps.Select(step => step.Known)]);
            if (forecast.Unknown.Count > 0 || window.Steps.Count == 0 || !window.Steps.All(step => Sound.IsTime(step.Seconds)))
            {
                skipped++;
                continue;
            }

            var (took, estimate) = (TimeSpan.FromSeconds(window.Steps.Sum(step => step.Seconds)), forecast.First());
            var live = WindowForecast.Of(window.Start, [.. window.Steps.Select(step => step.Known with { Volume = step.Volume ?? step.Known.Volume })]).Live(ProgressAt(window, LiveShare * took.TotalSeconds));
            spreads.Add(estimate.NineTenths / estimate.Half);
            errors.Add(Math.Abs((estimate.Half / took) - 1));
            liveErrors.Add(Math.Abs((live.Half / took) - 1));
            held += took <= estimate.NineTenths ? 1 : 0;
            halfHeld += took <= estimate.Half ? 1 : 0;
            liveHeld += took <= live.NineTenths ? 1 : 0;
        }

        return spreads.Count == 0
            ? new BackTest(0, skipped, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN)
            : new BackTest(spreads.Count, skipped, 100.0 * held / spreads.Count, 100.0 * halfHeld / spreads.Count, Quantiles.Median(spreads), 100 * Quantiles.Median(errors), 100 * Quantiles.Median(liveErrors), 100.0 * liveHeld / spreads.Count);
    }

    private static List<StepProgress> ProgressAt(PastWindow window, double seconds)
    {
        var (progress, left) = (new List<StepProgress>(), seconds);
        foreach (var step in window.Steps)
        {
            if (left < step.Seconds)
            {
                progress.Add(new StepProgress(TimeSpan.FromSeconds(left), Math.Pow(left / step.Seconds, step.Bend), IsOver: false));
                break;
            }

            progress.Add(new StepProgress(TimeSpan.FromSeconds(step.Seconds), 1, IsOver: true));
            left -= step.Seconds;
        }

        return progress;
    }
}
