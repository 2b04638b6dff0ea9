using CsCheck;

namespace Holdfast.Billing.Tests;

/// <summary>Credits for outages, tax, and what a bill comes to.</summary>
public sealed class BillTests
{
    private const long Day = 86_400;

    private static readonly Currency _eur = Currency.Parse("EUR");
    private static readonly Month _november = new(2026, 11);
    private static readonly Plan _promised = new Plan("promised", 1, _eur) { Base = 3000, Promise = [new PromiseStep(999_000, 10), new PromiseStep(990_000, 50), new PromiseStep(950_000, 100)] }.Check();

    [Theory]
    [InlineData(0, 3000)]
    [InlineData(2591, 3000)]
    [InlineData(2593, 2700)]
    [InlineData(25_921, 1500)]
    [InlineData(36 * 3600, 1500)]
    [InlineData(37 * 3600, 0)]
    public void Outages_are_paid_back_as_the_plan_promises(long seconds, long total)
    {
        var from = (_november.FirstDay * Day) + 12_345;
        var bill = Bill.Of(_november, _eur, [new PlanPeriod(_promised, 0)], long.MaxValue, _ => default, [new Outage(from, from + seconds), new Outage(from + (seconds / 2), from + seconds)], 0, []);
        Assert.Equal(total, bill.Total.Minor);
    }

    [Fact]
    public void An_outage_counts_for_the_plan_that_held_and_only_within_its_days()
    {
        var changed = _november.FirstDay + 15;

        // Before the month, in its second half, and behind it.
        List<Outage> outages = [new(0, _november.FirstDay * Day), new(changed * Day, (changed * Day) + 3600), new(_november.EndDay * Day, (_november.EndDay + 3) * Day)];
        var bill = Bill.Of(_november, _eur, [new PlanPeriod(_promised, 0), new PlanPeriod(_promised with { Version = 2 }, changed)], long.MaxValue, _ => default, outages, 1900, []);
        Assert.Equal([(1, 1500L), (2, 1500), (2, -150)], bill.Lines.Select(line => (line.Plan.Version, line.Amount.Minor)));
        Assert.Equal((2850L, 542L, 3392L), (bill.Net.Minor, bill.Tax.Minor, bill.Total.Minor));
    }

    [Fact]
    public void Lines_add_up_and_no_more_is_given_back_than_was_charged() => Gen.Select(Gen.Long[0, 10_000], Gen.Int[0, 10_000], Gen.Select(Gen.Long[-5 * Day, 35 * Day], Gen.Long[0, 5 * Day]).Array[0, 6]).Sample((price, tax, outages) =>
    {
        var plan = _promised with { Base = price };
        var bill = Bill.Of(_november, _eur, [new PlanPeriod(plan, 0)], long.MaxValue, _ => default, [.. outages.Select(outage => new Outage((_november.FirstDay * Day) + outage.Item1, (_november.FirstDay * Day) + outage.Item1 + outage.Item2))], tax, []);
        Assert.Equal(bill.Lines.Sum(line => line.Amount.Minor), bill.Net.Minor);
        Assert.Equal(bill.Net.Minor + bill.Tax.Minor, bill.Total.Minor);
        Assert.True(bill.Net.Minor >= 0 && bill.Net.Minor <= price);
        Assert.Equal((long)Math.Round(bill.Net.Minor * (decimal)tax / 10_000, MidpointRounding.AwayFromZero), bill.Tax.Minor);
    }, iter: 1000);

    [Theory]
    [InlineData("2026-11", 2026, 11)]
    [InlineData("1970-01", 1970, 1)]
    public void Months_are_read_as_they_are_written(string text, int year, int number)
    {
        Assert.Equal(new Month(year, number), Month.TryParse(text));
        Assert.Equal(text, new Month(year, number).ToString());
        Assert.Equal(new Month(year, number), Month.Of(new Month(year, number).EndDay - 1));
        Assert.Equal(new Month(year, number).Next, Month.Of(new Month(year, number).EndDay));
    }

    [Theory]
    [InlineData("")]
    [InlineData("2026-13")]
    [InlineData("2026-1")]
    [InlineData("26-01")]
    [InlineData("2026-01-01")]
    public void What_is_no_month_is_not_read(string text) => Assert.Null(Month.TryParse(text));
}
