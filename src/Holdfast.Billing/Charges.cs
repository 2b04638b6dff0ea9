using System.Numerics;

namespace Holdfast.Billing;

/// <summary>What an account used on a day.</summary>
public readonly record struct DailyUsage(long Bytes, long Computers);

/// <summary>A plan that holds for a time. A day belongs to the plan that is in force at its end: a change counts for the day on which it is made.</summary>
/// <param name="Plan">It.</param>
/// <param name="FromDay">The first day.</param>
public readonly record struct PlanPeriod(Plan Plan, long FromDay);

/// <summary>What a line is of.</summary>
public enum ChargeKind
{
    Base,
    Computers,
    Storage,
    Credit,
}

/// <summary>A line of a bill.</summary>
/// <param name="Kind">What it is of.</param>
/// <param name="Plan">The plan.</param>
/// <param name="FromDay">Its first day.</param>
/// <param name="UntilDay">The day behind its last.</param>
/// <param name="Quantity">Thousandths of computers or gigabytes, on average over the month; percent for a credit; 1000 for a base.</param>
/// <param name="Amount">What it costs.</param>
public sealed record Charge(ChargeKind Kind, Plan Plan, long FromDay, long UntilDay, long Quantity, Money Amount);

/// <summary>What a month costs: for each plan that held, its base by days, computers and storage by what was used on each day, each rounded once.</summary>
public static class Charges
{
    private const long Micros = 1_000_000;
    private const int Thousandths = 1000;

    /// <summary>Computes the lines of a month. It depends on nothing else: whoever computes it again gets the same.</summary>
    /// <param name="month">The month.</param>
    /// <param name="plans">In the order of days; nothing is charged for days before the first.</param>
    /// <param name="untilDay">The day behind the last that is charged: an account ended, or the month has not.</param>
    /// <param name="usageOf">What was used on a day.</param>
    /// <exception cref="BillingException">impossible usage, mixed currencies.</exception>
    public static IReadOnlyList<Charge> Of(Month month, IReadOnlyList<PlanPeriod> plans, long untilDay, Func<long, DailyUsage> usageOf)
    {
        var charges = new List<Charge>();
        for (var i = 0; i < plans.Count; i++)
        {
            var (from, until) = (Math.Max(month.FirstDay, plans[i].FromDay), Math.Min(Math.Min(month.EndDay, untilDay), i + 1 < plans.Count ? plans[i + 1].FromDay : long.MaxValue));
            if (from < until)
            {
                AddPeriod(charges, month, plans[i].Plan, from, until, usageOf);
            }
        }

        return charges.Select(charge => charge.Plan.Currency).Distinct().Count() > 1
            ? throw new BillingException(BillingError.MixedCurrencies, $"The plans of {month} are in different currencies: a customer has one.")
            : charges;
    }

    private static void AddPeriod(List<Charge> charges, Month month, Plan plan, long from, long until, Func<long, DailyUsage> usageOf)
    {
        var (days, computers, storage) = (until - from, BigInteger.Zero, new BigInteger[plan.Tiers.Count]);
        for (var day = from; day < until; day++)
        {
            var usage = usageOf(day);
            if (usage.Bytes < 0 || usage.Computers < 0)
            {
                throw new BillingException(BillingError.ImpossibleUsage, $"On {Month.DateOf(day):yyyy-MM-dd} less than nothing was used: {usage.Bytes} bytes, {usage.Computers} computers. Nothing is billed before that is mended.");
            }

            computers += Math.Max(0, usage.Computers - plan.ComputersIncluded);
            AddStorage(storage, plan, usage);
        }

        if (plan.Base > 0)
        {
            charges.Add(new Charge(ChargeKind.Base, plan, from, until, Thousandths, Money.Round((BigInteger)plan.Base * days, month.Days, plan.Currency)));
        }

        if (plan.PerComputer > 0 && computers > 0)
        {
            charges.Add(new Charge(ChargeKind.Computers, plan, from, until, Rounded(computers * Thousandths, month.Days), Money.Round(plan.PerComputer * computers, month.Days, plan.Currency)));
        }

        for (var tier = 0; tier < storage.Length; tier++)
        {
            if (storage[tier] > 0 && plan.Tiers[tier].MicrosPerGigabyte > 0)
            {
                charges.Add(new Charge(ChargeKind.Storage, plan, from, until, Rounded(storage[tier] * Thousandths, (BigInteger)Plan.Gigabyte * month.Days),
                    Money.Round(storage[tier] * plan.Tiers[tier].MicrosPerGigabyte, (BigInteger)Plan.Gigabyte * Micros * month.Days, plan.Currency)));
            }
        }
    }

    /// <summary>Divides a day's bytes among the tiers.</summary>
    private static void AddStorage(BigInteger[] storage, Plan plan, DailyUsage usage)
    {
        var included = ((BigInteger)plan.GigabytesIncluded + ((BigInteger)plan.GigabytesIncludedPerComputer * usage.Computers)) * Plan.Gigabyte;
        var (left, below) = (BigInteger.Max(0, usage.Bytes - included), BigInteger.Zero);
        for (var tier = 0; tier < storage.Length && left > 0; tier++)
        {
            var room = plan.Tiers[tier].UpToGigabytes is { } end ? ((BigInteger)end * Plan.Gigabyte) - below : left;
            var here = BigInteger.Min(left, room);
            storage[tier] += here;
            (left, below) = (left - here, below + room);
        }
    }

    private static long Rounded(BigInteger numerator, BigInteger denominator) => (long)BigInteger.Min(long.MaxValue, ((2 * numerator) + denominator) / (2 * denominator));
}
