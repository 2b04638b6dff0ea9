using Holdfast.Protocol.Failures;

namespace Holdfast.Restorer;

/// <summary>Tells the authority now and then that work goes on, which keeps its lease; if that is another's, or was ended, so is the work.</summary>
internal static class LeaseKeeping
{
    /// <param name="tell">Tells it; the failure conflict says that the lease is lost.</param>
    /// <param name="every">How often.</param>
    /// <param name="stop">Ends this with the work, and the work with the lease.</param>
    /// <param name="time">The clock.</param>
    public static async Task RunAsync(Func<CancellationToken, Task> tell, TimeSpan every, CancellationTokenSource stop, TimeProvider time)
    {
        try
        {
            using var timer = new PeriodicTimer(every, time);
            while (await timer.WaitForNextTickAsync(stop.Token))
            {
                try
                {
                    await tell(stop.Token);
                }
                catch (HoldfastException exception) when (exception.Kind != FailureTable.Conflict)
                {
                    // The authority is away for a moment: the work goes on.
                }
            }
        }
        catch (HoldfastException)
        {
            await stop.CancelAsync();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It has ended.
        }
    }
}
