namespace Holdfast.Pods.Drives;

/// <summary>Knows which reads of a drive are under way, and since when: a read that hangs cannot be broken off, but the next need not follow it. Thread-safe.</summary>
/// <remarks>At most 64 reads are watched at once; with more under way, some of those say enough.</remarks>
internal sealed class ReadWatch(TimeProvider time)
{
    private const int Watched = 64;
    private const long Free = 0;

    /// <summary>Disks answer within this also when they try again and again to read a sector; a queue of customers is no such wait.</summary>
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(5);

    private readonly long[] _begun = new long[Watched];
    private uint _next;

    /// <summary>True if a read has had no answer for five seconds.</summary>
    public bool IsStuck
    {
        get
        {
            for (var i = 0; i < Watched; i++)
            {
                if (Volatile.Read(ref _begun[i]) is var begun && begun != Free && time.GetElapsedTime(begun) > _limit)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>A read is under way until the result is disposed of.</summary>
    public Reading Begin()
    {
        var now = Math.Max(1, time.GetTimestamp());
        var first = Interlocked.Increment(ref _next);
        for (var i = 0U; i < Watched; i++)
        {
            var place = (int)((first + i) % Watched);
            if (Interlocked.CompareExchange(ref _begun[place], now, Free) == Free)
            {
                return new Reading(this, place);
            }
        }

        return default;
    }

    internal readonly struct Reading(ReadWatch watch, int place) : IDisposable
    {
        public void Dispose()
        {
            if (watch is not null)
            {
                Volatile.Write(ref watch._begun[place], Free);
            }
        }
    }
}
