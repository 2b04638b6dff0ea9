using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Bench.Load;

/// <summary>What happened in a stretch of time, as clients saw it.</summary>
/// <param name="countFrom">Seconds from the beginning before which nothing is counted.</param>
/// <param name="length">Seconds in all.</param>
internal sealed class Phase(int countFrom, int length)
{
    /// <summary>No restore takes longer, or it is missed.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(3);

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

    /// <summary>Takes the restores that began while it counted, as <see cref="RestoreReader"/> wrote them down, and what failed from its beginning on. Waits for those that are under way.</summary>
    public async Task TakeRestoresAsync(string work)
    {
        await Task.Delay(_longest);
        var (from, to) = (_began + (countFrom * Stopwatch.Frequency), _began + (length * Stopwatch.Frequency));
        using var seen = new StreamReader(new FileStream(RestoreOrder.SeenFile(work), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        while (seen.ReadLine() is { } line)
        {
            var fields = line.Split(' ', 4);
            if (fields.Length < 4 || long.Parse(fields[0], CultureInfo.InvariantCulture) is var began && (began < _began || began >= to))
            {
                continue;
            }

            if (fields[3].Length > 0)
            {
                Fail($"restore: {fields[3]}");
            }
            else if (began >= from)
            {
                Restores.Add(double.Parse(fields[1], CultureInfo.InvariantCulture));
                Permissions.Add(double.Parse(fields[2], CultureInfo.InvariantCulture));
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
