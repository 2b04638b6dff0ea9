using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli;

/// <summary>Sleeps until the turn that the service names, as often as it names one; between two turns nothing is asked.</summary>
internal static class WaitingForTurn
{
    /// <summary>A moment that lies further ahead is no turn of ours: a clock is wrong, here or there.</summary>
    private static readonly TimeSpan _farthest = TimeSpan.FromHours(1);

    public static async Task<T> RunAsync<T>(Output output, bool waits, Func<Task<T>> run, TimeProvider time, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                return await run();
            }
            catch (HoldfastException exception) when (exception is { Turn: { } turn })
            {
                Tell(output, exception.Message, turn, waits, time);
                if (!waits)
                {
                    throw;
                }

                // By the service's clock, not by this computer's.
                var wait = exception.RetryAfter ?? DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(turn.At, 0, DateTimeOffset.MaxValue.ToUnixTimeSeconds())) - time.GetUtcNow();
                wait = wait < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : wait > _farthest ? _farthest : wait;
                await using (ProgressLine.Start(output, elapsed => $"waiting for this computer's turn, {Units.Time(wait > elapsed ? wait - elapsed : TimeSpan.Zero)} until the service is asked again", time))
                {
                    await Task.Delay(wait, time, cancellation);
                }
            }
        }
    }

    private static void Tell(Output output, string why, BackupTurn turn, bool waits, TimeProvider time)
    {
        output.Say($"{why} Your backup starts at about {LocalTime.Of(turn.ExpectedStart, time)}.{(waits ? "" : $" Run it again at {LocalTime.Of(turn.At, time)}, within half an hour: that keeps its place. Or run it with --wait.")}");
        output.Message("turn", ("reason", turn.Reason), ("at", turn.At), ("expected_start", turn.ExpectedStart), ("message", why));
    }
}
