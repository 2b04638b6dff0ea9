namespace Holdfast.Admission;

/// <summary>Turns that were tried while they are still good: each is tried once. Bounded.</summary>
internal sealed class UsedTurns
{
    /// <summary>More would be a flood; then the oldest are forgotten, and a computer could try twice.</summary>
    private const int Max = 1 << 18;

    private readonly HashSet<(ulong Asker, long Moment)> _used = [];
    private readonly Queue<(ulong Asker, long Moment, long Until)> _byAge = new();

    public bool TryUse(ulong asker, DateTimeOffset moment, DateTimeOffset now)
    {
        while (_byAge.TryPeek(out var oldest) && (oldest.Until < now.UtcTicks || _byAge.Count >= Max))
        {
            _byAge.Dequeue();
            _used.Remove((oldest.Asker, oldest.Moment));
        }

        if (!_used.Add((asker, moment.UtcTicks)))
        {
            return false;
        }

        _byAge.Enqueue((asker, moment.UtcTicks, now.UtcTicks + Gate.TurnLife.Ticks));
        return true;
    }
}
