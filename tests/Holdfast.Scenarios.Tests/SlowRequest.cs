using System.Net.Sockets;
using System.Text;

namespace Holdfast.Scenarios.Tests;

/// <summary>A request whose last byte is still to come.</summary>
internal sealed class SlowRequest : IDisposable
{
    private readonly TcpClient _connection = new();

    public static async Task<SlowRequest> BeginAsync(Uri node, string token, CancellationToken cancellation)
    {
        var request = new SlowRequest();
        await request._connection.ConnectAsync(node.Host, node.Port, cancellation);
        await request._connection.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"POST /v1/accounts HTTP/1.1\r\nHost: {node.Authority}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{{\"name\":\"slow\""), cancellation);
        await Task.Delay(TimeSpan.FromMilliseconds(300), cancellation);
        return request;
    }

    /// <summary>Sends it, and returns what came back first.</summary>
    public async Task<string> EndAsync(CancellationToken cancellation)
    {
        await _connection.GetStream().WriteAsync("}"u8.ToArray(), cancellation);
        var buffer = new byte[1024];
        return Encoding.ASCII.GetString(buffer, 0, await _connection.GetStream().ReadAsync(buffer, cancellation));
    }

    public void Dispose() => _connection.Dispose();
}
