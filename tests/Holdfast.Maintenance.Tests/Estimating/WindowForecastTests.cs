using CsCheck;
using Holdfast.Bench.Maintenance;
using Holdfast.Maintenance.Estimating;

namespace Holdfast.Maintenance.Tests.Estimating;

/// <summary>How long windows are said to take, by what is known beforehand and while they run.</summary>
public sealed class WindowForecastTests
{
    private const double Month = 30.4375;
    private const double Hour = 3600;

    /// <summary>2010: announced were twelve hours, as the last time; twelve months of 7 % and a cache that no longer held the tree made it 36.</summary>
    [Fact]
    public void The_window_of_2010_is_announced_with_36_hours_or_more()
    {
        var (growth, start) = (Math.Log(1.07), 22 * Month);
        double Volume(double month) => 2e7 * Math.Exp(growth * month);
        var share = new[] { 0.15, 0.6, 0.25 };
        var histories = new[] { "metadata", "permissions", "verify" }.Select((name, index) =>
        {
            var samples = Enumerable.Range(0, 95).Select(week => new VolumeSample(week * 7, Volume(week * 7 / Month))).ToList();

            // Four runs; the last, ten to twelve months ago, took twelve hours.
            var runs = new[] { 1.0, 4, 7, 10 }.Select((month, run) => new StepRun(month * Month, Volume(month), share[index] * 12 * Hour * Volume(month) / Volume(10) * (run % 2 == 0 ? 1 : 0.96))).ToList();

            // On the real tree a probe sees what no history has: that it no longer fits in memory.
            var now = Volume(21.8);
            var slow = share[index] * 36 * Hour / Volume(22);
            return new StepHistory(name, samples, runs, [new Probe(0.02 * now, 0.02 * now * slow * 1.08)]);
        }).ToList();

        var asLastTime = TimeSpan.FromHours(12);
        var forecast = WindowForecast.Of(start, histories);
        var (half, nineTenths) = forecast.First();
        Assert.True(nineTenths >= TimeSpan.FromHours(36), $"P90 {nineTenths}, P50 {half}");
        Assert.InRange(half.TotalHours, 30, 40);
        Assert.True(nineTenths < TimeSpan.FromHours(54), $"P90 {nineTenths}");
        Assert.True(half > 2 * asLastTime);

        // Without the probe the growth alone says that twelve hours are not kept.
        var blind = WindowForecast.Of(start, [.. histories.Select(history => history with { Probes = [] })]).First();
        Assert.True(blind.Half > 1.9 * asLastTime && blind.NineTenths > TimeSpan.FromHours(34), $"{blind}");

        // Six hours into what becomes 36, nobody has to guess any more.
        var live = forecast.Live([new StepProgress(TimeSpan.FromHours(0.15 * 36), 1, IsOver: true), new StepProgress(TimeSpan.FromHours(3), 3 / (0.6 * 36), IsOver: false)]);
        Assert.InRange(live.Half.TotalHours, 33, 39);
        Assert.True(live.NineTenths - live.Half < 0.6 * (nineTenths - half), $"{live}");
    }

    [Fact]
    public void What_is_not_known_is_said_and_a_probe_makes_it_known()
    {
        var samples = new[] { new VolumeSample(0, 1000) };
        var forecast = WindowForecast.Of(30, [new StepHistory("counted, never run", samples, [], []), new StepHistory("never counted", [], [new StepRun(1, 1000, 10)], []), new StepHistory("waits", [], [], []) { Fixed = TimeSpan.FromMinutes(5) }]);
        Assert.Equal(["counted, never run", "never counted"], forecast.Unknown);
        Assert.Null(forecast.Steps[0].Interval);
        Assert.Equal(TimeSpan.FromMinutes(5), forecast.First().Half);

        var known = WindowForecast.Of(30, [new StepHistory("counted, probed", samples, [], [new Probe(20, 2)])]);
        Assert.Empty(known.Unknown);
        Assert.InRange(known.First().Half.TotalSeconds, 95, 115);
        Assert.True(known.First().NineTenths > 1.5 * known.First().Half);
    }

