namespace Holdfast.Protocol.Messages;

/// <summary>Says that something is wrong: the status page shows it.</summary>
/// <param name="Title">What, on one line.</param>
/// <param name="Components">What of the service: <c>backups</c>, <c>restores</c>, <c>sign-in</c>.</param>
/// <param name="Impact"><c>degraded</c> or <c>outage</c>.</param>
/// <param name="Since">When it began, seconds since 1970; now unless given.</param>
/// <param name="Message">What is known of it.</param>
public sealed record OpenIncident(string Title, IReadOnlyList<string> Components, string Impact, long? Since = null, string? Message = null);

/// <summary>Says more of an incident.</summary>
/// <param name="Message">What.</param>
/// <param name="IsInternal">For operators only.</param>
public sealed record UpdateIncident(string Message, bool IsInternal = false);

/// <summary>Says that an incident is over.</summary>
/// <param name="Message">What it was.</param>
/// <param name="At">When it was over, seconds since 1970; now unless given.</param>
/// <param name="IsCredited">It is recorded as an outage too: what plans promise is given back with the next invoices.</param>
public sealed record CloseIncident(string? Message = null, long? At = null, bool IsCredited = false);

/// <summary>An incident. Times are seconds since 1970.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Title">What is, or was, wrong.</param>
/// <param name="Components">What of the service.</param>
/// <param name="Impact"><c>degraded</c> or <c>outage</c>.</param>
/// <param name="OpenedBy">Who said so; <c>the service</c> if it measured it.</param>
/// <param name="BeganAt">When it began.</param>
/// <param name="OpenedAt">When that was said.</param>
/// <param name="ClosedAt">When it was over; null if it is not.</param>
/// <param name="Events">What was said of it, in order.</param>
public sealed record IncidentStatus(string Id, string Title, IReadOnlyList<string> Components, string Impact, string OpenedBy, long BeganAt, long OpenedAt, long? ClosedAt, IReadOnlyList<ServiceEvent> Events);

/// <summary>Incidents, the latest first.</summary>
public sealed record IncidentList(IReadOnlyList<IncidentStatus> Incidents, string? Next);

/// <summary>What an incident came to.</summary>
/// <param name="Incident">The incident.</param>
/// <param name="Markdown">The report, to be sent to whoever was affected.</param>
/// <param name="Html">The same as a page.</param>
public sealed record IncidentReport(IncidentStatus Incident, string Markdown, string Html);

/// <summary>Finishes a report: what only people can add to it, and sends it.</summary>
/// <param name="Apology">What the operator says to those who were affected, in Markdown, at its head; null leaves what was said.</param>
/// <param name="Mail">Sends it to the owners of all accounts, once.</param>
public sealed record FinishReport(string? Apology = null, bool Mail = false);
