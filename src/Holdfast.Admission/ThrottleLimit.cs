namespace Holdfast.Admission;

/// <summary>What all rules together leave a computer now: the least of each limit.</summary>
/// <param name="BytesPerSecond">Of its account; no limit if null.</param>
/// <param name="ComputerBytesPerSecond">Of the computer; no limit if null.</param>
/// <param name="SharedBytesPerSecond">Of all accounts together; no limit if null.</param>
/// <param name="AtOnce">Objects of the account in transit at once; no limit if null.</param>
/// <param name="Until">When the last of them stops applying, as far as is set; null if nothing is limited.</param>
/// <param name="Reason">Why.</param>
/// <param name="NextChange">When any rule for it may begin or end to apply: what is permitted now must not be longer.</param>
public sealed record ThrottleLimit(long? BytesPerSecond, long? ComputerBytesPerSecond, long? SharedBytesPerSecond, int? AtOnce, DateTimeOffset? Until, string? Reason, DateTimeOffset? NextChange)
{
    /// <summary>What is told of it lasts, and <see cref="Until"/> is only when it is looked at again.</summary>
    public bool IsLasting { get; init; }

    public static ThrottleLimit Of(IReadOnlyCollection<ThrottleRule> rules, string account, uint computer, WorkClass workClass, DateTimeOffset now)
    {
        var own = rules.Where(rule => rule.IsOf(account, computer, workClass)).ToList();
        var applying = own.Where(rule => rule.Applies(now)).ToList();

        // Who is limited is told of what ends, unless what lasts leaves them less than that.
        var (ending, lasting) = (applying.Where(rule => !rule.IsLasting).ToList(), applying.Where(rule => rule.IsLasting).ToList());
        var isLasting = lasting.Count > 0 && (ending.Count == 0 || LeastRate(lasting) < (LeastRate(ending) ?? long.MaxValue));
        var told = isLasting ? lasting : ending;
        return new ThrottleLimit(
            applying.Where(rule => !rule.IsShared && rule.Computer is null).Min(rule => rule.BytesPerSecond),
            applying.Where(rule => rule.Computer is not null).Min(rule => rule.BytesPerSecond),
            applying.Where(rule => rule.IsShared).Min(rule => rule.BytesPerSecond),
            applying.Min(rule => rule.AtOnce),
            told.Count == 0 ? null : told.Max(rule => rule.NextChange(now)),
            told.Select(rule => rule.Reason).FirstOrDefault(reason => reason is not null),
            own.Min(rule => rule.NextChange(now)))
        {
            IsLasting = isLasting,
        };
    }

    private static long? LeastRate(List<ThrottleRule> rules) => rules.Where(rule => !rule.IsShared).Min(rule => rule.BytesPerSecond);
}
