using Holdfast.Authority.Windows;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Contracts.Tests;

/// <summary>What is believed of how long a step takes, and of what its engine says.</summary>
public sealed class StepTests
{
    [Fact]
    public void A_clock_that_leaps_is_seen_and_one_that_goes_is_not()
    {
        var clock = new LeapingClock();
        var watch = new ClockWatch(clock);
        watch.Look();
        Assert.Equal(TimeSpan.Zero, watch.Take());
        clock.Go(TimeSpan.FromSeconds(40), wall: TimeSpan.FromSeconds(41));
        watch.Look();
        Assert.Equal(TimeSpan.Zero, watch.Take());
        clock.Go(TimeSpan.FromSeconds(1), wall: TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        watch.Look();
        clock.Go(TimeSpan.FromSeconds(1), wall: TimeSpan.FromSeconds(1) - TimeSpan.FromMinutes(10));
        watch.Look();
        Assert.Equal(TimeSpan.FromMinutes(50), watch.Take());
        Assert.Equal(TimeSpan.Zero, watch.Take());

        // Somebody else had the window meanwhile.
        clock.Go(TimeSpan.FromMinutes(2), wall: TimeSpan.FromHours(5));
        watch.Look();
        Assert.Equal(TimeSpan.Zero, watch.Take());
    }

    [Fact]
    public void What_a_clock_leapt_by_a_step_did_not_take()
    {
        var step = new WindowStep { StartedAt = 1_000_000, Leapt = 3_600_000 };
        Assert.Equal(TimeSpan.FromSeconds(5), step.TookUntil(1_000_000 + 3_605_000));
        Assert.Equal(TimeSpan.FromSeconds(7), (step with { Leapt = -60_000, EndedAt = 1_000_000 - 53_000 }).TookUntil(0));
        Assert.Equal(TimeSpan.Zero, (step with { Leapt = 0, EndedAt = 999_000 }).TookUntil(0));
        Assert.Null(new WindowStep().TookUntil(5));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(-0.1)]
    [InlineData(1.2)]
    public void An_engine_that_did_more_than_all_or_no_number_of_it_is_not_believed(double share)
    {
        var outlook = new StepOutlook(true, share, "12 files", Volume: double.NaN).Checked();
        Assert.Equal((false, null), (outlook.IsOver, outlook.Share));
        Assert.Contains("cannot be", outlook.Failure, StringComparison.Ordinal);
        var sound = new StepOutlook(true, 1, "12 files", Volume: -5).Checked();
        Assert.Equal((true, 1.0, null), (sound.IsOver, sound.Share, sound.Volume));
    }

    [Fact]
    public async Task A_command_that_another_machine_ran_waits_for_somebody_unless_its_plan_says_that_it_may_run_again()
    {
        var step = new RunStep(new Dictionary<string, IReadOnlyList<string>> { ["echo"] = ["/bin/echo", "done"] }, TimeProvider.System);
        Task<StepOutlook> AdvanceAsync(params (string, string)[] settings) => step.AdvanceAsync(
            new StepRun(new PlanStep("run", "run", settings.Append(("command", "echo")).ToDictionary(one => one.Item1, one => one.Item2), []), new WindowStep { StartedAt = 1, Reference = "another-machine 12 345" }, new Window(), null,
                (_, _) => Task.CompletedTask, _ => Task.FromResult(true)), TestContext.Current.CancellationToken);
        Assert.Contains("another-machine 12 345", (await AdvanceAsync()).Failure, StringComparison.Ordinal);
        Assert.NotNull((await AdvanceAsync(("again", "false"))).Failure);
        var over = await AdvanceAsync(("again", "true"));
        Assert.Equal((true, "done"), (over.IsOver, over.Detail));
        await Assert.ThrowsAsync<WindowPlanException>(() => step.CheckAsync(new PlanStep("run", "run", new Dictionary<string, string> { ["command"] = "echo", ["again"] = "perhaps" }, []), TestContext.Current.CancellationToken));
    }

    private sealed class LeapingClock : TimeProvider
    {
        private DateTimeOffset _wall = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public override DateTimeOffset GetUtcNow() => _wall;

        public void Go(TimeSpan passed, TimeSpan wall)
        {
            _ticks += passed.Ticks;
            _wall += wall;
        }
    }
}
