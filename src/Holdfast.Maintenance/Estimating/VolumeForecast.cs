namespace Holdfast.Maintenance.Estimating;

/// <summary>
/// How much there will be: growth is the median slope of the logarithm (Theil 1950, Sen 1968), of the last months and of all there is, drawn towards what services usually grow by while there is little to go by.
/// A median slope does not mind a day that was counted wrong, or a jump.
/// </summary>
/// <param name="Now">The last value; 0 if there is none.</param>
/// <param name="PerMonth">By what it grows in a month: 0.03 is 3 %.</param>
/// <param name="LogMean">The logarithm of what there will be.</param>
/// <param name="LogDeviation">How far that may be off.</param>
/// <param name="MonthsAhead">From the last value to then.</param>
public sealed record VolumeForecast(double Now, double PerMonth, double LogMean, double LogDeviation, double MonthsAhead)
{
    internal const double DaysPerMonth = 30.4375;

    /// <summary>The last months say most about the next; what was before says whether they were usual.</summary>
    private static readonly (double Months, double Weight)[] _spans = [(2.5, 3), (6, 1), (1200, 0.5)];

    /// <summary>What is usual keeps a week's leap from being believed for ever.</summary>
    private const double PriorWeight = 0.3;

    /// <summary>By what a service grows in a month that is not known better.</summary>
    private const double UsualGrowth = 0.03;
    private const double UsualGrowthDeviation = 0.03;

    /// <summary>Nothing grows faster for long, and nobody plans further ahead.</summary>
    private const double SlopeMax = 1;
    private const double MonthsAheadMax = 36;

    /// <summary>Pairs of samples grow with the square; so many say it all.</summary>
    private const int PointsMax = 80;

    public double Value => Math.Exp(LogMean);

    /// <summary>Null where nothing was ever counted.</summary>
    public static VolumeForecast? At(double day, IReadOnlyList<VolumeSample> samples)
    {
        var points = samples.Where(sample => sample.IsSound).OrderBy(sample => sample.Day).Select(sample => (Month: sample.Day / DaysPerMonth, Log: Math.Log(sample.Value))).ToList();
        if (points.Count == 0)
        {
            return null;
        }

        var last = points[^1];
        var ahead = double.IsNaN(day) ? 0 : Math.Clamp((day / DaysPerMonth) - last.Month, 0, MonthsAheadMax);
        var months = last.Month - points[0].Month;
        var (slope, weights) = (PriorWeight * UsualGrowth, PriorWeight);
        var slopes = new List<double>();
        foreach (var (span, weight) in _spans)
        {
            // A span longer than all there is says no more than all there is.
            var within = points.Where(point => last.Month - point.Month <= span).ToList();
            var share = weight * Math.Min(1, (last.Month - within[0].Month) / Math.Min(span, 12));
            slopes.Add(Slope(within));
            (slope, weights) = (slope + (share * slopes[^1]), weights + share);
        }

        slope /= weights;
        var noise = Deviation([.. points.Where(point => last.Month - point.Month <= _spans[0].Months)], slope);
        var slopeDeviation = Math.Min(Math.Max(UsualGrowthDeviation, Math.Abs(slope) / 3), 0.004 + ((slopes.Max() - slopes.Min()) / 3) + (UsualGrowthDeviation / (1 + months)));
        return new VolumeForecast(Math.Exp(last.Log), Math.Exp(slope) - 1, last.Log + (slope * ahead), Math.Sqrt((noise * noise) + (slopeDeviation * slopeDeviation * ahead * ahead)), ahead);
    }

    private static double Slope(List<(double Month, double Log)> points)
    {
        var step = Math.Max(1, (points.Count + PointsMax - 1) / PointsMax);
        var chosen = points.Where((_, index) => (points.Count - 1 - index) % step == 0).ToList();
        var slopes = new List<double>(chosen.Count * chosen.Count / 2);
        for (var first = 0; first < chosen.Count; first++)
        {
            for (var second = first + 1; second < chosen.Count; second++)
            {
                if (chosen[second].Month - chosen[first].Month > 1e-3)
                {
                    slopes.Add((chosen[second].Log - chosen[first].Log) / (chosen[second].Month - chosen[first].Month));
                }
            }
        }

        return slopes.Count == 0 ? UsualGrowth : Math.Clamp(Quantiles.Median(slopes), -SlopeMax, SlopeMax);
    }

    /// <summary>From the median of what the line leaves (1.4826 makes it a deviation).</summary>
    private static double Deviation(List<(double Month, double Log)> points, double slope)
    {
        var rests = points.Select(point => point.Log - (slope * point.Month)).ToList();
        var middle = Quantiles.Median(rests);
        return Math.Min(0.2, 1.4826 * Quantiles.Median([.. rests.Select(rest => Math.Abs(rest - middle))]));
    }
}
