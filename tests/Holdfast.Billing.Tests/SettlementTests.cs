using CsCheck;

namespace Holdfast.Billing.Tests;

/// <summary>What is open of invoices, and how customers who do not pay are told.</summary>
public sealed class SettlementTests
{
    [Fact]
    public void Payments_settle_the_oldest_invoice_first()
    {
        List<IssuedInvoice> invoices = [new(1, 500, 10), new(2, -200, 40), new(3, 700, 70)];
        Assert.Equal([300L, 0, 700], Settlement.Of(invoices, 0).Open);
        Assert.Equal(10, Settlement.OldestDueDay(invoices, 299));
        Assert.Equal(70, Settlement.OldestDueDay(invoices, 300));
        var (open, ahead) = Settlement.Of(invoices, 1100);
        Assert.Equal([0L, 0, 0], open);
        Assert.Equal(100, ahead);
        Assert.Null(Settlement.OldestDueDay(invoices, 1100));

        // A payment that the bank took back, and more.
        Assert.Equal([310L, 0, 700], Settlement.Of(invoices, -10).Open);
    }

    [Fact]
    public void What_is_open_adds_up_to_the_balance_whatever_was_paid() => Gen.Select(Gen.Long[-1000, 1000].Array[1, 12], Gen.Long[-3000, 9000]).Sample((totals, paid) =>
    {
        var (open, ahead) = Settlement.Of([.. totals.Select((total, i) => new IssuedInvoice(i, total, i))], paid);
        Assert.All(open, left => Assert.True(left >= 0));
        Assert.Equal(totals.Sum() - paid, open.Sum() - ahead);
        Assert.True(ahead <= 0 || open.All(left => left == 0));
    }, iter: 5000);

    [Fact]
    public void Nobody_is_paused_who_was_not_warned_and_who_pays_is_at_none()
    {
        var dunning = new Dunning(3, 14, 30);
        Assert.Equal([DunningLevel.None, DunningLevel.Reminded, DunningLevel.Reminded, DunningLevel.Warned, DunningLevel.Paused], ((IEnumerable<long>)[2, 3, 13, 14, 30]).Aggregate((List<DunningLevel>)[], (levels, days) => [.. levels, dunning.Next(levels.LastOrDefault(), days)]));
        Assert.Equal(DunningLevel.Reminded, dunning.Next(DunningLevel.None, 400));
        Assert.Equal(DunningLevel.None, dunning.Next(DunningLevel.Paused, 0));
        Assert.Equal(DunningLevel.Paused, dunning.Next(DunningLevel.Paused, 1));
    }

    [Theory]
    [InlineData("12", "EUR", 1200)]
    [InlineData("12.5", "EUR", 1250)]
    [InlineData("-0.01", "EUR", -1)]
    [InlineData("12", "JPY", 12)]
    [InlineData("0.001", "KWD", 1)]
    public void Amounts_are_read_as_people_write_them(string text, string currency, long minor) => Assert.Equal(minor, Money.TryParse(text, Currency.Parse(currency))!.Value.Minor);

    [Theory]
    [InlineData("", "EUR")]
    [InlineData("12.505", "EUR")]
    [InlineData("12.5", "JPY")]
    [InlineData("1,200", "EUR")]
    [InlineData("EUR 5", "EUR")]
    [InlineData("99999999999999999999", "EUR")]
    public void What_is_no_amount_is_not_read(string text, string currency) => Assert.Null(Money.TryParse(text, Currency.Parse(currency)));

    [Fact]
    public void An_outage_that_is_recorded_later_is_given_back_with_the_next_bill_and_once_only()
    {
        const long Day = 86_400;
        var (eur, november) = (Currency.Parse("EUR"), new Month(2026, 11));
        var plan = new Plan("promised", 1, eur) { Base = 3000, Promise = [new PromiseStep(999_000, 10), new PromiseStep(990_000, 50)] }.Check();
        var hour = new Outage((november.FirstDay + 3) * Day, ((november.FirstDay + 3) * Day) + 3600);
        var first = Bill.Of(november, eur, [new PlanPeriod(plan, 0)], long.MaxValue, _ => default, [hour], 0, []);
        Assert.Equal(2700, first.Net.Minor);

        // It was ten hours; that is known in January.
        Outage longer = new(hour.From, hour.From + (10 * 3600));
        var second = Bill.Of(november.Next, eur, [new PlanPeriod(plan, 0)], long.MaxValue, _ => default, [hour, longer], 0, first.Lines);
        Assert.Equal([3000L, -1200], second.Lines.Select(line => line.Amount.Minor));
        var third = Bill.Of(november.Next.Next, eur, [new PlanPeriod(plan, 0)], long.MaxValue, _ => default, [hour, longer], 0, [.. first.Lines, .. second.Lines]);
        Assert.Equal([3000L], third.Lines.Select(line => line.Amount.Minor));

        // And what was given is not taken back.
        Assert.Equal([3000L], Bill.Of(november.Next.Next, eur, [new PlanPeriod(plan, 0)], long.MaxValue, _ => default, [], 0, [.. first.Lines, .. second.Lines]).Lines.Select(line => line.Amount.Minor));
    }
}
