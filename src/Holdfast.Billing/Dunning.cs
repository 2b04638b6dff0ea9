namespace Holdfast.Billing;

/// <summary>How far a customer is who does not pay. Restores never stop.</summary>
public enum DunningLevel
{
    /// <summary>Nothing is overdue, or only just.</summary>
    None,

    /// <summary>Was reminded.</summary>
    Reminded,

    /// <summary>Was told that backups will pause.</summary>
    Warned,

    /// <summary>No new backups; restores go on.</summary>
    Paused,
}

/// <summary>When a customer who does not pay is told so; days that an invoice is overdue, counted while the service runs.</summary>
public sealed record Dunning(int RemindedAfter, int WarnedAfter, int PausedAfter)
{
    /// <summary>The level after so many days overdue: one further than before at most, so that nobody's backups pause who was not warned.</summary>
    public DunningLevel Next(DunningLevel level, long daysOverdue)
    {
        var reached = daysOverdue <= 0 ? DunningLevel.None
            : daysOverdue >= PausedAfter ? DunningLevel.Paused
            : daysOverdue >= WarnedAfter ? DunningLevel.Warned
            : daysOverdue >= RemindedAfter ? DunningLevel.Reminded : DunningLevel.None;
        return daysOverdue <= 0 ? DunningLevel.None : reached <= level ? level : level + 1;
    }
}
