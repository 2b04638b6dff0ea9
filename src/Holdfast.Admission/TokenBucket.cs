namespace Holdfast.Admission;

/// <summary>A rate, such as bytes a second of an account, with some to spare at once. Whoever takes more than there is owes it, and is told how long to wait. Not thread-safe.</summary>
/// <remarks>Within any time t no more than burst + t · rate passes, but for the last piece, which may be larger than what there was.</remarks>
public sealed class TokenBucket
{
    private readonly TimeProvider _time;
    private double _rate;
    private double _burst;
    private double _tokens;
    private long _filledAt;

    /// <param name="rate">Units a second; more than nothing.</param>
    /// <param name="burst">Units that pass at once after a pause; more than nothing.</param>
    /// <param name="time">Monotonic time.</param>
    public TokenBucket(double rate, double burst, TimeProvider time)
    {
        Check(rate, burst);
        (_rate, _burst, _tokens, _time, _filledAt) = (rate, burst, burst, time, time.GetTimestamp());
    }

    /// <summary>Takes units; how long to wait before what they are for is done.</summary>
    public TimeSpan Take(long units)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(units);
        Fill();
        _tokens -= units;
        return _tokens >= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Min(-_tokens / _rate, TimeSpan.MaxValue.TotalSeconds / 2));
    }

    /// <summary>Gives units back that were taken and not used.</summary>
    public void Return(long units)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(units);
        Fill();
        _tokens = Math.Min(_burst, _tokens + units);
    }

    /// <summary>Whether nothing is owed, and all that may be spared is.</summary>
    public bool IsFull
    {
        get
        {
            Fill();
            return _tokens >= _burst;
        }
    }

    /// <summary>Another rate from now on, as by day and by night.</summary>
    public void Change(double rate, double burst)
    {
        Check(rate, burst);
        Fill();
        (_rate, _burst, _tokens) = (rate, burst, Math.Min(_tokens, burst));
    }

    private void Fill()
    {
        var now = _time.GetTimestamp();
        _tokens = Math.Min(_burst, _tokens + (_time.GetElapsedTime(_filledAt, now).TotalSeconds * _rate));
        _filledAt = now;
    }

    private static void Check(double rate, double burst)
    {
        if (!(rate > 0 && double.IsFinite(rate) && burst > 0 && double.IsFinite(burst)))
        {
            throw new ArgumentOutOfRangeException(nameof(rate), "A rate and a burst are finite and more than nothing.");
        }
    }
}
