namespace Holdfast.Admission.Tests;

public sealed class QueueWaitLimitTests
{
    /// <summary>A server that does so much at once without anybody waiting; beyond, what is in flight waits in its queue.</summary>
    private sealed class Server(ManualTime time, QueueWaitLimit limit)
    {
        private const int PerSecond = 20;

        public double AtOnce { get; set; } = 200;

        /// <summary>Callers that would use any limit at once.</summary>
        public int Callers { get; set; } = 100_000;

        public void Run(TimeSpan length)
        {
            for (var step = 0; step < length.TotalSeconds * PerSecond; step++)
            {
                var inFlight = Math.Min(Callers, limit.Limit);
                limit.Begin(TimeSpan.FromSeconds(Math.Max(0, (inFlight / AtOnce) - 1)), inFlight);
                time.Advance(TimeSpan.FromSeconds(1.0 / PerSecond));
            }
        }
    }

    // Half a second's wait is what is aimed at: half as much again as the server does at once.
    [Theory]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(300)]
    [InlineData(3000)]
    public void From_anywhere_it_finds_what_the_server_can_do_and_follows_it(int start)
    {
        var time = new ManualTime();
        var limit = new QueueWaitLimit(time, start);
        var server = new Server(time, limit);
        foreach (var atOnce in new[] { 200.0, 100, 400, 200 })
        {
            server.AtOnce = atOnce;
            server.Run(TimeSpan.FromMinutes(10));
            for (var minute = 0; minute < 10; minute++)
            {
                server.Run(TimeSpan.FromMinutes(1));
                Assert.InRange(limit.Limit, 1.3 * atOnce, 1.65 * atOnce);
            }
        }
    }

    [Fact]
    public void A_limit_that_nobody_uses_does_not_creep_and_an_idle_hour_changes_nothing()
    {
        var time = new ManualTime();
        var limit = new QueueWaitLimit(time, 100);
        var server = new Server(time, limit) { Callers = 50 };
        server.Run(TimeSpan.FromHours(2));
        Assert.Equal(100, limit.Limit);
        time.Advance(TimeSpan.FromHours(1));
        limit.Look();
        Assert.Equal(100, limit.Limit);
    }

    [Fact]
    public void One_bad_window_is_no_reason_a_very_bad_one_is()
    {
        var time = new ManualTime();
        var limit = new QueueWaitLimit(time, 1000);
        void Window(double seconds)
        {
            limit.Begin(TimeSpan.FromSeconds(seconds), 10);
            time.Advance(QueueWaitLimit.Window);
            limit.Look();
        }

        Window(0.6);
        Window(0.45);
        Window(0.6);
        Assert.Equal(1000, limit.Limit);
        Window(0.6);
        Assert.Equal(986, limit.Limit);
        Window(1.5);
        Window(1.5);
        Assert.Equal(916, limit.Limit);
        Window(3);
        Assert.Equal(641, limit.Limit);
        Window(-5);
        Assert.Equal(641, limit.Limit);
        for (var i = 0; i < 100; i++)
        {
            Window(double.MaxValue / 1e300);
        }

        Assert.Equal(QueueWaitLimit.Floor, limit.Limit);
    }
}
