using CsCheck;

namespace Holdfast.Billing.Tests;

/// <summary>What months cost: against sums done by hand, against another way of computing them, and what must hold of every one.</summary>
public sealed class ChargeTests
{
    private static readonly Currency _eur = Currency.Parse("EUR");
    private static readonly Month _november = new(2026, 11);
    private static readonly Plan _personal = new Plan("personal", 1, _eur) { PerComputer = 600 }.Check();

    private static readonly Plan _business = new Plan("business", 1, _eur)
    {
        Base = 1000, PerComputer = 300, ComputersIncluded = 2, GigabytesIncluded = 100, GigabytesIncludedPerComputer = 10, Tiers = [new StorageTier(1000, 2_000_000), new StorageTier(null, 500_000)], Promise = [new PromiseStep(999_000, 10), new PromiseStep(990_000, 50)],
    }.Check();

    [Fact]
    public void A_whole_month_costs_what_the_plan_says()
    {
        var charge = Assert.Single(Charges.Of(_november, [new PlanPeriod(_personal, 0)], long.MaxValue, _ => new DailyUsage(5, 3)));
        Assert.Equal((ChargeKind.Computers, 3000L, new Money(1800, _eur)), (charge.Kind, charge.Quantity, charge.Amount));

        // 5 computers, 3 of them paid for; 2,150 GB, 150 of them included: 1,000 at 2 cents, 1,000 at half a cent.
        var lines = Charges.Of(_november, [new PlanPeriod(_business, 0)], long.MaxValue, _ => new DailyUsage(2150 * Plan.Gigabyte, 5));
        Assert.Equal([(ChargeKind.Base, 1000L, 1000L), (ChargeKind.Computers, 3000, 900), (ChargeKind.Storage, 1_000_000, 2000), (ChargeKind.Storage, 1_000_000, 500)], lines.Select(line => (line.Kind, line.Quantity, line.Amount.Minor)));
    }

    [Fact]
    public void A_change_counts_for_the_day_on_which_it_is_made_and_each_part_of_the_month_is_paid_by_its_days()
    {
        // Ten days of one plan, twenty of the other; a computer more on the last five days.
        var changed = _november.FirstDay + 10;
        var lines = Charges.Of(_november, [new PlanPeriod(_personal, 0), new PlanPeriod(_business, changed)], long.MaxValue, day => new DailyUsage(0, day >= _november.EndDay - 5 ? 4 : 3));
        Assert.Equal([(ChargeKind.Computers, _november.FirstDay, changed, 600L), (ChargeKind.Base, changed, _november.EndDay, 667), (ChargeKind.Computers, changed, _november.EndDay, 250)],
            lines.Select(line => (line.Kind, line.FromDay, line.UntilDay, line.Amount.Minor)));

        // Two changes on one day: the last one counts.
        Assert.Equal(lines, Charges.Of(_november, [new PlanPeriod(_personal, 0), new PlanPeriod(new Plan("other", 1, _eur) { Base = 99_999 }, changed), new PlanPeriod(_business, changed)], long.MaxValue, day => new DailyUsage(0, day >= _november.EndDay - 5 ? 4 : 3)));
    }

    [Fact]
    public void Days_before_the_first_plan_and_behind_the_end_cost_nothing()
    {
        var line = Assert.Single(Charges.Of(_november, [new PlanPeriod(_personal, _november.FirstDay + 29)], _november.FirstDay + 300, _ => new DailyUsage(1, 1)));
        Assert.Equal(20, line.Amount.Minor);
        Assert.Empty(Charges.Of(_november, [new PlanPeriod(_personal, _november.EndDay)], long.MaxValue, _ => new DailyUsage(1, 1)));
        Assert.Empty(Charges.Of(_november, [new PlanPeriod(_personal, 0)], _november.FirstDay, _ => new DailyUsage(1, 1)));
        Assert.Empty(Charges.Of(_november, [], long.MaxValue, _ => new DailyUsage(1, 1)));
    }

    [Fact]
    public void Usage_that_cannot_be_and_plans_in_two_currencies_are_refused()
    {
        Assert.Equal(BillingError.ImpossibleUsage, Assert.Throws<BillingException>(() => Charges.Of(_november, [new PlanPeriod(_personal, 0)], long.MaxValue, _ => new DailyUsage(-1, 1))).Error);
        Assert.Equal(BillingError.ImpossibleUsage, Assert.Throws<BillingException>(() => Charges.Of(_november, [new PlanPeriod(_personal, 0)], long.MaxValue, _ => new DailyUsage(1, -1))).Error);
        var dollars = new Plan("dollars", 1, Currency.Parse("USD")) { PerComputer = 1 };
        Assert.Equal(BillingError.MixedCurrencies, Assert.Throws<BillingException>(() => Charges.Of(_november, [new PlanPeriod(_personal, 0), new PlanPeriod(dollars, _november.FirstDay + 3)], long.MaxValue, _ => new DailyUsage(1, 100))).Error);
    }

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_plan_that_contradicts_itself_is_refused(Plan plan) => Assert.Equal(BillingError.MalformedPlan, Assert.Throws<BillingException>(plan.Check).Error);

