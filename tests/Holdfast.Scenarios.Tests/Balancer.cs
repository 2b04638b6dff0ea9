using System.Net;
using System.Net.Sockets;

namespace Holdfast.Scenarios.Tests;

/// <summary>What stands before several nodes: each connection goes to the next node that takes it. It knows nothing of what is sent.</summary>
internal sealed class Balancer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _next;

    public Balancer()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>The nodes' addresses.</summary>
    public List<Uri> Nodes { get; } = [];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var pumps = new List<Task>();
        try
        {
            while (true)
            {
                pumps.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(pumps);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            using var node = await ConnectAsync();
            if (node is null)
            {
                return;
            }

            try
            {
                var (a, b) = (client.GetStream(), node.GetStream());
                await await Task.WhenAny(a.CopyToAsync(b, _stop.Token), b.CopyToAsync(a, _stop.Token));
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // One side is gone; the other hears of it by its closed connection.
            }
        }
    }

    private async Task<TcpClient?> ConnectAsync()
    {
        for (var attempt = 0; attempt < Nodes.Count; attempt++)
        {
            var address = Nodes[(int)((uint)Interlocked.Increment(ref _next) % Nodes.Count)];
            var node = new TcpClient { NoDelay = true };
            try
            {
                await node.ConnectAsync(address.Host, address.Port, _stop.Token);
                return node;
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                node.Dispose();
            }
        }

        return null;
    }
}
