using System.Diagnostics;

namespace Holdfast.Bench.Load;

/// <summary>What happened in a stretch of time, as clients saw it.</summary>
/// <param name="countFrom">Seconds from the beginning before which nothing is counted.</param>
/// <param name="length">Seconds in all.</param>
internal sealed class Phase(int countFrom, int length)
{
    private readonly long _began = Stopwatch.GetTimestamp();
    private long _bytes;
    private long _backups;
    private long _refused;
    private long _untyped;

    /// <summary>Milliseconds of each restore.</summary>
    public List<double> Restores { get; } = [];

    /// <summary>Milliseconds until each restore had its permission.</summary>
    public List<double> Permissions { get; } = [];

    public double BytesPerSecond => (double)_bytes / (length - countFrom);

    public long Backups => _backups;

    public long Refused => _refused;

    public long Untyped => _untyped;

    private bool Counts => Stopwatch.GetElapsedTime(_began).TotalSeconds >= countFrom;

    public void Stored(long bytes)
    {
        if (Counts)
        {
            Interlocked.Add(ref _bytes, bytes);
        }
    }

    /// <summary>Takes the restores that began while it counted, as <see cref="RestoreReader"/> wrote them down, and what failed from its beginning on. Those that are under way are waited for, however long they take.</summary>
    public async Task TakeRestoresAsync(string work)
    {
        var (from, to) = (_began + (countFrom * Stopwatch.Frequency), _began + (length * Stopwatch.Frequency));
        foreach (var seen in await RestoreReader.SeenUntilAsync(work, to))
        {
            if (seen.Began < _began || seen.Began >= to)
            {
                continue;
            }

            if (seen.Failure.Length > 0)
            {
                Fail($"restore: {seen.Failure}");
            }
            else if (seen.Began >= from)
            {
                Restores.Add(seen.Milliseconds);
                Permissions.Add(seen.PermissionMilliseconds);
            }
        }

        if (Restores.Count == 0)
        {
            throw new InvalidOperationException("nobody restored anything");
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
