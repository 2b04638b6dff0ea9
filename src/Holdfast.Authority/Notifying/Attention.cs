using Holdfast.Billing;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Notifying;

/// <summary>Something of an account that its owners should look after.</summary>
/// <param name="Computer">Its number; 0 for the account itself.</param>
/// <param name="Topic">missing, failed or quota.</param>
/// <param name="Since">What it counts from: once that is another, it is another thing. Seconds since 1970, or the quota.</param>
/// <param name="Level">How bad it is: told again when it is worse.</param>
/// <param name="Values">What belongs into its line of the mail: the computer's name first, or last behind how much of a quota is used.</param>
internal sealed record Attention(long Computer, string Topic, long Since, long Level, IReadOnlyList<string> Values)
{
    public const string Missing = "missing";
    public const string Failed = "failed";
    public const string Quota = "quota";

    private const int WeekDays = 7;
    private const int FirstDays = 2 * WeekDays;
    private const int WeeklyUntilDays = 8 * WeekDays;
    private const int LaterDays = 4 * WeekDays;

    private static readonly int[] _quotaPercents = [QuotaState.WarnedFromPercent, 90, 95, 100];

    /// <summary>A computer that has not backed up for 14 days, 21, 28…; after eight weeks every four. Null if it is not so long.</summary>
    public static Attention? OfMissing(long computer, string name, long since, long now) => (now - since) / Month.SecondsPerDay is var days and >= FirstDays
        ? new Attention(computer, Missing, since, days <= WeeklyUntilDays ? days / WeekDays * WeekDays : days / LaterDays * LaterDays, [name, $"{days}", $"{DateTimeOffset.FromUnixTimeSeconds(since):yyyy-MM-dd}"]) : null;

    /// <summary>A computer whose backups were begun and did not end since its last good one; said again each week.</summary>
    public static Attention OfFailed(long computer, string name, long since, long failedAt, string guidance) =>
        new(computer, Failed, since, 1 + ((failedAt - since) / Month.SecondsPerDay / WeekDays), [name, $"{DateTimeOffset.FromUnixTimeSeconds(failedAt):yyyy-MM-dd HH:mm}", guidance]);

    /// <summary>Whether it is to be told again, behind what was told before. Backups that fail each night and succeed for other folders are one thing, and not one a day.</summary>
    public bool IsNewSince(long since, long level, long toldAt, long now) =>
        (Since != since || Level > level) && !(Topic == Failed && now - toldAt is >= 0 and < WeekDays * Month.SecondsPerDay);

    /// <summary>An account, or one of its computers, that has used most of what it may; null if it has not.</summary>
    public static Attention? OfQuota(QuotaState state, long computer = 0, string name = "") => _quotaPercents.LastOrDefault(percent => state.Percent >= percent) is var level and > 0
        ? new Attention(computer, Quota, state.Bytes, level, [$"{state.Percent}", $"{state.Used / 1e9:0.#}", $"{state.Bytes / 1e9:0.#}", name]) : null;
}