    public static TheoryData<Plan> Malformed { get; } =
    [
        _personal with { Name = "" }, _personal with { Version = 0 }, _personal with { Base = -1 }, _personal with { PerComputer = -1 }, _personal with { GigabytesIncluded = -1 },
        _personal with { Tiers = [new StorageTier(10, 1)] }, _personal with { Tiers = [new StorageTier(null, 1), new StorageTier(null, 1)] }, _personal with { Tiers = [new StorageTier(10, 1), new StorageTier(10, 1), new StorageTier(null, 1)] },
        _personal with { Tiers = [new StorageTier(null, -1)] }, _personal with { Base = Plan.NumberMax + 1 }, _personal with { Tiers = [new StorageTier(null, Plan.NumberMax + 1)] }, _personal with { Promise = [new PromiseStep(0, 1)] }, _personal with { Promise = [new PromiseStep(1000, 101)] }, _personal with { Promise = [new PromiseStep(990_000, 10), new PromiseStep(999_000, 20)] },
    ];

    /// <summary>Whatever is used and however plans change: each day is in the lines of one plan, once; and an independent sum, in decimals and day by day, differs by no more than half a unit a line.</summary>
    [Fact]
    public void Every_day_is_charged_once_by_the_plan_that_held_and_an_independent_sum_agrees() => Gen.Select(_plans, _usages, Gen.Int[1, 12], Gen.Int[2024, 2029], Gen.Int[0, 40]).Sample((plans, usages, number, year, end) =>
    {
        var month = new Month(year, number);
        var periods = plans.Select((plan, i) => new PlanPeriod(plan.Plan, month.FirstDay + plan.From)).OrderBy(period => period.FromDay).ToList();
        var untilDay = month.FirstDay + end;
        DailyUsage UsageOf(long day) => usages[(int)(day % usages.Length)];
        var lines = Charges.Of(month, periods, untilDay, UsageOf);
        for (var day = month.FirstDay; day < month.EndDay; day++)
        {
            var held = day < untilDay ? periods.Where(period => period.FromDay <= day).Select(period => period.Plan).LastOrDefault() : null;
            Assert.All(lines.Where(line => line.FromDay <= day && day < line.UntilDay), line => Assert.Same(held, line.Plan));
            Assert.True(lines.Count(line => line.Kind == ChargeKind.Base && line.FromDay <= day && day < line.UntilDay) == (held?.Base > 0 ? 1 : 0));
        }

        var expected = 0m;
        for (var day = month.FirstDay; day < Math.Min(untilDay, month.EndDay); day++)
        {
            if (periods.Where(period => period.FromDay <= day).Select(period => period.Plan).LastOrDefault() is { } plan)
            {
                expected += CostOf(plan, UsageOf(day)) / month.Days;
            }
        }

        Assert.True(Math.Abs(expected - lines.Sum(line => line.Amount.Minor)) <= (0.5m * lines.Count) + 0.001m, $"{expected} and {lines.Sum(line => line.Amount.Minor)} in {lines.Count} lines");
        Assert.Equal(lines, Charges.Of(month, periods, untilDay, UsageOf));
    }, iter: 2000);

    /// <summary>What a month of one plan costs in which every day is the same, another way.</summary>
    private static decimal CostOf(Plan plan, DailyUsage usage)
    {
        var cost = plan.Base + (plan.PerComputer * Math.Max(0m, usage.Computers - plan.ComputersIncluded));
        var gigabytes = Math.Max(0m, (usage.Bytes / 1e9m) - plan.GigabytesIncluded - (plan.GigabytesIncludedPerComputer * usage.Computers));
        var below = 0m;
        foreach (var tier in plan.Tiers)
        {
            var end = tier.UpToGigabytes ?? decimal.MaxValue;
            cost += Math.Max(0m, Math.Min(gigabytes, end) - below) * tier.MicrosPerGigabyte / 1e6m;
            below = end;
        }

        return cost;
    }

    private static readonly Gen<Plan> _plan = Gen.Select(Gen.Long[0, 5000], Gen.Long[0, 1000], Gen.Int[0, 3], Gen.Long[0, 50], Gen.Long[0, 5], Gen.Long[1, 500], Gen.Long[0, 5_000_000], Gen.Int[0, 2]).Select((@base, computer, computers, included, each, end, micros, tiers) =>
        new Plan("any", 1, _eur)
        {
            Base = @base, PerComputer = computer, ComputersIncluded = computers, GigabytesIncluded = included, GigabytesIncludedPerComputer = each,
            Tiers = tiers switch { 0 => [], 1 => [new StorageTier(null, micros)], _ => [new StorageTier(end, micros), new StorageTier(null, micros / 3)] },
        }.Check());

    private static readonly Gen<(Plan Plan, int From)[]> _plans = Gen.Select(_plan, Gen.Int[-5, 35]).Array[0, 4];

    private static readonly Gen<DailyUsage[]> _usages = Gen.Select(Gen.Long[0, 2_000_000_000_000], Gen.Long[0, 30]).Select((bytes, computers) => new DailyUsage(bytes, computers)).Array[1, 31];
}
