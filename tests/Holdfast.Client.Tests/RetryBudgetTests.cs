using System.Net;
using System.Net.Sockets;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Tests;

public sealed class RetryBudgetTests
{
    [Fact]
    public void One_in_ten_is_tried_again_and_a_few_to_begin_with()
    {
        var budget = new RetryBudget();
        Assert.Equal(RetryBudget.Most, Enumerable.Range(0, 1000).Count(_ => budget.TrySpend()));
        Assert.Equal(10, Enumerable.Range(0, 105).Count(_ =>
        {
            budget.Request();
            return budget.TrySpend();
        }));
        for (var i = 0; i < 100_000; i++)
        {
            budget.Request();
        }

        Assert.Equal(RetryBudget.Most, Enumerable.Range(0, 1000).Count(_ => budget.TrySpend()));
    }

    [Fact]
    public async Task A_service_that_is_overloaded_gets_hardly_more_from_those_who_try_again()
    {
        const int Requests = 200;
        var asked = await AskOverloadedAsync(Requests);
        Assert.InRange(asked, Requests, Requests + RetryBudget.Most + (Requests / 10) + 1);
    }

    /// <summary>Asks a service that answers nothing but 503; how often it was asked.</summary>
    private static async Task<int> AskOverloadedAsync(int requests)
    {
        using var listener = new HttpListener();
        using (var free = new TcpListener(IPAddress.Loopback, 0))
        {
            free.Start();
            listener.Prefixes.Add($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
        }

        listener.Start();
        var asked = 0;
        var answering = Task.Run(async () =>
        {
            while (listener.IsListening)
            {
                try
                {
                    var context = await listener.GetContextAsync();
                    Interlocked.Increment(ref asked);
                    context.Response.StatusCode = 503;
                    context.Response.Close();
                }
                catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
                {
                    return;
                }
            }
        }, CancellationToken.None);
        using var client = new ServiceClient(listener.Prefixes.Single(), null, "token", new HurriedTime());
        for (var request = 0; request < requests; request++)
        {
            await Assert.ThrowsAsync<HoldfastException>(() => client.GetAtAsync("/v1/gate", MessageJson.Default.GateStatus, TestContext.Current.CancellationToken));
        }

        listener.Stop();
        await answering;
        return asked;
    }

    [Fact]
    public async Task A_connection_that_is_reset_at_any_moment_is_a_service_that_cannot_be_reached() => await AskResettingAsync(500, isKnown: false, () => { });

    [Theory]
    [InlineData(true, Retries.PatientAttemptsMax)]
    [InlineData(false, Retries.AttemptsMax)]
    public async Task A_service_that_is_known_is_waited_for_and_who_waits_is_told_once(bool isKnown, int attempts)
    {
        var told = 0;
        Assert.Equal(attempts, await AskResettingAsync(1, isKnown, () => told++));
        Assert.Equal(1, told);
    }

    /// <summary>Asks a service that resets every connection; how many it got.</summary>
    private static async Task<int> AskResettingAsync(int requests, bool isKnown, Action waiting)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var connections = 0;
        var resetting = Task.Run(() =>
        {
            try
            {
                while (true)
                {
                    using var socket = listener.AcceptSocket();
                    connections++;

                    // Closed so, it is reset.
                    socket.LingerState = new LingerOption(true, 0);
                }
            }
            catch (SocketException)
            {
                // The listener was stopped.
            }
        }, CancellationToken.None);
        using var client = new ServiceClient($"http://{listener.LocalEndpoint}/", null, null, new HurriedTime()) { IsKnown = isKnown, Waiting = waiting };
        for (var request = 0; request < requests; request++)
        {
            var failure = await Assert.ThrowsAsync<HoldfastException>(() => client.GetAtAsync("/v1/gate", MessageJson.Default.GateStatus, TestContext.Current.CancellationToken));
            Assert.Equal(FailureTable.ServiceUnavailable, failure.Kind);
        }

        listener.Stop();
        await resetting;
        return connections;
    }

    /// <summary>Waits take no time.</summary>
    private sealed class HurriedTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
    }
}
