namespace Holdfast.Maintenance.Estimating;

/// <summary>Of values, and of values with weights.</summary>
internal static class Quantiles
{
    public static double Median(List<double> values) => Of(values, 0.5);

    /// <summary>Between the two values next to it, as R's type 7 (Hyndman and Fan 1996).</summary>
    public static double Of(List<double> values, double share)
    {
        values.Sort();
        var place = share * (values.Count - 1);
        var below = (int)place;
        return below + 1 < values.Count ? values[below] + ((place - below) * (values[below + 1] - values[below])) : values[below];
    }

    /// <summary>The least value that has a share of the weight at or below it.</summary>
    public static double Of(double[] values, double[] weights, double share)
    {
        var order = Enumerable.Range(0, values.Length).OrderBy(index => values[index]).ToArray();
        var (left, sum) = (share * weights.Sum(), 0.0);
        foreach (var index in order)
        {
            sum += weights[index];
            if (sum >= left)
            {
                return values[index];
            }
        }

        return values[order[^1]];
    }
}
