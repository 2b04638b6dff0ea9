namespace Holdfast.Admission.Tests;

public sealed class GateTests
{
    private readonly ManualTime _time = new();
    private readonly Gate _gate;

    public GateTests() => _gate = new Gate(_time);

    private DateTimeOffset Now => _time.GetUtcNow();

    [Fact]
    public void Before_it_has_looked_and_while_it_is_closed_nobody_is_let_in_and_the_time_that_was_named_is_told()
    {
        Assert.Equal(GateReason.Closed, _gate.Ask(Of(1), null).Reason);
        Look(new GateView { Mode = GateMode.Closed, Since = Now, OpensAt = Now.AddMinutes(10), InFlightMax = 100 });
        for (var computer = 0UL; computer < 1000; computer++)
        {
            var answer = _gate.Ask(Of(computer), null);
            Assert.Equal(GateReason.Closed, answer.Reason);
            Assert.InRange(answer.At, Now.AddMinutes(9), Now.AddMinutes(11));
        }

        Look(new GateView { Mode = GateMode.Closed, InFlightMax = 100 });
        Assert.InRange(_gate.Ask(Of(7), null).At, Now.AddMinutes(21), Now.AddMinutes(30));
        Look(new GateView { Mode = GateMode.Closed, OpensAt = DateTimeOffset.MinValue, InFlightMax = 100 });
        Assert.InRange(_gate.Ask(Of(7), null).At, Now, Now.AddMinutes(30));

        // What is late may take as long again.
        Look(new GateView { Mode = GateMode.Closed, Since = Now.AddMinutes(-20), OpensAt = Now.AddMinutes(-10), InFlightMax = 100 });
        Assert.InRange(_gate.Ask(Of(7), null).At, Now.AddMinutes(9), Now.AddMinutes(11));
    }

    [Fact]
    public void A_gate_that_always_opens_in_a_moment_is_asked_more_and_more_rarely()
    {
        var (began, asked) = (Now, 0);
        while (Now < began + TimeSpan.FromHours(3))
        {
            Look(new GateView { Mode = GateMode.Closed, Since = began, OpensAt = Now.AddSeconds(2), InFlightMax = 100 });
            asked++;
            _time.Advance(_gate.Ask(Of(7), null).At - Now);
        }

        Assert.InRange(asked, 5, 50);
    }

    [Fact]
    public void While_there_is_room_everybody_is_let_in_and_no_more_than_there_is_room_for()
    {
        Look(new GateView { Mode = GateMode.Open, InFlight = 3, InFlightMax = 10 });
        Assert.Equal(7, Enumerable.Range(0, 100).Count(computer => _gate.Ask(Of((ulong)computer), null).IsAdmitted));
        _gate.End();
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(1, Enumerable.Range(100, 100).Count(computer => _gate.Ask(Of((ulong)computer), null).IsAdmitted));
    }

    [Fact]
    public void Of_several_nodes_each_gives_its_part_of_what_is_free()
    {
        Look(new GateView { Mode = GateMode.Open, InFlight = 10, InFlightMax = 40, Nodes = 3 });
        Assert.Equal(10, Enumerable.Range(0, 100).Count(computer => _gate.Ask(Of((ulong)computer), null).IsAdmitted));
    }

