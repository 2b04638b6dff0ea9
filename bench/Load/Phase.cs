using System.Collections.Concurrent;
using System.Diagnostics;

namespace Holdfast.Bench.Load;

/// <summary>What happened in a stretch of time, as clients saw it.</summary>
/// <param name="countFrom">Seconds from the beginning before which nothing is counted.</param>
/// <param name="length">Seconds in all.</param>
internal sealed class Phase(int countFrom, int length)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private long _bytes;
    private long _backups;
    private long _refused;
    private long _untyped;

    /// <summary>Milliseconds of each restore.</summary>
    public ConcurrentBag<double> Restores { get; } = [];

    /// <summary>Milliseconds until each restore had its permission.</summary>
    public ConcurrentBag<double> Permissions { get; } = [];

    public double BytesPerSecond => (double)_bytes / (length - countFrom);

    public long Backups => _backups;

    public long Refused => _refused;

    public long Untyped => _untyped;

    private bool Counts => _watch.Elapsed.TotalSeconds >= countFrom;

    public void Stored(long bytes)
    {
        if (Counts)
        {
            Interlocked.Add(ref _bytes, bytes);
        }
    }

    public void Restored(TimeSpan time, TimeSpan permission)
    {
        if (Counts)
        {
            Restores.Add(time.TotalMilliseconds);
            Permissions.Add(permission.TotalMilliseconds);
        }
    }

    public void Done() => Interlocked.Increment(ref _backups);

    public void Refuse() => Interlocked.Increment(ref _refused);

    public void Fail(string what)
    {
        if (Interlocked.Increment(ref _untyped) <= 5)
        {
            Console.Error.WriteLine($"load: {what}");
        }
    }
}