    [Fact]
    public void P90s_are_combined_and_not_added_up()
    {
        var steps = Enumerable.Range(0, 6).Select(step => History($"{step}", 0.04)).ToList();
        var forecast = WindowForecast.Of(400, steps);
        var added = forecast.Steps.Sum(step => step.Interval!.Value.NineTenths.TotalSeconds);
        Assert.True(forecast.First().NineTenths.TotalSeconds < 0.95 * added);
        Assert.InRange(forecast.First(3).Half / forecast.First().Half, 0.4, 0.6);
        Assert.Equal(forecast.First(), WindowForecast.Of(400, steps).First());
    }

    [Fact]
    public void More_runs_and_less_time_to_go_make_it_narrower()
    {
        static double Spread(WindowForecast forecast) => forecast.First().NineTenths / forecast.First().Half;
        var one = History("x", 0.03) with { Runs = [new StepRun(300, 1.4e6, 1000)] };
        var probed = History("x", 0.03) with { Probes = [new Probe(30_000, 20)] };
        var (few, many) = (Spread(WindowForecast.Of(366, [one])), Spread(WindowForecast.Of(366, [History("x", 0.03)])));
        Assert.True(few > many, $"{few} {many}");
        var (soon, late) = (Spread(WindowForecast.Of(366, [probed])), Spread(WindowForecast.Of(366 + 180, [probed])));
        Assert.True(late > 1.05 * soon, $"{late} {soon}");
    }

    [Fact]
    public void A_bring_up_is_as_long_as_the_time_away_makes_it()
    {
        // 100,000 computers, each due within a day; ten of them a second.
        StepHistory Back(TimeSpan away) => new("bring-up", [new VolumeSample(1, 100_000)], [new StepRun(1, 50_000, 5_000)], []) { Turnover = TimeSpan.FromDays(1), Threads = away.Days };
        Interval After(TimeSpan away) => WindowForecast.Of(2, [new StepHistory("away", [], [], []) { Fixed = away }, Back(away)]).Steps[1].Interval!.Value;
        Assert.InRange(After(TimeSpan.FromHours(12)).Half / After(TimeSpan.FromHours(3)).Half, 3, 7);
        Assert.Equal(1, After(TimeSpan.FromDays(2)).Half / After(TimeSpan.FromDays(3)).Half, 0.1);
    }

    /// <summary>Growth alone that makes three times as much of it, behind runs that all took twelve hours and less, is announced with 36 hours and more; no probe says so.</summary>
    [Fact]
    public void What_grew_threefold_since_it_took_twelve_hours_is_announced_with_36_or_more()
    {
        var growth = Math.Log(3) / 12;
        double Volume(double month) => 1e7 * Math.Exp(growth * month);
        var history = new StepHistory("metadata", [.. Enumerable.Range(0, 95).Select(week => new VolumeSample(week * 7, Volume(week * 7 / Month)))],
            [.. new[] { 1.0, 4, 7, 10 }.Select(month => new StepRun(month * Month, Volume(month), 12 * Hour * Volume(month) / Volume(10)))], []);
        Assert.True(WindowForecast.Of(22 * Month, [history]).First().NineTenths >= TimeSpan.FromHours(36));
    }

    [Fact]
    public void What_is_held_back_takes_no_less_than_that()
    {
        var free = History("migrate", 0.03);
        var (fast, held) = (WindowForecast.Of(400, [free]), WindowForecast.Of(400, [free with { PerSecondMost = 100 }]));
        Assert.Equal(held.Steps[0].Volume!.Value / 100, held.First().Half.TotalSeconds, 0.03 * held.First().Half.TotalSeconds);
        Assert.True(held.First().Half > 5 * fast.First().Half);
        Assert.Equal(fast.First(), WindowForecast.Of(400, [free with { PerSecondMost = 1e9 }]).First());
    }

