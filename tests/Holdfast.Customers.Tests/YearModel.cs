using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Messages;

namespace Holdfast.Customers.Tests;

/// <summary>What an account must have been billed, computed in another way than the service does: from the script, in decimals, day by day.</summary>
internal sealed class AccountModel(AccountId account, string name, CustomerDetails details)
{
    private readonly List<(long FromDay, PlanTerms Terms, int Version)> _plans = [];
    private readonly Dictionary<long, (long Bytes, long Computers)> _counts = [];
    private readonly List<Segment> _segments = [];

    public AccountId Account => account;

    public string Name => name;

    public CustomerDetails Details => details;

    public long Bytes { get; set; }

    public long Computers { get; set; }

    public List<Billed> Invoices { get; } = [];

    public long Paid { get; set; }

    public long OverdueDays { get; private set; }

    public DunningLevel Dunning { get; private set; }

    public long Balance => Invoices.Sum(invoice => invoice.Total) - Paid;

    public string? Currency => _plans.Count > 0 ? _plans[0].Terms.Currency : null;

    /// <summary>From a day on; what was to come from then on is given up.</summary>
    public void Give(long fromDay, PlanTerms terms, int version)
    {
        _plans.RemoveAll(plan => plan.FromDay >= fromDay);
        _plans.Add((fromDay, terms, version));
    }

    /// <summary>The service counts.</summary>
    public void Count(long day) => _counts[day] = (Bytes, Computers);

    /// <summary>A month is over and is billed on a day, with the outages that are known then.</summary>
    public void Bill(Month month, long today, IReadOnlyCollection<Outage> outages)
    {
        var net = 0L;
        var (counted, planned) = (default((long Bytes, long Computers)), default((PlanTerms Terms, int Version)?));
        var lines = new List<(PlanTerms Terms, int Version, long First, long Last, decimal Base, decimal Computers, decimal[] Tiers)>();
        foreach (var before in _counts.Where(count => count.Key < month.FirstDay).OrderBy(count => count.Key))
        {
            counted = before.Value;
        }

        for (var day = month.FirstDay; day < month.EndDay; day++)
        {
            counted = _counts.GetValueOrDefault(day, counted);
            planned = _plans.Where(plan => plan.FromDay <= day).Select(plan => ((PlanTerms, int)?)(plan.Terms, plan.Version)).LastOrDefault();
            if (planned is not var (terms, version))
            {
                continue;
            }

            // A plan that begins is a part of its own, even if it is the same again.
            var begins = lines.Count == 0 || _plans.Any(plan => plan.FromDay == day);
            if (begins)
            {
                lines.Add((terms, version, day, day, 0, 0, new decimal[terms.Storage?.Count ?? 0]));
            }

            var line = lines[^1];
            line.Last = day;
            line.Base += terms.Base;
            line.Computers += Math.Max(0, counted.Computers - terms.ComputersIncluded) * (decimal)terms.PerComputer;
            var (from, bytes) = (0m, Math.Max(0m, counted.Bytes - ((terms.GigabytesIncluded + (terms.GigabytesIncludedPerComputer * (decimal)counted.Computers)) * 1_000_000_000m)));
            for (var tier = 0; tier < line.Tiers.Length; tier++)
            {
                var until = terms.Storage![tier].UpToGigabytes is { } end ? end * 1_000_000_000m : decimal.MaxValue;
                line.Tiers[tier] += Math.Max(0, Math.Min(bytes, until) - from) * terms.Storage[tier].MicrosPerGigabyte;
                from = until;
            }

            lines[^1] = line;
        }

        foreach (var line in lines)
        {
            var cost = Rounded(line.Base / month.Days) + Rounded(line.Computers / month.Days) + line.Tiers.Sum(tier => Rounded(tier / month.Days / 1_000_000_000_000_000m));
            if (cost > 0)
            {
                _segments.Add(new Segment(line.Terms, line.First, line.Last + 1, month, cost));
                net += cost;
            }
        }

        // Of this month, and of three before that were billed: what is known now, less what was given.
        foreach (var segment in _segments.Where(segment => segment.Month.FirstDay > month.FirstDay - 100 && Invoices.Select(invoice => invoice.Month).Append(month).TakeLast(4).Contains(segment.Month)))
        {
            var (seconds, away) = ((segment.EndDay - segment.FirstDay) * 86_400m, 0m);
            for (var hour = segment.FirstDay * 24; hour < segment.EndDay * 24; hour++)
            {
                // Outages of the script are whole hours.
                away += outages.Any(outage => outage.From <= hour * 3600 && outage.Until >= (hour + 1) * 3600) ? 3600 : 0;
            }

            var percent = (segment.Terms.Promise ?? []).Where(promise => (long)((seconds - away) * 1_000_000 / seconds) < promise.BelowPartsPerMillion).Select(promise => promise.Percent).LastOrDefault();
            var more = Math.Max(0, Rounded(segment.Cost * percent / 100m) - segment.Given);
            segment.Given += more;
            net -= more;
        }

        if (lines.Count > 0 && (net != 0 || _segments.Any(segment => segment.Month == month)))
        {
            var tax = Rounded(net * (details.TaxBasisPoints ?? CustomersService.TaxBasisPoints) / 10_000m);
            Invoices.Add(new Billed(month, net, tax, net + tax, today + (details.DueDays ?? CustomersService.DueDays)));
        }
    }

    /// <summary>A day on which the service looks who has not paid; after 3, 14 and 30 of them more happens.</summary>
    public void Look(long today)
    {
        var due = Invoices.Where(invoice => invoice.Total > 0 && invoice.DueDay < today).Sum(invoice => invoice.Total);
        var settled = Paid - Invoices.Where(invoice => invoice.Total < 0).Sum(invoice => invoice.Total);
        OverdueDays = due > settled ? OverdueDays + 1 : 0;
        Dunning = OverdueDays switch { 0 => DunningLevel.None, >= 30 => DunningLevel.Paused, >= 14 => DunningLevel.Warned, >= 3 => DunningLevel.Reminded, _ => DunningLevel.None };
    }

    /// <summary>Whoever paid what was overdue is as everybody else at once.</summary>
    public void Pay(long amount, long today)
    {
        Paid += amount;
        var due = Invoices.Where(invoice => invoice.Total > 0 && invoice.DueDay < today).Sum(invoice => invoice.Total);
        if (due <= Paid - Invoices.Where(invoice => invoice.Total < 0).Sum(invoice => invoice.Total))
        {
            (OverdueDays, Dunning) = (0, DunningLevel.None);
        }
    }

    private static long Rounded(decimal amount) => (long)Math.Round(amount, MidpointRounding.AwayFromZero);

    internal sealed record Billed(Month Month, long Net, long Tax, long Total, long DueDay);

    private sealed record Segment(PlanTerms Terms, long FirstDay, long EndDay, Month Month, long Cost)
    {
        public long Given { get; set; }
    }
}
