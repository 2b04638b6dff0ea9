namespace Holdfast.Admission;

/// <summary>A limit on backups or restores, that an operator set for a while or a plan has; perhaps only at certain hours. Immutable.</summary>
public sealed record ThrottleRule
{
    /// <summary>Whose work is limited; everybody's if null.</summary>
    public string? Account { get; init; }

    /// <summary>Of that account only this computer; all of it if null.</summary>
    public uint? Computer { get; init; }

    /// <summary><see cref="WorkClass.Backup"/> (what goes up) or <see cref="WorkClass.Restore"/> (what comes down).</summary>
    public required WorkClass Class { get; init; }

    /// <summary>Bytes a second of all accounts together, and not of each; never so for one account alone.</summary>
    public bool IsShared { get; init; }

    /// <summary>Bytes a second; no limit if null.</summary>
    public long? BytesPerSecond { get; init; }

    /// <summary>Objects of an account in transit at once; no limit if null.</summary>
    public int? AtOnce { get; init; }

    /// <summary>The hours of each day, by the clock of <see cref="Zone"/>; past midnight if <see cref="To"/> is before; all day if they are the same.</summary>
    public TimeOnly From { get; init; }

    public TimeOnly To { get; init; }

    public TimeZoneInfo Zone { get; init; } = TimeZoneInfo.Utc;

    public required DateTimeOffset Starts { get; init; }

    public required DateTimeOffset Ends { get; init; }

    /// <summary>It lasts: <see cref="Ends"/> is only when it is looked at again.</summary>
    public bool IsLasting { get; init; }

    /// <summary>Why, for those who notice.</summary>
    public string? Reason { get; init; }

    /// <summary>Whether it limits work of this class now.</summary>
    public bool Applies(DateTimeOffset now) => now >= Starts && now < Ends && IsAtItsHours(now);

    /// <summary>Whether it is about this computer's work of this class.</summary>
    public bool IsOf(string account, uint computer, WorkClass workClass) => (Account is null || Account == account) && (Computer is null || Computer == computer) && Class == workClass;

    /// <summary>When it may begin or end to apply next; null if never again.</summary>
    public DateTimeOffset? NextChange(DateTimeOffset now)
    {
        if (now >= Ends)
        {
            return null;
        }

        if (now < Starts)
        {
            return Starts;
        }

        var day = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, Zone).DateTime);
        return From == To ? Ends : Edges(day).Concat(Edges(day.AddDays(1))).Append(Ends).Where(edge => edge > now).Min();
    }

    private bool IsAtItsHours(DateTimeOffset now)
    {
        var local = TimeOnly.FromDateTime(TimeZoneInfo.ConvertTime(now, Zone).DateTime);
        return From == To || local.IsBetween(From, To);
    }

    /// <remarks>A time that a clock put forward leaves out is the first that there is after it.</remarks>
    private IEnumerable<DateTimeOffset> Edges(DateOnly day) => new[] { From, To }.Select(edge =>
    {
        var local = day.ToDateTime(edge);
        while (Zone.IsInvalidTime(local))
        {
            local = local.AddMinutes(1);
        }

        return new DateTimeOffset(local, Zone.GetUtcOffset(local));
    });
}
