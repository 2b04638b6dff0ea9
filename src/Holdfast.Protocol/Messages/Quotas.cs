namespace Holdfast.Protocol.Messages;

/// <summary>Says how much an account, or one of its computers, may store.</summary>
/// <param name="Bytes">So many; null with <paramref name="IsUnlimited"/> false takes the quota away: an account has its plan's again, a computer none.</param>
/// <param name="IsUnlimited">An account may store as much as there is room for, whatever its plan says.</param>
public sealed record ChangeQuota(long? Bytes = null, bool IsUnlimited = false);

/// <summary>How much of a quota is used.</summary>
/// <param name="Bytes">The quota.</param>
/// <param name="Used">What is stored.</param>
/// <param name="IsOfComputer">It is the computer's own, and not its account's.</param>
public sealed record QuotaState(long Bytes, long Used, bool IsOfComputer = false)
{
    /// <summary>From this share on people are warned.</summary>
    public const int WarnedFromPercent = 80;

    /// <summary>Whole percent that are used.</summary>
    public long Percent => Bytes == 0 ? 100 : (long)(Used / (decimal)Bytes * 100);
}

/// <summary>What one computer of an account has stored.</summary>
/// <param name="Computer">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Stored bytes.</param>
/// <param name="Quota">How much it may store; null if only its account has a quota.</param>
public sealed record ComputerUsage(uint Computer, string Name, long Bytes, long? Quota);

/// <summary>What was counted on a day, and held until the next.</summary>
/// <param name="Day">Days since 1970, UTC.</param>
/// <param name="Bytes">Stored bytes.</param>
/// <param name="Objects">Stored objects.</param>
/// <param name="Snapshots">Snapshots.</param>
/// <param name="Computers">Computers that are in use.</param>
public sealed record DayUsage(long Day, long Bytes, long Objects, long Snapshots, long Computers);

/// <summary>What one account uses, now and before.</summary>
/// <param name="Name">The account's name.</param>
/// <param name="Bytes">Stored bytes, counted now.</param>
/// <param name="Quota">How much it may store; null for as much as there is room.</param>
/// <param name="BytesPerDay">By how much it grew a day in the last 30 days, or in its life if that is shorter; null before it was counted on two days.</param>
/// <param name="FullDay">When the quota is used up if it goes on like that, in days since 1970; null if it does not, or nobody can say.</param>
/// <param name="Computers">What each computer stored.</param>
/// <param name="Days">What was counted on which day, the latest first, up to 400.</param>
public sealed record AccountUsageHistory(string Name, long Bytes, long? Quota, double? BytesPerDay, long? FullDay, IReadOnlyList<ComputerUsage> Computers, IReadOnlyList<DayUsage> Days);

/// <summary>What an account used, derived again from its snapshots' records.</summary>
/// <param name="Name">The account's name.</param>
/// <param name="Days">A day each, the first first.</param>
public sealed record DerivedUsage(string Name, IReadOnlyList<DerivedDay> Days);

/// <summary>One day of it.</summary>
/// <param name="Derived">What the records say.</param>
/// <param name="Kept">What was kept for that day: the last count that changed anything, of that day or before; null before the first.</param>
public sealed record DerivedDay(DayUsage Derived, DayUsage? Kept);
