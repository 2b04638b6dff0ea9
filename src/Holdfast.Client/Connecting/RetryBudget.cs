namespace Holdfast.Client.Connecting;

/// <summary>How many requests may be tried again: one in ten of those that are made, and some hundreds to begin with. A service that has too much to do must not get more of it from those who try again (Beyer et al., Site Reliability Engineering, 2016, chapter 21). Thread-safe.</summary>
internal sealed class RetryBudget
{
    /// <summary>Enough to wait for a service that restarts with every upload at once, and no command saves up more than that.</summary>
    public const int Most = 600;

    private const int RequestsPerRetry = 10;

    private readonly Lock _lock = new();

    // In tenths.
    private int _left = Most * RequestsPerRetry;

    /// <summary>A request is made for the first time.</summary>
    public void Request()
    {
        lock (_lock)
        {
            _left = Math.Min(Most * RequestsPerRetry, _left + 1);
        }
    }

    /// <summary>A request is to be made again; false if that would be too many.</summary>
    public bool TrySpend()
    {
        lock (_lock)
        {
            if (_left < RequestsPerRetry)
            {
                return false;
            }

            _left -= RequestsPerRetry;
            return true;
        }
    }
}
