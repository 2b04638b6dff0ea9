using System.Globalization;
using System.Numerics;

namespace Holdfast.Billing;

/// <summary>An amount of money: whole minor units (cents) of one currency. Sums that do not fit, or are of two currencies, fail.</summary>
public readonly record struct Money(long Minor, Currency Currency)
{
    public bool IsZero => Minor == 0;

    public static Money Zero(Currency currency) => new(0, currency);

    public static Money operator +(Money one, Money other) => Fit((Int128)one.Minor + other.In(one.Currency), one.Currency);

    public static Money operator -(Money one, Money other) => Fit((Int128)one.Minor - other.In(one.Currency), one.Currency);

    public static Money operator -(Money amount) => Fit(-(Int128)amount.Minor, amount.Currency);

    /// <summary>A fraction of a minor unit is rounded to the nearest whole one, half away from zero: once for each line of a bill, and nowhere else.</summary>
    public static Money Round(BigInteger numerator, BigInteger denominator, Currency currency)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(denominator);
        var isNegative = numerator < 0;
        var rounded = ((2 * BigInteger.Abs(numerator)) + denominator) / (2 * denominator);
        return rounded > long.MaxValue ? throw TooLarge() : new Money((long)(isNegative ? -rounded : rounded), currency);
    }

    public static Money Sum(IEnumerable<Money> amounts, Currency currency) => amounts.Aggregate(Zero(currency), (sum, amount) => sum + amount);

    /// <summary>Reads an amount as people write it: <c>12</c>, <c>12.5</c> or <c>-12.50</c>, with no more digits behind the point than the currency has; null if it is none.</summary>
    public static Money? TryParse(string text, Currency currency) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount)
        && amount * (decimal)Math.Pow(10, currency.Digits) is var minor && decimal.IsInteger(minor) && minor is >= -Plan.NumberMax and <= Plan.NumberMax
            ? new Money((long)minor, currency) : null;

    /// <summary>As in <c>EUR 1234.50</c>.</summary>
    public override string ToString()
    {
        var digits = UInt128Of(Minor).ToString(CultureInfo.InvariantCulture).PadLeft(Currency.Digits + 1, '0');
        return $"{Currency.Code} {(Minor < 0 ? "-" : "")}{digits[..^Currency.Digits]}{(Currency.Digits == 0 ? "" : ".")}{digits[^Currency.Digits..]}";
    }

    private static UInt128 UInt128Of(long minor) => (UInt128)Int128.Abs(minor);

    private static Money Fit(Int128 minor, Currency currency) => minor < long.MinValue || minor > long.MaxValue ? throw TooLarge() : new Money((long)minor, currency);

    private static BillingException TooLarge() => new(BillingError.ImpossibleUsage, "An amount is larger than can be billed.");

    private long In(Currency currency) => Currency == currency
        ? Minor : throw new BillingException(BillingError.MixedCurrencies, $"{Currency.Code} and {currency.Code} cannot be added up: a customer has one currency.");
}
