namespace Holdfast.Maintenance.Rehearsing;

/// <summary>What came of one world.</summary>
/// <param name="CaughtUp">When the last had caught up, against the least time in which anybody could have.</param>
/// <param name="Restore">A restore's time, 99th of a hundred, against an idle service's.</param>
/// <param name="HasCollapsed">Half an hour in which less than half was done of what could have been, with work waiting.</param>
/// <param name="Jain">Of accounts' mean time to catch up (small ones in groups of a big one's size): 1 is the same for all.</param>
/// <param name="Greedy">The mean time of those who do as they are told, against those who poll.</param>
/// <param name="Echo">The fullest hour of the third to sixth day after, against the mean.</param>
/// <param name="Daily">Autocorrelation of those hours after 24.</param>
/// <param name="Times">When how many had caught up.</param>
internal sealed record Outcome(double CaughtUp, double Restore, bool HasCollapsed, double Jain, double Greedy, double Echo, double Daily, CaughtUpAfter Times)
{
    private const int EchoFrom = 3;

    public static Outcome Of(FleetShape shape, Population population, double[] caughtUp, double least, List<double> restores, bool hasCollapsed, List<int> starts, double caughtUpAt)
    {
        restores.Sort();
        var present = Enumerable.Range(0, shape.Clients).Where(client => !population.IsAbsent[client]).ToArray();
        var hours = Hours(starts, caughtUpAt, shape.DaysAfter);
        return new Outcome(
            caughtUpAt / least,
            restores[(int)(0.99 * restores.Count)] / -Math.Log(0.01),
            hasCollapsed,
            JainIndex(present.GroupBy(client => GroupOf(shape, population, client)).Select(group => group.Average(client => caughtUp[client]))),
            Mean(population, present, caughtUp, greedy: false) / Mean(population, present, caughtUp, greedy: true),
            hours.Length == 0 ? double.NaN : hours.Max() / hours.Average(),
            hours.Length == 0 ? double.NaN : Correlation(hours[..^24], hours[24..]),
            CaughtUpAfter.Of([.. present.Select(client => caughtUp[client])]));
    }

    private static int GroupOf(FleetShape shape, Population population, int client) =>
        population.Account[client] < shape.BigAccounts ? population.Account[client] : shape.BigAccounts + (client % (int)Math.Max(1, shape.BigAccounts * (1 - shape.InBigAccounts) / shape.InBigAccounts));

    private static double Mean(Population population, int[] clients, double[] caughtUp, bool greedy) =>
        clients.Where(client => population.IsGreedy[client] == greedy).Select(client => caughtUp[client]).DefaultIfEmpty(double.NaN).Average();

    private static double JainIndex(IEnumerable<double> values)
    {
        var (sum, squares, count) = (0.0, 0.0, 0);
        foreach (var value in values)
        {
            (sum, squares, count) = (sum + value, squares + (value * value), count + 1);
        }

        return sum * sum / (count * squares);
    }

    private static double[] Hours(List<int> starts, double from, int days)
    {
        if (days <= EchoFrom || double.IsInfinity(from))
        {
            return [];
        }

        var hours = new double[(days - EchoFrom) * 24];
        foreach (var start in starts)
        {
            var hour = (int)Math.Floor((start - from) / 3600) - (EchoFrom * 24);
            if (hour >= 0 && hour < hours.Length)
            {
                hours[hour]++;
            }
        }

        return hours;
    }

    private static double Correlation(double[] first, double[] second)
    {
        var (a, b) = (first.Average(), second.Average());
        var (both, one, other) = (0.0, 0.0, 0.0);
        for (var i = 0; i < first.Length; i++)
        {
            both += (first[i] - a) * (second[i] - b);
            one += (first[i] - a) * (first[i] - a);
            other += (second[i] - b) * (second[i] - b);
        }

        return one * other > 0 ? both / Math.Sqrt(one * other) : 0;
    }
}

/// <summary>When how many had caught up, in seconds since the service was back; infinity for never.</summary>
public sealed record CaughtUpAfter(double Half, double NineTenths, double NinetyNine, double All)
{
    internal static CaughtUpAfter Of(double[] seconds)
    {
        Array.Sort(seconds);
        double At(double share) => seconds.Length == 0 ? 0 : seconds[(int)Math.Ceiling(share * (seconds.Length - 1))];
        return new CaughtUpAfter(At(0.5), At(0.9), At(0.99), At(1));
    }
}
