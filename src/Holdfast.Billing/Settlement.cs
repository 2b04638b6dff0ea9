namespace Holdfast.Billing;

/// <summary>An invoice as far as it matters who owes what.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Total">What it comes to; less than nothing if more was given back than charged.</param>
/// <param name="DueDay">The last day on which it is paid in time.</param>
public readonly record struct IssuedInvoice(long Number, long Total, long DueDay);

/// <summary>What is left to be paid of a customer's invoices: payments and credits settle the oldest invoice first, whatever they were meant for.</summary>
public static class Settlement
{
    /// <summary>What is open of each invoice, in the order of their numbers; together with <c>Ahead</c>, what was paid too much, it adds up to the balance.</summary>
    /// <param name="invoices">All of a customer's, in the order of numbers; minor units of one currency.</param>
    /// <param name="paid">All that was paid, less what was paid back.</param>
    public static (IReadOnlyList<long> Open, long Ahead) Of(IReadOnlyList<IssuedInvoice> invoices, long paid)
    {
        var left = invoices.Where(invoice => invoice.Total < 0).Aggregate(paid, (sum, invoice) => checked(sum - invoice.Total));
        var open = new long[invoices.Count];
        for (var i = 0; i < open.Length; i++)
        {
            // What was paid back beyond what was paid is owed with the first invoice.
            var owed = Math.Max(0, invoices[i].Total);
            var settled = Math.Min(owed, left);
            (open[i], left) = (owed - settled, left - settled);
        }

        return (open, left);
    }

    /// <summary>The last day on which the oldest open invoice was paid in time; null if none is open.</summary>
    public static long? OldestDueDay(IReadOnlyList<IssuedInvoice> invoices, long paid)
    {
        var (open, _) = Of(invoices, paid);
        var first = Enumerable.Range(0, open.Count).Where(i => open[i] > 0).Select(i => (int?)i).FirstOrDefault();
        return first is { } at ? invoices[at].DueDay : null;
    }
}
