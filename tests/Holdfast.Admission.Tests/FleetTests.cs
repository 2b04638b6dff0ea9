using Holdfast.Bench.Fleet;
using Holdfast.Maintenance.Rehearsing;

namespace Holdfast.Admission.Tests;

/// <summary>Everybody comes back, simulated small: with every part of the control the targets are met, and without one of them the target that it is for is not. So the simulator can see.</summary>
public sealed class FleetTests
{
    private static readonly FleetShape _shape = new() { Clients = 20_000, Believed = 200 };

    [Fact]
    public void With_every_part_nothing_collapses_everybody_is_done_soon_restores_go_first_and_polling_gains_nothing()
    {
        var outcome = Run(new ControlParts());
        Assert.False(outcome.HasCollapsed);
        Assert.InRange(outcome.CaughtUp, 1, 1.15);
        Assert.InRange(outcome.Restore, 0.9, 1.3);
        Assert.InRange(outcome.Jain, 0.998, 1);
        Assert.InRange(outcome.Greedy, 0.9, 1.05);
    }

    [Fact]
    public void Without_the_limit_the_service_collapses() => Assert.True(Run(new ControlParts { Limit = false, Turns = false }).HasCollapsed);

    [Fact]
    public void Without_turns_whoever_polls_is_done_long_before_the_others() => Assert.True(Run(new ControlParts { Turns = false }).Greedy > 2);

    [Fact]
    public void Without_the_order_of_turns_the_longest_backlogs_come_last_and_decide() => Assert.True(Run(new ControlParts { Turns = false }).CaughtUp > 1.15);

    [Fact]
    public void Without_their_class_restores_wait_behind_backups() => Assert.True(Run(new ControlParts { RestoresFirst = false }).Restore > 1.5);

    [Fact]
    public void Without_drawn_times_the_next_days_repeat_the_peak()
    {
        var shape = _shape with { DaysAfter = 6 };
        var (drawn, timers) = (Outcome(shape, (world, population) => new HoldfastControl(world, population)), Outcome(shape, (world, population) => new HoldfastControl(world, population, new ControlParts { DrawsNext = false })));
        Assert.InRange(drawn.Echo, 1, 1.2);
        Assert.InRange(drawn.Daily, -0.5, 0.5);
        Assert.True(timers.Echo > 1.5 && timers.Daily > 0.8, timers.ToString());
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Capacity_that_was_misjudged_is_found(double misjudged)
    {
        var outcome = Outcome(_shape with { Misjudged = misjudged }, (shape, population) => new HoldfastControl(shape, population));
        Assert.False(outcome.HasCollapsed);
        Assert.InRange(outcome.CaughtUp, 1, 1.15);
    }

    [Fact]
    public void The_same_seed_is_the_same_world() => Assert.Equal(Run(new ControlParts()), Run(new ControlParts()));

    private static Outcome Run(ControlParts parts) => Outcome(_shape, (shape, population) => new HoldfastControl(shape, population, parts));

    private static Outcome Outcome(FleetShape shape, Func<FleetShape, Population, Controller> controller) => Simulation.Run(shape, 1, controller);
}
