namespace Holdfast.Admission;

/// <summary>What all rules together leave an account now: the least of each limit.</summary>
/// <param name="BytesPerSecond">Of the account; no limit if null.</param>
/// <param name="SharedBytesPerSecond">Of all accounts together; no limit if null.</param>
/// <param name="AtOnce">Objects of the account in transit at once; no limit if null.</param>
/// <param name="Until">When the last of them stops applying, as far as is set; null if nothing is limited.</param>
/// <param name="Reason">Why.</param>
/// <param name="NextChange">When any rule for it may begin or end to apply: what is permitted now must not be longer.</param>
public sealed record ThrottleLimit(long? BytesPerSecond, long? SharedBytesPerSecond, int? AtOnce, DateTimeOffset? Until, string? Reason, DateTimeOffset? NextChange)
{
    public static ThrottleLimit Of(IReadOnlyCollection<ThrottleRule> rules, string account, WorkClass workClass, DateTimeOffset now)
    {
        var applying = rules.Where(rule => rule.Applies(account, workClass, now)).ToList();
        return new ThrottleLimit(
            applying.Where(rule => !rule.IsShared).Min(rule => rule.BytesPerSecond),
            applying.Where(rule => rule.IsShared).Min(rule => rule.BytesPerSecond),
            applying.Min(rule => rule.AtOnce),
            applying.Count == 0 ? null : applying.Max(rule => rule.NextChange(now)),
            applying.Select(rule => rule.Reason).FirstOrDefault(reason => reason is not null),
            rules.Where(rule => rule.Class == workClass && (rule.Account is null || rule.Account == account)).Min(rule => rule.NextChange(now)));
    }
}