    [Fact]
    public void A_window_that_was_paused_has_more_to_bring_up()
    {
        var forecast = WindowForecast.Of(2, [new StepHistory("away", [], [], []) { Fixed = TimeSpan.FromHours(1) }, new("bring-up", [new VolumeSample(1, 100_000)], [new StepRun(1, 50_000, 5_000)], []) { Turnover = TimeSpan.FromDays(1) }]);
        var away = new StepProgress(TimeSpan.FromHours(1), 1, IsOver: true);
        var (straight, paused) = (forecast.Live([away]).Half - away.Elapsed, forecast.Live([away], paused: TimeSpan.FromHours(5)).Half - away.Elapsed);
        Assert.InRange(paused / straight, 5.9, 6.1);
        var overrun = new StepProgress(TimeSpan.FromHours(6), 1, IsOver: true);
        Assert.InRange(forecast.Live([overrun]).Half - overrun.Elapsed, paused - TimeSpan.FromSeconds(1), paused + TimeSpan.FromSeconds(1));

        // Once all are due, no more come.
        Assert.InRange(forecast.Live([away], paused: TimeSpan.FromDays(5)).Half / forecast.Live([away], paused: TimeSpan.FromDays(9)).Half, 0.999, 1.001);
    }

    [Fact]
    public void A_window_is_played_as_long_as_is_said_and_what_makes_it_slow_is_named()
    {
        var sure = History("sure", 0.03);
        var unsure = History("unsure", 0.03) with { Runs = [new StepRun(60, 1e6, 500), new StepRun(150, 1e6, 2000), new StepRun(240, 1e6, 700), new StepRun(330, 1e6, 2600)] };
        var forecast = WindowForecast.Of(400, [new StepHistory("gate", [], [], []) { Fixed = TimeSpan.FromMinutes(5) }, sure, unsure, History("behind", 0.03)], seed: 7);
        var (half, nineTenths) = forecast.First(3);
        foreach (var (isSlow, length) in new[] { (false, half), (true, nineTenths) })
        {
            var played = forecast.Play(isSlow, 3);
            Assert.Equal((4, TimeSpan.FromMinutes(5)), (played.Count, played[0]));
            Assert.Equal(length.TotalSeconds, played.Take(3).Sum(step => step.TotalSeconds), 1.0);
            Assert.Equal(played, WindowForecast.Of(400, [new StepHistory("gate", [], [], []) { Fixed = TimeSpan.FromMinutes(5) }, sure, unsure, History("behind", 0.03)], seed: 7).Play(isSlow, 3));
        }

        Assert.InRange(forecast.ShareLater(nineTenths, 3), 0.09, 0.11);
        Assert.InRange(forecast.ShareLater(half, 3), 0.4, 0.55);
        Assert.Equal((1, 0), (forecast.ShareLater(TimeSpan.Zero, 3), forecast.StepShareLater(TimeSpan.FromMinutes(6), 0)));
        Assert.Equal("unsure", forecast.SlowestBy(3)!.Value.Name);
        Assert.Null(forecast.SlowestBy(2));

        // A probe that agrees with no run says that something has changed.
        Assert.InRange(WindowForecast.Of(400, [sure with { Probes = [new Probe(10_000, 40)] }]).Steps[0].Changed!.Value, 0.9, 1);
        Assert.InRange(WindowForecast.Of(400, [sure with { Probes = [new Probe(10_000, 10)] }]).Steps[0].Changed!.Value, 0, 0.3);
    }

    [Fact]
    public void More_threads_are_said_to_be_faster_and_less_is_promised_of_what_nobody_tried()
    {
        var history = History("permissions", 0.03) with { Runs = [new StepRun(300, 1.4e6, 1000, Threads: 1), new StepRun(340, 1.4e6, 1000, Threads: 1)] };
        Interval With(int threads) => WindowForecast.Of(366, [history with { Threads = threads }]).First();
        Assert.True(With(20).Half < With(4).Half && With(4).Half < With(1).Half);
        Assert.True(With(20).NineTenths / With(20).Half > With(1).NineTenths / With(1).Half);
    }

