namespace Holdfast.Pods.Healing;

/// <summary>Lets background work give way to customers: asked between small pieces, it pauses so long that the work gets its share of the time and no more. It always gets its share, so it always ends. Not thread-safe.</summary>
internal sealed class Pace(Traffic traffic, TimeProvider time, double share)
{
    private static readonly TimeSpan _pauseMax = TimeSpan.FromMilliseconds(200);

    /// <summary>How much longer than its pause it waits for a moment in which nobody is served.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(5);

    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(1);

    private long _since = time.GetTimestamp();

    /// <summary>True if nobody needs the drives now.</summary>
    public bool IsFree => !traffic.IsBusy;

    public async ValueTask GiveWayAsync(CancellationToken cancellation)
    {
        if (traffic.IsBusy)
        {
            var pause = time.GetElapsedTime(_since) * ((1 / share) - 1);
            await Task.Delay(pause < _pauseMax ? pause : _pauseMax, time, cancellation);
            for (var began = time.GetTimestamp(); share < 1 && traffic.IsServing && time.GetElapsedTime(began) < _patience;)
            {
                await Task.Delay(_look, time, cancellation);
            }
        }

        _since = time.GetTimestamp();
    }
}
