namespace Holdfast.Admission;

/// <summary>When a computer backs up next: once a day, drawn evenly, so that a peak does not come back a day later.</summary>
/// <remarks>Timers of a day keep the shape of the day before for ever; choosing the emptiest hour swings from day to day. An even draw over two thirds of a day forgets within three.</remarks>
public static class NextBackup
{
    private static readonly TimeSpan _soonest = TimeSpan.FromHours(10);
    private static readonly TimeSpan _spread = TimeSpan.FromHours(16);

    /// <param name="last">When the last one ended.</param>
    /// <param name="drawn">From 0 to 1.</param>
    public static DateTimeOffset After(DateTimeOffset last, double drawn) => last + _soonest + (_spread * Math.Clamp(drawn, 0, 1));
}
