using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;

namespace Holdfast.Scenarios.Tests;

/// <summary>More of everything than the service can bear: what it takes stays bounded, and restores go on.</summary>
public sealed class OverloadTests : Scenario
{
    private const long MemoryMax = 600L << 20;

    [Fact]
    public async Task Thousands_of_connections_that_say_nothing_cost_little_and_those_beyond_the_limit_are_closed()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        var address = new Uri(Url);
        var sockets = new List<Socket>();
        try
        {
            await ConnectAsync(address, sockets, 9_900);
            await computer.RestoresIdenticallyAsync(tree, Cancellation);
            Assert.InRange(Memory(), 1, MemoryMax);

            // The limit is for all: beyond it a connection is closed before anything is read from it.
            await ConnectAsync(address, sockets, 300);
            Assert.InRange(Directory.GetFiles($"/proc/{Service.ProcessId}/fd").Length, 9_900, 10_600);
            Assert.InRange(Memory(), 1, MemoryMax);
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }

        await computer.MustAsync(Cancellation, "backup", tree);
    }

    [Fact]
    public async Task A_flood_of_callers_without_a_token_is_refused_and_fills_neither_memory_nor_the_log()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        var (memory, log) = (Memory(), LogLength());
        var callers = IsLong ? 100_000 : 10_000;
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 64 }) { BaseAddress = new Uri(Url) };
        var refused = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, callers), new ParallelOptions { MaxDegreeOfParallelism = 64, CancellationToken = Cancellation }, async (caller, cancellation) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/accounts/{caller:x32}/sessions") { Content = JsonContent.Create(new { collection_number = 0 }) };
            request.Headers.Authorization = caller % 3 == 0 ? null : new AuthenticationHeaderValue("Bearer", caller % 3 == 1 ? new string('x', caller % 2000) + "." : $"hf1_{caller:x32}_1_{new string('A', 43)}");
            request.Headers.TryAddWithoutValidation("Holdfast-Turn", new string('B', caller % 100));
            using var answer = await client.SendAsync(request, cancellation);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest, answer.StatusCode.ToString());
            Interlocked.Increment(ref refused);
        });
        Assert.Equal(callers, refused);
        Assert.InRange(Memory() - memory, -MemoryMax, 200L << 20);
        Assert.InRange(LogLength() - log, 0, 16 << 10);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    private static async Task ConnectAsync(Uri address, List<Socket> sockets, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            sockets.Add(socket);
            await socket.ConnectAsync(address.Host, address.Port, Cancellation);
        }
    }

    private long Memory() => long.Parse(
        File.ReadLines($"/proc/{Service.ProcessId}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;

    private long LogLength() => new FileInfo(Service.Data + ".log").Length;
}
