using System.Globalization;

namespace Holdfast.Billing;

/// <summary>A month of the calendar in UTC: what bills are of. Days are counted from 1970-01-01.</summary>
public readonly record struct Month(int Year, int Number)
{
    public const long SecondsPerDay = 86_400;

    private static readonly DateOnly _first = new(1970, 1, 1);

    public long FirstDay => DayOf(new DateOnly(Year, Number, 1));

    public int Days => DateTime.DaysInMonth(Year, Number);

    /// <summary>The day behind the last.</summary>
    public long EndDay => FirstDay + Days;

    public Month Next => Number == 12 ? new Month(Year + 1, 1) : new Month(Year, Number + 1);

    public static Month Of(long day)
    {
        var date = DateOf(day);
        return new Month(date.Year, date.Month);
    }

    public static long DayOf(DateOnly date) => date.DayNumber - _first.DayNumber;

    public static DateOnly DateOf(long day) => _first.AddDays(checked((int)day));

    /// <summary>Reads <c>2026-11</c>.</summary>
    public static Month? TryParse(string text) => DateOnly.TryParseExact(text + "-01", "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) ? new Month(date.Year, date.Month) : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Year:d4}-{Number:d2}");
}
