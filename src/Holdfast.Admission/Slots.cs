namespace Holdfast.Admission;

/// <summary>Places for work in flight: a share of them is for restores alone, and backups have no more than theirs. Not thread-safe.</summary>
/// <param name="limit">How many there are now.</param>
/// <param name="backups">How many of them backups, and what goes behind them, may take; all but the restores' unless given.</param>
/// <param name="restoreShare">One in so many is for restores alone; none if it is nothing.</param>
public sealed class Slots(Func<int> limit, Func<int>? backups = null, int restoreShare = Slots.RestoreShare)
{
    public const int RestoreShare = 10;

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
            var behind = others - _inFlight[(int)WorkClass.Interactive];
            return inFlight >= now ? null
                : restoreShare > 0 && others >= Math.Max(1, now - ((now + restoreShare - 1) / restoreShare)) ? WorkClass.Restore
                : backups is not null && behind >= Math.Max(1, backups()) ? WorkClass.Interactive
                : WorkClass.Background;
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
