using System.Globalization;
using Holdfast.Billing;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Callers;

/// <summary>Days as people write them.</summary>
internal static class CalendarDay
{
    /// <summary>Reads <c>2026-12-05</c> as days since 1970.</summary>
    /// <exception cref="HoldfastException"><see cref="FailureTable.InvalidRequest"/>.</exception>
    public static long Parse(string text) => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)
        ? Month.DayOf(date) : throw new HoldfastException(FailureTable.InvalidRequest, $"'{text}' is no day such as 2026-12-05.");
}