    [Fact]
    public void A_step_that_says_nothing_of_itself_and_is_late_is_given_more_time()
    {
        var forecast = WindowForecast.Of(400, [History("a", 0.03), History("b", 0.03)]);
        var expected = forecast.First();
        var late = forecast.Live([new StepProgress(3 * expected.NineTenths, null, IsOver: false)]);
        Assert.True(late.Half > 3 * expected.NineTenths && late.NineTenths > late.Half);
        var over = forecast.Live([new StepProgress(TimeSpan.FromSeconds(100), 1, true), new StepProgress(TimeSpan.FromSeconds(50), 1, true)]);
        Assert.Equal((TimeSpan.FromSeconds(150), TimeSpan.FromSeconds(150)), (over.Half, over.NineTenths));
    }

    /// <summary>Nonsense in, an estimate or "not known" out: never a failure, a negative time or none.</summary>
    [Fact]
    public void Nonsense_is_passed_over()
    {
        var number = Gen.OneOf(Gen.Double, Gen.OneOfConst(0.0, -1, double.NaN, double.PositiveInfinity, double.Epsilon, 1e300, -1e300));
        var history = Gen.Select(Gen.Select(number, number, (day, value) => new VolumeSample(day, value)).List[0, 6], Gen.Select(number, number, number, Gen.Int[-3, 30], (day, volume, seconds, threads) => new StepRun(day, volume, seconds, threads)).List[0, 6],
            Gen.Select(number, number, (volume, seconds) => new Probe(volume, seconds)).List[0, 3], (samples, runs, probes) => new StepHistory("x", samples, runs, probes));
        Gen.Select(number, history.List[0, 4], number, number, (start, steps, elapsed, share) => (start, steps, elapsed, share)).Sample(input =>
        {
            var forecast = WindowForecast.Of(input.start, input.steps);
            foreach (var interval in forecast.Steps.Select(step => step.Interval).OfType<Interval>().Append(forecast.First()).Append(forecast.Live([new StepProgress(TimeSpan.FromSeconds(Math.Abs(Math.Clamp(double.IsNaN(input.elapsed) ? 0 : input.elapsed, -1e6, 1e6))), input.share, false)])))
            {
                Assert.True(interval.Half >= TimeSpan.Zero && interval.NineTenths >= interval.Half);
            }
        }, iter: 3000);
    }

    /// <summary>A few hundred histories, as the bench makes thousands of: intervals hold about as often as they say.</summary>
    [Fact]
    public void Intervals_hold_about_as_often_as_they_say()
    {
        var test = BackTest.Of(Enumerable.Range(10_000, 400).Select(seed => Histories.Make(Worlds.Normal, seed)));
        Assert.Equal((400, 0), (test.Windows, test.Skipped));
        Assert.InRange(test.Coverage, 85, 98);
        Assert.InRange(test.HalfCoverage, 40, 62);
        Assert.InRange(test.MedianError, 1, 12);
        Assert.InRange(test.LiveError, 0.5, 5.5);
        Assert.InRange(test.Spread, 1.2, 1.47);
    }

    /// <summary>Kinds of services that nobody thought of when the intervals were made: they hold for these too, nearly as often.</summary>
    [Fact]
    public void Intervals_hold_for_services_on_which_they_were_not_calibrated()
    {
        foreach (var world in Worlds.Unseen)
        {
            var test = BackTest.Of(Enumerable.Range(20_000, 150).Select(seed => Histories.Make(world, seed)));
            Assert.True(test.Coverage >= 80 && test.Spread < 1.65, $"{world.Name}: {test}");
        }
    }

    private static StepHistory History(string name, double growth) => new(name, [.. Enumerable.Range(0, 53).Select(week => new VolumeSample(week * 7, 1e6 * Math.Exp(growth * week * 7 / Month)))],
        [.. new[] { 60.0, 150, 240, 330 }.Select(day => new StepRun(day, 1e6 * Math.Exp(growth * day / Month), 1000 * Math.Exp(growth * day / Month)))], []);
}
