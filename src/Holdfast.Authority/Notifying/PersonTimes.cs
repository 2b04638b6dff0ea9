using System.Globalization;

namespace Holdfast.Authority.Notifying;

/// <summary>Times as people's own clocks show them; in UTC to those who have not said where they are.</summary>
internal static class PersonTimes
{
    /// <summary>The zone of a name such as Europe/Berlin (IANA); UTC for none, or one that this machine does not know.</summary>
    public static TimeZoneInfo ZoneOf(string? name) => name is not null && TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : TimeZoneInfo.Utc;

    /// <summary>A moment, with what it is counted in; empty for none.</summary>
    public static string At(long? seconds, TimeZoneInfo zone)
    {
        if (seconds is not { } at)
        {
            return "";
        }

        var moment = DateTimeOffset.FromUnixTimeSeconds(at);
        return zone.BaseUtcOffset == TimeSpan.Zero && !zone.SupportsDaylightSavingTime ? string.Create(CultureInfo.InvariantCulture, $"{moment:yyyy-MM-dd HH:mm} UTC")
            : string.Create(CultureInfo.InvariantCulture, $"{TimeZoneInfo.ConvertTime(moment, zone):yyyy-MM-dd HH:mm} ({zone.Id}, {moment:HH:mm} UTC)");
    }
}
