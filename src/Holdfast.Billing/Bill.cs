namespace Holdfast.Billing;

/// <summary>A month's bill as it is computed: lines, credits, tax. What was issued is never computed again.</summary>
/// <param name="Month">The month.</param>
/// <param name="Currency">Of all of it.</param>
/// <param name="Lines">Charges, then credits.</param>
/// <param name="Net">Their sum.</param>
/// <param name="TaxBasisPoints">Hundredths of a percent.</param>
/// <param name="Tax">Rounded once, of the sum.</param>
public sealed record Bill(Month Month, Currency Currency, IReadOnlyList<Charge> Lines, Money Net, int TaxBasisPoints, Money Tax)
{
    public Money Total => Net + Tax;

    /// <summary>Computes a bill.</summary>
    /// <param name="month">The month.</param>
    /// <param name="currency">The customer's.</param>
    /// <param name="plans">As <see cref="Charges.Of"/> takes them.</param>
    /// <param name="untilDay">The day behind the last that is charged.</param>
    /// <param name="usageOf">What was used on a day.</param>
    /// <param name="outages">When the service was not there.</param>
    /// <param name="taxBasisPoints">0 to 10000.</param>
    /// <param name="earlier">Lines of months that were billed before: an outage that was recorded since is given back now.</param>
    /// <exception cref="BillingException">mixed currencies, impossible usage.</exception>
    public static Bill Of(Month month, Currency currency, IReadOnlyList<PlanPeriod> plans, long untilDay, Func<long, DailyUsage> usageOf, IReadOnlyCollection<Outage> outages, int taxBasisPoints, IReadOnlyList<Charge> earlier)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(taxBasisPoints);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(taxBasisPoints, 10_000);
        var charges = Charges.Of(month, plans, untilDay, usageOf);
        IReadOnlyList<Charge> lines = [.. charges, .. Availability.CreditsOf(charges, outages), .. Availability.CreditsOf(earlier, outages)];
        var net = Money.Sum(lines.Select(line => line.Amount), currency);
        return new Bill(month, currency, lines, net, taxBasisPoints, Money.Round((System.Numerics.BigInteger)net.Minor * taxBasisPoints, 10_000, currency));
    }
}
