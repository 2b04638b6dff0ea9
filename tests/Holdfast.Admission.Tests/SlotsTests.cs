using CsCheck;

namespace Holdfast.Admission.Tests;

public sealed class SlotsTests
{
    [Fact]
    public void Restores_always_find_the_places_that_are_theirs() => Gen.Select(Gen.Int[1, 200], Gen.Int[0, 4].Array[0, 500]).Sample((limit, wanted) =>
    {
        var slots = new Slots(() => limit);
        var others = 0;
        foreach (var workClass in wanted.Select(number => (WorkClass)number))
        {
            if (slots.MayBegin is { } lowest && workClass <= lowest)
            {
                slots.Begin(workClass);
                others += workClass == WorkClass.Restore ? 0 : 1;
            }

            Assert.True(slots.InFlight <= limit);
            Assert.True(others <= Math.Max(1, limit - ((limit + 9) / 10)));
        }
    });

    [Fact]
    public void One_place_is_for_everybody() => Assert.Equal(WorkClass.Background, new Slots(() => 1).MayBegin);

    [Fact]
    public void A_limit_that_sinks_waits_until_enough_has_ended()
    {
        var limit = 20;
        var slots = new Slots(() => limit);
        for (var i = 0; i < 18; i++)
        {
            Assert.Equal(WorkClass.Background, slots.MayBegin);
            slots.Begin(WorkClass.Backup);
        }

        Assert.Equal(WorkClass.Restore, slots.MayBegin);
        limit = 10;
        Assert.Null(slots.MayBegin);
        for (var i = 0; i < 9; i++)
        {
            slots.End(WorkClass.Backup);
        }

        Assert.Equal(WorkClass.Restore, slots.MayBegin);
        slots.End(WorkClass.Backup);
        Assert.Equal(WorkClass.Background, slots.MayBegin);
        Assert.Throws<InvalidOperationException>(() => slots.End(WorkClass.Restore));
    }

    [Fact]
    public void Backups_have_no_more_than_theirs_and_others_all_but_the_restores()
    {
        var slots = new Slots(() => 20, () => 4);
        for (var i = 0; i < 4; i++)
        {
            Assert.Equal(WorkClass.Background, slots.MayBegin);
            slots.Begin(i % 2 == 0 ? WorkClass.Backup : WorkClass.Background);
        }

        for (var i = 4; i < 18; i++)
        {
            Assert.Equal(WorkClass.Interactive, slots.MayBegin);
            slots.Begin(WorkClass.Interactive);
        }

        Assert.Equal(WorkClass.Restore, slots.MayBegin);
        slots.Begin(WorkClass.Restore);
        slots.Begin(WorkClass.Restore);
        Assert.Null(slots.MayBegin);
    }
}
