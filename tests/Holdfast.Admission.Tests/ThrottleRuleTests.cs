using CsCheck;

namespace Holdfast.Admission.Tests;

public sealed class ThrottleRuleTests
{
    private static readonly DateTimeOffset _monday = new(2026, 3, 23, 0, 0, 0, TimeSpan.Zero);
    private static readonly TimeZoneInfo _middle = TimeZoneInfo.CreateCustomTimeZone("middle", TimeSpan.FromHours(1), "middle", "middle", "summer",
        [TimeZoneInfo.AdjustmentRule.CreateAdjustmentRule(DateTime.MinValue.Date, DateTime.MaxValue.Date, TimeSpan.FromHours(1),
            TimeZoneInfo.TransitionTime.CreateFloatingDateRule(new DateTime(1, 1, 1, 2, 0, 0), 3, 5, DayOfWeek.Sunday), TimeZoneInfo.TransitionTime.CreateFloatingDateRule(new DateTime(1, 1, 1, 3, 0, 0), 10, 5, DayOfWeek.Sunday))]);

    [Fact]
    public void It_applies_at_its_hours_by_its_own_clock_and_past_midnight()
    {
        var night = Rule() with { From = new TimeOnly(22, 0), To = new TimeOnly(6, 0), Zone = _middle };
        Assert.True(night.Applies(_monday.AddHours(21)));
        Assert.True(night.Applies(_monday.AddHours(28)));
        Assert.False(night.Applies(_monday.AddHours(29)));
        Assert.False(night.Applies(_monday.AddHours(20.99)));
        Assert.False(night.IsOf("a", 1, WorkClass.Restore));
        Assert.False((night with { Account = "b" }).IsOf("a", 1, WorkClass.Backup));

        // Before, between and after its hours; and the night in which the clock is put forward ends an hour sooner.
        Assert.Equal(_monday.AddHours(21), night.NextChange(_monday.AddHours(12)));
        Assert.Equal(_monday.AddHours(29), night.NextChange(_monday.AddHours(23)));
        Assert.Equal(_monday.AddDays(6).AddHours(4), night.NextChange(_monday.AddDays(6)));
        Assert.Equal(new DateTimeOffset(2026, 3, 29, 1, 0, 0, TimeSpan.Zero), (night with { To = new TimeOnly(2, 30) }).NextChange(_monday.AddDays(6)));
        Assert.Equal(night.Starts, night.NextChange(night.Starts.AddDays(-3)));
        Assert.Null(night.NextChange(night.Ends));
    }

    [Fact]
    public void Nothing_changes_before_the_next_change() => Gen.Select(Gen.Int[0, 1439], Gen.Int[0, 1439], Gen.Int[0, 20 * 1440], Gen.Bool).Sample((from, to, minute, hasZone) =>
    {
        var rule = Rule() with { From = new TimeOnly(from / 60, from % 60), To = new TimeOnly(to / 60, to % 60), Zone = hasZone ? _middle : TimeZoneInfo.Utc };
        var now = rule.Starts.AddMinutes(minute - 1440);
        var next = rule.NextChange(now);
        for (var later = now; later < (next ?? now.AddDays(2)); later = later.AddMinutes(7))
        {
            Assert.Equal(rule.Applies(now), rule.Applies(later));
        }

        Assert.True(next is null || next > now);
    });

    [Fact]
    public void Of_all_that_apply_the_least_counts_and_it_ends_with_the_last()
    {
        ThrottleRule[] rules =
        [
            Rule() with { BytesPerSecond = 5000, Reason = "first" }, Rule() with { Account = "a", BytesPerSecond = 3000, AtOnce = 4, Ends = _monday.AddHours(9) },
            Rule() with { IsShared = true, BytesPerSecond = 9000 }, Rule() with { Account = "b", BytesPerSecond = 1 }, Rule() with { Class = WorkClass.Restore, BytesPerSecond = 2 },
            Rule() with { Account = "a", Computer = 2, BytesPerSecond = 700 },
        ];
        var limit = ThrottleLimit.Of(rules, "a", 1, WorkClass.Backup, _monday.AddHours(1));
        Assert.Equal(new ThrottleLimit(3000, null, 9000, 4, Rule().Ends, "first", _monday.AddHours(9)), limit);
        Assert.Equal(limit with { ComputerBytesPerSecond = 700 }, ThrottleLimit.Of(rules, "a", 2, WorkClass.Backup, _monday.AddHours(1)));
        Assert.Null(ThrottleLimit.Of(rules, "a", 1, WorkClass.Interactive, _monday.AddHours(1)).Until);
        // What lasts counts as well, and is told only where it is what holds up, or the only one.
        var lasting = Rule() with { Account = "a", BytesPerSecond = 1000, Ends = _monday.AddHours(20), Reason = "plan", IsLasting = true };
        Assert.Equal(limit with { BytesPerSecond = 1000, Until = lasting.Ends, Reason = "plan", IsLasting = true }, ThrottleLimit.Of([.. rules, lasting], "a", 1, WorkClass.Backup, _monday.AddHours(1)));
        Assert.Equal(limit, ThrottleLimit.Of([.. rules, lasting with { BytesPerSecond = 4000 }], "a", 1, WorkClass.Backup, _monday.AddHours(1)));
        Assert.Equal((null, 2, "plan", true), (lasting with { BytesPerSecond = null, AtOnce = 2 }) switch { var only => ThrottleLimit.Of([only], "a", 1, WorkClass.Backup, _monday.AddHours(1)) switch { var told => (told.BytesPerSecond, told.AtOnce, told.Reason, told.IsLasting) } });
        Assert.Equal(5000, ThrottleLimit.Of(rules, "c", 1, WorkClass.Backup, _monday.AddHours(1)).BytesPerSecond);
    }

    private static ThrottleRule Rule() => new() { Class = WorkClass.Backup, Starts = _monday, Ends = _monday.AddDays(14), BytesPerSecond = 1 };
}
