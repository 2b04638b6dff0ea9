namespace Holdfast.Protocol.Messages;

/// <summary>What a service consists of, as its customers see it.</summary>
public static class ServiceComponents
{
    public const string Backups = "backups";
    public const string Restores = "restores";
    public const string SignIn = "sign-in";

    public static IReadOnlyList<string> All { get; } = [Backups, Restores, SignIn];
}

/// <summary>How a component is: the words of <see cref="ComponentStatus.State"/>.</summary>
public static class ComponentStates
{
    public const string Working = "working";
    public const string Maintenance = "maintenance";
    public const string Degraded = "degraded";
    public const string Outage = "outage";
    public const string Unknown = "unknown";
}

/// <summary>How the service is, for anybody: no customer is named in it. Times are seconds since 1970.</summary>
/// <param name="MeasuredAt">When it was looked at last; 0 if never.</param>
/// <param name="Components">What it consists of.</param>
/// <param name="Windows">Maintenance that is announced or under way, or was in the last 90 days, the latest first.</param>
/// <param name="Incidents">What went wrong, open or begun in the last 90 days, the latest first.</param>
public sealed record ServiceStatus(long MeasuredAt, IReadOnlyList<ComponentStatus> Components, IReadOnlyList<PublicWindow> Windows, IReadOnlyList<PublicIncident> Incidents);

/// <summary>How a component is.</summary>
/// <param name="Name"><c>backups</c>, <c>restores</c> or <c>sign-in</c>.</param>
/// <param name="State"><c>working</c>, <c>maintenance</c>, <c>degraded</c>, <c>outage</c> or <c>unknown</c>.</param>
/// <param name="Available">For how much of the days that are measured it worked, 0 to 1; null if none is.</param>
/// <param name="Days">The last 90 days, the oldest first.</param>
public sealed record ComponentStatus(string Name, string State, double? Available, IReadOnlyList<ComponentDay> Days);

/// <summary>A day of a component (UTC).</summary>
/// <param name="Day">Days since 1970.</param>
/// <param name="Available">For how much of it the component worked, 0 to 1; null if nobody measured.</param>
/// <param name="AwaySeconds">For how long it did not.</param>
/// <param name="MaintenanceSeconds">For how long it was in maintenance.</param>
public sealed record ComponentDay(long Day, double? Available, long AwaySeconds, long MaintenanceSeconds);

/// <summary>Maintenance, as those who are affected see it. Times are seconds since 1970.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">What it is about.</param>
/// <param name="Message">What else is said of it.</param>
/// <param name="State"><c>announced</c>, <c>in_progress</c>, <c>completed</c> or <c>cancelled</c>.</param>
/// <param name="StartsAt">When it begins.</param>
/// <param name="BackBy">Promised: services are back.</param>
/// <param name="CaughtUpBy">Promised: everyone is caught up.</param>
/// <param name="FirstBackBy">What was promised first, if that was changed.</param>
/// <param name="ChangeReason">Why.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="BackAt">When services were back.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="ChangedAt">When anything of this was changed.</param>
/// <param name="FirstCaughtUpBy">When everyone was promised first to be caught up, if that was changed.</param>
public sealed record PublicWindow(
    string Id, string Name, string? Message, string State, long StartsAt, long? BackBy, long? CaughtUpBy, long? FirstBackBy, string? ChangeReason, long? StartedAt, long? BackAt, long? EndedAt, long ChangedAt, long? FirstCaughtUpBy = null);

/// <summary>Something that went wrong, as everybody may know it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Title">What.</param>
/// <param name="Components">What of the service.</param>
/// <param name="Impact"><c>degraded</c> or <c>outage</c>.</param>
/// <param name="BeganAt">Seconds since 1970.</param>
/// <param name="ClosedAt">When it was over; null if it is not.</param>
/// <param name="Events">What was said of it, in order.</param>
public sealed record PublicIncident(string Id, string Title, IReadOnlyList<string> Components, string Impact, long BeganAt, long? ClosedAt, IReadOnlyList<ServiceEvent> Events);

/// <summary>Something that happened.</summary>
/// <param name="At">Seconds since 1970.</param>
/// <param name="Event">What.</param>
/// <param name="IsPublic">The status page says it too.</param>
public sealed record ServiceEvent(long At, string Event, bool IsPublic = true);
