using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Bench.Load;

/// <summary>Somebody who restores: a permission from the authority, then 256 KiB from the pod, again and again, with a breath between. A process of its own: what the fleet's costs must not be in what it sees of the service.</summary>
/// <param name="work">The folder in which it is told what to read (<see cref="RestoreOrder"/>), and says what it saw.</param>
internal sealed class RestoreReader(string work)
{
    public const int ReadLength = 256 << 10;

    private const int AtOnce = 2;
    private static readonly TimeSpan _breath = TimeSpan.FromMilliseconds(20);

    /// <summary>Reads from when the order is there until it is gone.</summary>
    public async Task RunAsync()
    {
        RestoreOrder? order;
        while ((order = RestoreOrder.TryRead(work)) is null)
        {
            await Task.Delay(_breath);
        }

        using var gate = new SemaphoreSlim(1);
        await using var seen = new StreamWriter(RestoreOrder.SeenFile(work)) { AutoFlush = true };
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            using var client = new ReturningClient(order.Url, order.Account, order.Token, null);
            while (RestoreOrder.IsThere(work))
            {
                await Task.Delay(_breath);
                var began = Stopwatch.GetTimestamp();
                var (failure, permission) = await TryReadAsync(client, order.Number);
                var line = string.Create(CultureInfo.InvariantCulture, $"{began} {Stopwatch.GetElapsedTime(began).TotalMilliseconds:0.000} {permission.TotalMilliseconds:0.000} {failure?.ReplaceLineEndings(" ")}");
                await gate.WaitAsync();
                try
                {
                    await seen.WriteLineAsync(line);
                }
                finally
                {
                    gate.Release();
                }
            }
        }));
    }

    private static async Task<(string? Failure, TimeSpan Permission)> TryReadAsync(ReturningClient client, uint number)
    {
        try
        {
            return await client.TryReadAsync(number, ReadLength, CancellationToken.None);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException or System.Text.Json.JsonException)
        {
            return (exception.Message, default);
        }
    }
}
