namespace Holdfast.Authority.Windows;

/// <summary>Sees the clock leap: from one look to the next it went otherwise than one that nobody sets. A machine that was suspended looks the same: nothing was worked on then either.</summary>
internal sealed class ClockWatch(TimeProvider time)
{
    private static readonly TimeSpan _tolerated = TimeSpan.FromSeconds(5);

    /// <summary>Who looked longer ago did not work meanwhile: somebody else did, and saw it.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(1);

    private (DateTimeOffset At, long Stamp)? _looked;
    private TimeSpan _leapt;

    public void Look()
    {
        var (now, stamp) = (time.GetUtcNow(), time.GetTimestamp());
        if (_looked is var (at, before) && time.GetElapsedTime(before, stamp) is var passed && passed <= _longest && (now - at - passed).Duration() >= _tolerated)
        {
            _leapt += now - at - passed;
        }

        _looked = (now, stamp);
    }

    /// <summary>How far it leapt since this was asked last, ahead or back.</summary>
    public TimeSpan Take()
    {
        var leapt = _leapt;
        _leapt = TimeSpan.Zero;
        return leapt;
    }
}
