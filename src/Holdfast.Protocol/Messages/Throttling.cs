namespace Holdfast.Protocol.Messages;

/// <summary>Limits backups or restores for a while.</summary>
/// <param name="Class"><c>backup</c> (what goes up) or <c>restore</c> (what comes down).</param>
/// <param name="EndsAt">Until when, Unix seconds: every limit ends.</param>
/// <param name="Account">The name of the account that is limited; everybody if null.</param>
/// <param name="BytesPerSecond">Of each account, or of all together if <paramref name="IsShared"/>; no limit if null.</param>
/// <param name="IsShared">All accounts have it together.</param>
/// <param name="AtOnce">Objects of each account in transit at once; no limit if null.</param>
/// <param name="From">From this time of each day, such as <c>08:00</c>; the whole day if null.</param>
/// <param name="To">To this time of each day.</param>
/// <param name="Zone">The time zone of both, such as <c>Europe/Berlin</c>; UTC if null.</param>
/// <param name="StartsAt">From when, Unix seconds; from now if null.</param>
/// <param name="Reason">Why, for those who notice.</param>
/// <param name="Computer">Of the account only this computer; all of it if null.</param>
public sealed record AddThrottle(
    string Class, long EndsAt, string? Account = null, long? BytesPerSecond = null, bool IsShared = false, int? AtOnce = null, string? From = null, string? To = null, string? Zone = null, long? StartsAt = null, string? Reason = null,
    uint? Computer = null);

/// <summary>A limit as it was set.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Applies">Whether it limits anything at this moment.</param>
/// <param name="Limit">What was set; its start is filled in.</param>
public sealed record Throttle(string Id, bool Applies, AddThrottle Limit);

/// <summary>All limits that have not ended, the oldest first.</summary>
public sealed record ThrottleList(IReadOnlyList<Throttle> Throttles);

/// <summary>How an account is limited now.</summary>
/// <param name="BytesPerSecond">Bytes a second of the account, or of this computer if that is less; null if only what all have together is limited, or how much at once.</param>
/// <param name="Until">When it ends or changes, Unix seconds.</param>
/// <param name="Reason">Why, as the operator said.</param>
/// <param name="IsLasting">It is of the account's plan, and ends only with that: it is looked at again at <paramref name="Until"/>.</param>
public sealed record ThrottleState(long? BytesPerSecond, long Until, string? Reason, bool IsLasting = false);
