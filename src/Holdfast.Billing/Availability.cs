namespace Holdfast.Billing;

/// <summary>A time in which the service was not there, Unix seconds.</summary>
public readonly record struct Outage(long From, long Until);

/// <summary>Credits: computed from recorded unavailability and what each plan promises.</summary>
public static class Availability
{
    private const int Whole = 1_000_000;

    /// <summary>For how much of a time the service was there, parts per million, rounded down; outages that overlap count once.</summary>
    /// <param name="from">Unix seconds.</param>
    /// <param name="until">Unix seconds, behind <paramref name="from"/>.</param>
    /// <param name="outages">In any order.</param>
    public static int Of(long from, long until, IEnumerable<Outage> outages)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(from, until);
        var (away, end) = (0L, from);
        foreach (var outage in outages.OrderBy(outage => outage.From))
        {
            var (begin, stop) = (Math.Max(outage.From, end), Math.Min(outage.Until, until));
            if (begin < stop)
            {
                (away, end) = (away + stop - begin, stop);
            }
        }

        return (int)((Int128)(until - from - away) * Whole / (until - from));
    }

    /// <summary>What is given back of a month's charges, as lines of less than nothing: for each plan by its promise, and by the days on which it held.</summary>
    /// <param name="lines">Lines of any months, as they were issued: what was given back for them already is taken off, and nothing is ever taken back.</param>
    /// <param name="outages">What is known of now.</param>
    public static IReadOnlyList<Charge> CreditsOf(IReadOnlyList<Charge> lines, IReadOnlyCollection<Outage> outages)
    {
        var credits = new List<Charge>();
        foreach (var period in lines.GroupBy(line => (line.Plan.Name, line.Plan.Version, line.FromDay, line.UntilDay)))
        {
            var (plan, from, until) = (period.First().Plan, period.Key.FromDay, period.Key.UntilDay);
            var available = Of(from * Month.SecondsPerDay, until * Month.SecondsPerDay, outages);
            if (plan.Promise.LastOrDefault(step => available < step.BelowPartsPerMillion) is { } broken)
            {
                var cost = Money.Sum(period.Where(line => line.Kind != ChargeKind.Credit).Select(line => line.Amount), plan.Currency);
                var given = Money.Sum(period.Where(line => line.Kind == ChargeKind.Credit).Select(line => line.Amount), plan.Currency);
                var credit = Money.Round((System.Numerics.BigInteger)cost.Minor * broken.Percent, 100, plan.Currency) + given;
                if (credit.Minor > 0)
                {
                    credits.Add(new Charge(ChargeKind.Credit, plan, from, until, broken.Percent, -credit));
                }
            }
        }

        return credits;
    }
}
