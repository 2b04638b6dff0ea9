using System.Numerics;
using CsCheck;

namespace Holdfast.Billing.Tests;

/// <summary>Amounts: sums, rounding, currencies.</summary>
public sealed class MoneyTests
{
    private static readonly Currency _eur = Currency.Parse("EUR");

    [Theory]
    [InlineData(123456, "EUR", "EUR 1234.56")]
    [InlineData(-5, "EUR", "EUR -0.05")]
    [InlineData(0, "USD", "USD 0.00")]
    [InlineData(1234, "JPY", "JPY 1234")]
    [InlineData(-1234, "KWD", "KWD -1.234")]
    [InlineData(long.MinValue, "EUR", "EUR -92233720368547758.08")]
    public void An_amount_is_written_with_its_currencys_digits(long minor, string currency, string text) => Assert.Equal(text, new Money(minor, Currency.Parse(currency)).ToString());

    [Fact]
    public void Currencies_do_not_mix_and_must_be_known()
    {
        var (euro, dollar) = (new Money(1, _eur), new Money(1, Currency.Parse("USD")));
        Assert.Equal(BillingError.MixedCurrencies, Assert.Throws<BillingException>(() => euro + dollar).Error);
        Assert.Equal(BillingError.UnknownCurrency, Assert.Throws<BillingException>(() => Currency.Parse("eur")).Error);
        Assert.Equal(BillingError.ImpossibleUsage, Assert.Throws<BillingException>(() => new Money(long.MaxValue, _eur) + euro).Error);
        Assert.Equal(BillingError.ImpossibleUsage, Assert.Throws<BillingException>(() => -new Money(long.MinValue, _eur)).Error);
    }

    [Fact]
    public void A_fraction_is_rounded_to_the_nearest_half_away_from_zero() => Gen.Select(Gen.Long[-1_000_000, 1_000_000], Gen.Long[1, 5000]).Sample((numerator, denominator) =>
    {
        var rounded = Money.Round(numerator, denominator, _eur).Minor;
        Assert.Equal((long)Math.Round((decimal)numerator / denominator, MidpointRounding.AwayFromZero), rounded);
    });

    [Fact]
    public void What_does_not_fit_is_refused() => Assert.Equal(BillingError.ImpossibleUsage, Assert.Throws<BillingException>(() => Money.Round(BigInteger.Pow(10, 30), 1, _eur)).Error);
}
