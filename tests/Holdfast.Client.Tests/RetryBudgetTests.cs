using System.Net;
using System.Net.Sockets;
using Holdfast.Client.Connecting;
using Holdfast.Format.Objects;
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
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
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
        using var client = new ServiceClient(listener.Prefixes.Single(), AccountId.TryParse(new string('a', 32), out var account) ? account : default, "token", new HurriedTime());
        const int Requests = 200;
        for (var request = 0; request < Requests; request++)
        {
            await Assert.ThrowsAsync<HoldfastException>(() => client.GetAtAsync("/v1/gate", MessageJson.Default.GateStatus, cancellation.Token));
        }

        listener.Stop();
        await answering;
        Assert.InRange(asked, Requests, Requests + RetryBudget.Most + (Requests / 10) + 1);
    }

    /// <summary>Waits take no time.</summary>
    private sealed class HurriedTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
    }
}
