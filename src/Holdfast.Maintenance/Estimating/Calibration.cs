namespace Holdfast.Maintenance.Estimating;

/// <summary>
/// Intervals as wide as they have to be to hold as often as they say: what the model draws, widened by factors that `bench/maintenance` finds on generated histories (conformal prediction: the residuals of others, pooled,
/// since three to ten runs of one's own cannot say what happens once in ten times).
/// </summary>
internal static class Calibration
{
    private const double Half = 0.03;
    private const double NineTenths = 1.28;
    private const double LiveHalf = 0;
    private const double LiveNineTenths = 1.15;

    /// <summary>The interval of draws in seconds.</summary>
    public static Interval Of(double[] draws) => Widen([.. draws], null, 0, Half, NineTenths);

    /// <summary>The interval of what is left, behind what is over; draws count by their weights.</summary>
    public static Interval Live(double[] left, double[] weights, double over) => Widen(left, weights, over, LiveHalf, LiveNineTenths);

    /// <summary>How many of what the draws stand for, 0 to 1, take longer: as wide as their intervals are.</summary>
    public static double ShareLater(double[] draws, double seconds)
    {
        var middle = Quantiles.Of(draws, [.. draws.Select(_ => 1.0)], 0.5);
        var limit = seconds > middle && middle > 0 ? middle * Math.Pow(seconds / middle, 1 / NineTenths) : seconds;
        return (double)draws.Count(draw => draw > limit) / draws.Length;
    }

    private static Interval Widen(double[] draws, double[]? weights, double over, double half, double nineTenths)
    {
        weights ??= [.. draws.Select(_ => 1.0)];
        var (middle, high) = (Quantiles.Of(draws, weights, 0.5), Quantiles.Of(draws, weights, 0.9));
        if (middle <= 0)
        {
            return new Interval(Time(over), Time(over + high));
        }

        var spread = Math.Log(high / middle);
        return new Interval(Time(over + (middle * Math.Exp(half * spread))), Time(over + (middle * Math.Exp(nineTenths * spread))));
    }

    /// <summary>A hundred years are as good as for ever, and can be added to.</summary>
    private static TimeSpan Time(double seconds) => TimeSpan.FromSeconds(Math.Min(seconds, 100 * 365.25 * 86_400));
}