    [Fact]
    public void With_every_place_taken_a_moment_is_told_that_asking_again_does_not_change_and_that_is_tried_once()
    {
        Look(new GateView { Mode = GateMode.Open, InFlight = 10, InFlightMax = 10, AdmittedPerSecond = 1 });
        var told = _gate.Ask(Of(5), null);
        Assert.Equal(GateReason.Busy, told.Reason);
        Assert.InRange(told.At, Now.AddTicks(1), Now.AddMinutes(8));
        for (var second = 0; second < 3 && Now.AddSeconds(2) < told.At; second++)
        {
            Assert.Equal(told.At, _gate.Ask(Of(5), null).At);
            Assert.Equal(told.At, _gate.Ask(Of(5), told.At).At);
            Assert.Equal(told.At, _gate.TooEarly(told.At)!.Value.At);
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        // A place is free now, but somebody waits: whoever shows no moment that has come is behind them.
        Look(new GateView { Mode = GateMode.Open, InFlight = 9, InFlightMax = 10, AdmittedPerSecond = 1 });
        Assert.False(_gate.Ask(Of(6), null).IsAdmitted);
        _time.Advance(told.At - Now);
        Assert.True(_gate.Ask(Of(5), told.At).IsAdmitted);
        _gate.Ask(Of(8), null);
        Look(new GateView { Mode = GateMode.Open, InFlight = 9, InFlightMax = 10, AdmittedPerSecond = 1 });
        Assert.False(_gate.Ask(Of(5), told.At).IsAdmitted);

        // Long after its moment it is as if none were shown.
        Look(new GateView { Mode = GateMode.Open, InFlight = 10, InFlightMax = 10, AdmittedPerSecond = 1 });
        var late = _gate.Ask(Of(9), null).At;
        _time.Advance(late - Now + Gate.TurnLife + TimeSpan.FromSeconds(1));
        _gate.Ask(Of(10), null);
        Look(new GateView { Mode = GateMode.Open, InFlight = 9, InFlightMax = 10, AdmittedPerSecond = 1 });
        Assert.False(_gate.Ask(Of(9), late).IsAdmitted);
    }

    [Fact]
    public void The_oldest_last_backup_goes_first_then_by_lot_and_a_long_backlog_before_all()
    {
        var began = Now;
        var order = BringUp.Of(began, Enumerable.Range(0, 1000).Select(hour => (DateTimeOffset?)began.AddHours(-hour / 10.0)).Append(null));
        var expected = TimeSpan.FromHours(10);
        double Rank(double hours, double alone = 0, ulong id = ulong.MaxValue / 2) => order.Rank(new Asker(id, began.AddHours(-hours), TimeSpan.FromHours(alone)), expected);
        Assert.Equal(1001, order.Population);
        Assert.True(Rank(90) < Rank(50) && Rank(50) < Rank(10));
        Assert.True(order.Rank(new Asker(0, null, TimeSpan.Zero), expected) <= Rank(99));
        Assert.Equal(0, Rank(1, alone: 2));
        Assert.True(Rank(1, alone: 1) < Rank(1, alone: 0.1));
        Assert.NotEqual(Rank(10, id: 1), Rank(10, id: ulong.MaxValue));
        Assert.Equal((1, BringUp.HeavyWeight), (BringUp.Weight(Of(1), expected), BringUp.Weight(new Asker(1, null, TimeSpan.FromHours(3)), expected)));
        Assert.Equal(1, order.Rank(new Asker(ulong.MaxValue / 2, began.AddMinutes(1), TimeSpan.FromHours(9)), expected));

        // Nonsense is bounded: times to come, and before there were any; backlogs of less than nothing and without end.
        foreach (var asker in new[] { new Asker(ulong.MaxValue, DateTimeOffset.MaxValue, TimeSpan.MaxValue), new Asker(0, DateTimeOffset.MinValue, TimeSpan.MinValue), new Asker(3, began.AddYears(5), TimeSpan.Zero) })
        {
            Assert.InRange(order.Rank(asker, expected), 0, 1);
            Assert.InRange(order.Rank(asker, TimeSpan.Zero), 0, 1);
        }

        Assert.Throws<ArgumentException>(() => new BringUp(began, [1, 2]));
        Assert.Throws<ArgumentException>(() => new BringUp(began, [.. Enumerable.Repeat(-1L, BringUp.CohortsMax)]));
    }

    [Fact]
    public void In_a_ramp_those_far_back_are_told_when_the_edge_comes_to_them_and_nobody_later_than_half_an_hour()
    {
        var began = Now;
        var order = BringUp.Of(began, Enumerable.Range(0, 100_000).Select(_ => (DateTimeOffset?)began.AddHours(-40)));
        Look(new GateView { Mode = GateMode.Ramp, BringUp = order, Expected = TimeSpan.FromHours(14), AdmittedPerSecond = 2, InFlight = 100, InFlightMax = 100 });
        var random = new Random(1);
        var times = new List<DateTimeOffset>();
        for (var i = 0; i < 10_000; i++)
        {
            var asker = new Asker((ulong)random.NextInt64(long.MinValue, long.MaxValue), began.AddHours(-40), TimeSpan.Zero);
            var answer = _gate.Ask(asker, null);
            Assert.Equal(GateReason.Turn, answer.Reason);
            Assert.InRange(answer.At, Now, Now.AddMinutes(16));
            Assert.InRange(answer.ExpectedStart, answer.At, Now.AddHours(15));
        }

        // Once the rate is known, those far back are told to come later; never later than half an hour.
        _time.Advance(TimeSpan.FromHours(2));
        for (var i = 0; i < 10_000; i++)
        {
            var asker = new Asker((ulong)random.NextInt64(long.MinValue, long.MaxValue), began.AddHours(-40), TimeSpan.Zero);
            times.Add(_gate.Ask(asker, null).At);
            Assert.InRange(times[^1], Now, Now + Gate.Heartbeat);
        }

        // No minute sees many more than its share: told times do not meet.
        var minutes = times.Where(at => at > Now.AddMinutes(21)).GroupBy(at => (int)(at - Now).TotalMinutes).Where(minute => minute.Key < 30).Select(minute => minute.Count()).ToList();
        Assert.True(minutes.Max() < 1.3 * minutes.Average(), string.Join(' ', minutes));
    }

    // One comes now and then, and finds all others missing; or nobody comes at all.
    [Theory]
    [InlineData(20)]
    [InlineData(int.MaxValue)]
    public void Whoever_is_missing_leaves_no_place_empty_and_the_ramp_ends(int every)
    {
        var began = Now;
        var order = BringUp.Of(began, Enumerable.Range(0, 10_000).Select(_ => (DateTimeOffset?)began.AddHours(-40)));
        GateView View() => new() { Mode = GateMode.Ramp, BringUp = order, Expected = TimeSpan.FromHours(1), AdmittedPerSecond = 1, InFlightMax = 10 };
        Look(View());
        Assert.False(_gate.IsOver);
        for (var second = 0; second < 7200 && !_gate.IsOver; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            if (second % every == 0 && second > 0)
            {
                _gate.Ask(Of((ulong)second), null);
            }

            Look(View());
        }

        Assert.True(_gate.IsOver);
    }

    [Fact]
    public void A_node_that_nobody_asks_passes_nobody_over_and_one_elsewhere_that_is_busy_keeps_the_ramp_going()
    {
        var began = Now;
        var order = BringUp.Of(began, Enumerable.Range(0, 100).Select(_ => (DateTimeOffset?)began.AddHours(-40)));
        GateView View(bool busy) => new() { Mode = GateMode.Ramp, BringUp = order, AdmittedPerSecond = 5, InFlight = 10, InFlightMax = 10, Nodes = 2, IsContendedElsewhere = busy, SkippedElsewhere = busy ? 1000 : 0 };
        for (var second = 0; second < 7200; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            Look(View(busy: false));
            Assert.False(_gate.IsOver);
        }

        Assert.Equal(0, _gate.Skipped);
        Look(View(busy: true));
        Assert.False(_gate.IsOver);
        Look(View(busy: true) with { IsContendedElsewhere = false });
        Assert.True(_gate.IsOver);
    }

    [Fact]
    public void What_was_let_in_while_a_look_was_on_its_way_still_counts()
    {
        var view = new GateView { Mode = GateMode.Open, InFlightMax = 10 };
        Look(view);
        for (var i = 0UL; i < 4; i++)
        {
            Assert.True(_gate.Ask(Of(i), null).IsAdmitted);
        }

        var told = _gate.Since;
        for (var i = 4UL; i < 10; i++)
        {
            Assert.True(_gate.Ask(Of(i), null).IsAdmitted);
        }

        _gate.Look(view with { InFlight = 4 }, told);
        Assert.False(_gate.Ask(Of(11), null).IsAdmitted);
        _gate.Look(view with { InFlight = 10 }, _gate.Since);
        Assert.False(_gate.Ask(Of(12), null).IsAdmitted);
    }

    [Fact]
    public void The_rate_begins_with_what_is_believed_and_what_was_let_in_before_anybody_looked_is_no_rate()
    {
        var rate = new GateRate(2);
        rate.Add(0, 50_000);
        Assert.Equal(2, rate.PerSecond);
        for (var second = 1; second <= 600; second++)
        {
            rate.Add(1, 50_000 + (5L * second));
        }

        Assert.InRange(rate.PerSecond, 4.5, 5);
    }

    [Fact]
    public void Backups_grow_while_places_are_taken_and_pieces_are_few_and_go_back_when_pieces_are_many()
    {
        var limit = new BackupsLimit();
        limit.Look(100, 0, 0);
        Assert.Equal(111, limit.Limit);
        limit.Look(100, 20, 50);
        Assert.Equal(111, limit.Limit);
        for (var i = 0; i < 5; i++)
        {
            limit.Look(100, 20, limit.Limit);
        }

        Assert.InRange(limit.Limit, 390, 430);
        for (var i = 0; i < 100; i++)
        {
            limit.Look(100, 100, limit.Limit);
        }

        Assert.Equal(111, limit.Limit);
        limit.Look(-5, -5, -5);
        Assert.InRange(limit.Limit, 17, 111);
    }

    private static Asker Of(ulong computer) => new(computer * 0x9E3779B97F4A7C15, null, TimeSpan.Zero);

    private void Look(GateView view) => _gate.Look(view);
}
