namespace Holdfast.Cli;

/// <summary>One line on the terminal that is drawn again a few times a second; nothing where there is no terminal.</summary>
internal sealed class ProgressLine : IAsyncDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _drawing;

    private ProgressLine(Func<TimeSpan, string> describe, TimeProvider time)
    {
        _drawing = DrawAsync(describe, time, _stop.Token);
    }

    public static ProgressLine? Start(Output output, Func<TimeSpan, string> describe, TimeProvider time) =>
        output.ShowsProgress ? new ProgressLine(describe, time) : null;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _drawing;
        _stop.Dispose();
    }

    private static async Task DrawAsync(Func<TimeSpan, string> describe, TimeProvider time, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        using var timer = new PeriodicTimer(_interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                var text = describe(time.GetElapsedTime(started));
                var width = Math.Max(20, Console.WindowWidth - 1);
                await Console.Error.WriteAsync($"\r{(text.Length > width ? text[..width] : text.PadRight(width))}");
            }
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteAsync($"\r{new string(' ', Math.Max(20, Console.WindowWidth - 1))}\r");
        }
    }
}
