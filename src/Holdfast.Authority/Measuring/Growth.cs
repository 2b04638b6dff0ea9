namespace Holdfast.Authority.Measuring;

/// <summary>How fast something grows, by what was counted of it on days; between two counts it is as it was at the first.</summary>
internal static class Growth
{
    /// <summary>Days that are looked back on.</summary>
    public const int Days = 30;

    /// <summary>Growth a day since a count, of which <see cref="Days"/> at most are looked at; null on the day of that count.</summary>
    public static double? PerDay(long sinceDay, long then, long today, long now) => Math.Min(Days, today - sinceDay) is > 0 and var days ? (now - then) / (double)days : null;

    /// <summary>The day on which something is full that grows like that; null if it does not, or in more than ten years.</summary>
    public static long? FullDay(long now, long most, double? perDay, long today) => now >= most ? today : perDay > 0 && (most - now) / perDay.Value is < 3653 and var days ? today + (long)Math.Floor(days) : null;
}
