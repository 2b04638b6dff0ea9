using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Bench.Load;

/// <summary>Somebody who restores: a permission from the authority, then 256 KiB from the pod, again and again, with a breath between. A process of its own: what the fleet's costs must not be in what it sees of the service.</summary>
/// <param name="work">The folder in which it is told what to read (<see cref="RestoreOrder"/>), and says what it saw.</param>
internal sealed class RestoreReader(string work)
{
    private const int ReadLength = 256 << 10;

    private const int AtOnce = 2;
    private const string SeenName = "restores-seen";
    private static readonly TimeSpan _breath = TimeSpan.FromMilliseconds(20);

    /// <summary>Longer than a client waits for an answer.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(6);

    /// <summary>What was written down, once nothing is under way any more that began before <paramref name="until"/> (ticks of the stopwatch).</summary>
    public static async Task<IReadOnlyList<Seen>> SeenUntilAsync(string work, long until)
    {
        for (var asked = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(asked) < _patience; await Task.Delay(_breath))
        {
            using var lines = new StreamReader(new FileStream(Path.Combine(work, SeenName), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            var seen = lines.ReadToEnd().Split('\n')[..^1].Select(Seen.Parse).ToList();
            if (seen.Where(restore => restore.Began >= until).DistinctBy(restore => restore.Loop).Count() == AtOnce)
            {
                return seen;
            }
        }

        throw new TimeoutException("whoever restores has ended, or hangs");
    }

    /// <summary>Reads from when the order is there until it is gone.</summary>
    public async Task RunAsync()
    {
        RestoreOrder? order;
        while ((order = RestoreOrder.TryRead(work)) is null)
        {
            await Task.Delay(_breath);
        }

        using var gate = new SemaphoreSlim(1);
        await using var seen = new StreamWriter(Path.Combine(work, SeenName)) { AutoFlush = true };
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async loop =>
        {
            using var client = new ReturningClient(order.Url, order.Account, order.Token, null);
            while (RestoreOrder.IsThere(work))
            {
                await Task.Delay(_breath);
                var began = Stopwatch.GetTimestamp();
                var (failure, permission) = await TryReadAsync(client, order.Number);
                var restore = new Seen(loop, began, Stopwatch.GetElapsedTime(began).TotalMilliseconds, permission.TotalMilliseconds, failure?.ReplaceLineEndings(" ") ?? "");
                await gate.WaitAsync();
                try
                {
                    await seen.WriteLineAsync(restore.Write());
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

    /// <summary>A restore, a line of the file.</summary>
    /// <param name="Loop">Which of those that go on at once.</param>
    /// <param name="Began">Ticks of the stopwatch.</param>
    /// <param name="Milliseconds">What it took.</param>
    /// <param name="PermissionMilliseconds">What it took until it was permitted.</param>
    /// <param name="Failure">What failed; empty if nothing did.</param>
    internal sealed record Seen(int Loop, long Began, double Milliseconds, double PermissionMilliseconds, string Failure)
    {
        public static Seen Parse(string line)
        {
            var fields = line.Split(' ', 5);
            return new Seen(int.Parse(fields[0], CultureInfo.InvariantCulture), long.Parse(fields[1], CultureInfo.InvariantCulture), double.Parse(fields[2], CultureInfo.InvariantCulture), double.Parse(fields[3], CultureInfo.InvariantCulture), fields[4]);
        }

        public string Write() => string.Create(CultureInfo.InvariantCulture, $"{Loop} {Began} {Milliseconds:0.000} {PermissionMilliseconds:0.000} {Failure}");
    }
}
