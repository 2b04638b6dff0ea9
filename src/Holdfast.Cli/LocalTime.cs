using System.Globalization;

namespace Holdfast.Cli;

/// <summary>The service's moments, by this computer's clock.</summary>
internal static class LocalTime
{
    /// <param name="seconds">Unix seconds; the service's word, so whatever.</param>
    /// <param name="time">This computer's clock and time zone.</param>
    public static string Of(long seconds, TimeProvider time)
    {
        var moment = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(seconds, 0, DateTimeOffset.MaxValue.ToUnixTimeSeconds() - 86_400)), time.LocalTimeZone);
        return moment.ToString(moment - time.GetUtcNow() > TimeSpan.FromHours(12) ? "yyyy-MM-dd HH:mm" : "HH:mm:ss", CultureInfo.InvariantCulture);
    }
}
