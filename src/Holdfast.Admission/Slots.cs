namespace Holdfast.Admission;

/// <summary>Places for work in flight: a share of them is for restores alone. Not thread-safe.</summary>
/// <param name="limit">How many there are now.</param>
public sealed class Slots(Func<int> limit)
{
    /// <summary>One in so many is for restores alone.</summary>
    private const int RestoreShare = 10;

    private readonly int[] _inFlight = new int[Enum.GetValues<WorkClass>().Length];

    /// <summary>Places taken.</summary>
    public int InFlight => _inFlight.Sum();

    /// <summary>The last class of which one more may begin; null if none may.</summary>
    /// <remarks>A limit that sinks takes no place away from what is in flight: it ends, and nothing takes its place.</remarks>
    public WorkClass? MayBegin
    {
        get
        {
            var (now, inFlight) = (Math.Max(1, limit()), InFlight);
            var others = inFlight - _inFlight[(int)WorkClass.Restore];
            return inFlight >= now ? null : others < now - ((now + RestoreShare - 1) / RestoreShare) ? WorkClass.Background : WorkClass.Restore;
        }
    }

    public void Begin(WorkClass workClass) => _inFlight[(int)workClass]++;

    /// <summary>A piece of work is over, however it went.</summary>
    public void End(WorkClass workClass)
    {
        if (--_inFlight[(int)workClass] < 0)
        {
            _inFlight[(int)workClass] = 0;
            throw new InvalidOperationException($"more {workClass} work has ended than began");
        }
    }
}
