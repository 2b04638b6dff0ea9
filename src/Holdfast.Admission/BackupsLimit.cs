namespace Holdfast.Admission;

/// <summary>How many backups may be under way at once, from what the pods can do. Not thread-safe.</summary>
/// <remarks>
/// A backup that sends all the time keeps a piece in flight; most look for changes most of the time. So the limit of pieces, and a tenth, is where it begins, and it grows while all places are taken and
/// pieces are few. Once pieces are many it goes back.
/// </remarks>
public sealed class BackupsLimit
{
    private const double Margin = 1.1;
    private const double Growth = 1.3;
    private const double Decrease = 0.93;
    private const double InUse = 0.9;
    private const double Most = 1 << 20;

    private double _limit;

    public int Limit => (int)Math.Ceiling(_limit);

    /// <summary>Looks at what is under way; called once in a window of the pods' limit.</summary>
    /// <param name="pieces">Pieces that pods let in at once.</param>
    /// <param name="piecesInFlight">The most that were in flight.</param>
    /// <param name="backups">Backups under way.</param>
    public void Look(int pieces, int piecesInFlight, int backups)
    {
        var least = Margin * Math.Max(QueueWaitLimit.Floor, pieces);
        _limit = Math.Max(least, piecesInFlight >= InUse * pieces ? _limit * Decrease : backups >= InUse * _limit ? Math.Min(Most, _limit * Growth) : _limit);
    }
}
