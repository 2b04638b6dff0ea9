using System.Globalization;
using Holdfast.Admission;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Throttling;

/// <summary>What a limit may be, whether an operator sets it for a while or a plan has it.</summary>
internal static class LimitTerms
{
    private const string Backup = "backup";
    private const string Restore = "restore";

    /// <summary>Below it a pack takes minutes, and a backup is not slow but dead.</summary>
    private const long BytesPerSecondMin = 64 << 10;

    private const int AtOnceMax = 255;

    /// <summary>Fails with invalid_request if it cannot be; times of day and zone are looked at by <see cref="TimeOf"/> and <see cref="ZoneOf"/>.</summary>
    public static void Check(string workClass, long? bytesPerSecond, int? atOnce, string? from, string? to, string? zone)
    {
        if (workClass is not (Backup or Restore))
        {
            throw Invalid($"A limit is of backup or of restore, not of '{workClass}'.");
        }

        if ((bytesPerSecond is null && atOnce is null) || bytesPerSecond < BytesPerSecondMin || atOnce is < 1 or > AtOnceMax)
        {
            throw Invalid($"A limit names bytes a second, at least {BytesPerSecondMin}, or how many objects at once, 1 to {AtOnceMax}, or both.");
        }

        if (from is null != to is null || (zone is not null && from is null))
        {
            throw Invalid("Hours have a beginning and an end, and a time zone only with them.");
        }
    }

    public static WorkClass ClassOf(string workClass) => workClass == Restore ? WorkClass.Restore : WorkClass.Backup;

    public static TimeOnly TimeOf(string? text) => text is null ? default
        : TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : throw Invalid($"'{text}' is no time of the day such as 08:00.");

    /// <param name="name">UTC if null.</param>
    /// <param name="isStrict">Whether a time zone that this server does not know is refused; else its hours count as UTC.</param>
    public static TimeZoneInfo ZoneOf(string? name, bool isStrict) => name is null ? TimeZoneInfo.Utc
        : TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : !isStrict ? TimeZoneInfo.Utc : throw Invalid($"'{name}' is no time zone that this server knows, such as Europe/Berlin.");

    public static HoldfastException Invalid(string why) => new(FailureTable.InvalidRequest, why);
}
