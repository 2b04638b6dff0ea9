using System.Text.Json;

namespace Holdfast.Protocol.Messages;

/// <summary>Plans a maintenance window.</summary>
/// <param name="Plan">The plan, in YAML.</param>
/// <param name="IsDry">Only looks whether it can be done, and estimates it.</param>
/// <param name="Seed">The same seed plays the same windows; of a window that is only looked at.</param>
public sealed record PlanWindow(string Plan, bool IsDry = false, int Seed = 1);

/// <summary>Announces a window: what is promised. Times are seconds since 1970.</summary>
/// <param name="BackBy">When services are back; as estimated (P90), rounded up to a quarter of an hour, unless given.</param>
/// <param name="CaughtUpBy">When everyone is caught up; likewise.</param>
/// <param name="Force">Promises less than the estimate, or what cannot be estimated; that is recorded.</param>
public sealed record AnnounceWindow(long? BackBy = null, long? CaughtUpBy = null, bool Force = false);

/// <summary>Promises something else of a window that is announced, or under way. Times are seconds since 1970.</summary>
/// <param name="StartsAt">When it begins; only before it does.</param>
/// <param name="BackBy">When services are back; as estimated (P90) unless given.</param>
/// <param name="CaughtUpBy">When everyone is caught up; likewise.</param>
/// <param name="Reason">Why, as those who are affected read it.</param>
/// <param name="Force">Promises less than the estimate; that is recorded.</param>
public sealed record ChangePromise(long? StartsAt = null, long? BackBy = null, long? CaughtUpBy = null, string? Reason = null, bool Force = false);

/// <summary>How long something takes.</summary>
/// <param name="Half">Seconds that are as likely exceeded as not (P50).</param>
/// <param name="Most">Seconds that are exceeded once in ten times (P90).</param>
public sealed record EstimatedSeconds(double Half, double Most);

/// <summary>How long a step takes, and why.</summary>
/// <param name="Name">The step.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Unit">What its volume counts; null if it has none.</param>
/// <param name="VolumeNow">How much there is, as counted last.</param>
/// <param name="VolumeThen">How much there will be when the window begins.</param>
/// <param name="GrowthPerMonth">0.03 is 3 % a month.</param>
/// <param name="PerSecond">How much is done in a second.</param>
/// <param name="Runs">Earlier runs that say so.</param>
/// <param name="Seconds">How long it takes; null if that is not known.</param>
/// <param name="Unknown">What is not known, and how to find out; null if nothing is.</param>
/// <param name="ByThreads">How long it would take with other numbers of threads, if it has threads.</param>
/// <param name="Probes">Rehearsals on a part that say so too.</param>
/// <param name="IsExpected">Only its plan says so.</param>
public sealed record StepEstimate(
    string Name, string Kind, string? Unit, double? VolumeNow, double? VolumeThen, double? GrowthPerMonth, double? PerSecond, int Runs, EstimatedSeconds? Seconds, string? Unknown, IReadOnlyDictionary<int, EstimatedSeconds> ByThreads, int Probes = 0, bool IsExpected = false);

/// <summary>How long a window takes.</summary>
/// <param name="Back">Until services are back.</param>
/// <param name="CaughtUp">Until everyone is caught up.</param>
/// <param name="Steps">By step. Their P90s do not add up to the window's: they are not all exceeded at once.</param>
/// <param name="Unknown">Steps of which it is not known how long they take: they count as nothing.</param>
public sealed record WindowEstimate(EstimatedSeconds Back, EstimatedSeconds CaughtUp, IReadOnlyList<StepEstimate> Steps, IReadOnlyList<string> Unknown);

/// <summary>A step of a window. Times are milliseconds since 1970.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Kind">What it does.</param>
/// <param name="State"><c>waiting</c>, <c>running</c>, <c>failed</c>, <c>done</c>, <c>undone</c> (taken back) or <c>left</c> (what it did stays).</param>
/// <param name="Share">How much of it is done, 0 to 1; null if it cannot say.</param>
/// <param name="Detail">What it is at, or came to.</param>
/// <param name="Estimated">What it was announced with.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Learned">What the same would be estimated to take now that it is known what it took.</param>
/// <param name="Leapt">How far the clock leapt meanwhile, in milliseconds: it did not take these.</param>
public sealed record WindowStepStatus(string Name, string Kind, string State, double? Share, string? Detail, EstimatedSeconds? Estimated, long? StartedAt, long? EndedAt, EstimatedSeconds? Learned = null, long Leapt = 0);

/// <summary>Something that happened.</summary>
/// <param name="At">Seconds since 1970.</param>
/// <param name="Event">What.</param>
public sealed record WindowEvent(long At, string Event);

/// <summary>Restores and sign-ins that were tried while a window ran.</summary>
/// <param name="Tried">How many.</param>
/// <param name="Failed">How many were refused, or failed.</param>
/// <param name="WorstMilliseconds">The slowest.</param>
public sealed record WindowProbes(long Tried, long Failed, long WorstMilliseconds);

/// <summary>A maintenance window. Times are seconds since 1970.</summary>
/// <param name="Id">Its id; empty if it was only looked at.</param>
/// <param name="Name">What it is about.</param>
/// <param name="State"><c>planned</c>, <c>announced</c>, <c>in_progress</c>, <c>paused</c>, <c>aborting</c>, <c>completed</c> or <c>cancelled</c>.</param>
/// <param name="StartsAt">When it begins, by its plan.</param>
/// <param name="PlannedBy">Who planned it.</param>
/// <param name="AnnouncedAt">When it was announced; null if it was not.</param>
/// <param name="BackBy">Promised: services are back.</param>
/// <param name="CaughtUpBy">Promised: everyone is caught up.</param>
/// <param name="IsForced">Less was promised than estimated.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="BackAt">When services were back.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="LiveBackBy">By what is known now, once in ten times later: services are back.</param>
/// <param name="LiveCaughtUpBy">The same: everyone is caught up.</param>
/// <param name="Probes">How restores and sign-ins were meanwhile.</param>
/// <param name="Steps">Its steps.</param>
/// <param name="Failure">Why it does not go on; null if it does.</param>
/// <param name="FirstBackBy">What was promised first.</param>
/// <param name="FirstCaughtUpBy">The same.</param>
/// <param name="ChangeReason">Why it was changed.</param>
public sealed record WindowStatus(
    string Id, string Name, string State, long StartsAt, string PlannedBy, long? AnnouncedAt, long? BackBy, long? CaughtUpBy, bool IsForced, long? StartedAt, long? BackAt, long? EndedAt, long? LiveBackBy, long? LiveCaughtUpBy, WindowProbes Probes,
    IReadOnlyList<WindowStepStatus> Steps, string? Failure, long? FirstBackBy = null, long? FirstCaughtUpBy = null, string? ChangeReason = null);

/// <summary>A window that was looked at, and how long it takes.</summary>
/// <param name="Window">The window.</param>
/// <param name="Estimate">How long it takes.</param>
/// <param name="Proposals">What its plan should have and has not, as lines of a plan; null if that was not looked at.</param>
/// <param name="Played">The window played through.</param>
public sealed record EstimatedWindow(WindowStatus Window, WindowEstimate Estimate, IReadOnlyList<string>? Proposals = null, PlayedWindow? Played = null);

/// <summary>A window played through: as it may come, twice.</summary>
/// <param name="Steps">Its steps in their order: seconds that each takes in a window as long as is expected (<c>half</c>), and in one as is exceeded once in ten times (<c>most</c>).</param>
/// <param name="StepsBefore">How many of them are over when services are back.</param>
/// <param name="Risks">What may go wrong.</param>
public sealed record PlayedWindow(IReadOnlyList<EstimatedSeconds> Steps, int StepsBefore, IReadOnlyList<string> Risks);

/// <summary>What a rehearsal of a window's steps on samples came to.</summary>
/// <param name="Steps">By step.</param>
/// <param name="IsOver">Nothing of it is under way.</param>
public sealed record WindowRehearsal(IReadOnlyList<RehearsedStep> Steps, bool IsOver);

/// <summary>A step that is, or was, tried with a part.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Kind">What it does.</param>
/// <param name="State"><c>waiting</c>, <c>running</c>, <c>done</c>, <c>failed</c>, or <c>left_out</c> (it cannot be tried with a part).</param>
/// <param name="Detail">What it came to, or why it did not.</param>
/// <param name="Volume">How much was worked on.</param>
/// <param name="Unit">What that counts.</param>
/// <param name="Seconds">How long that took.</param>
public sealed record RehearsedStep(string Name, string Kind, string State, string? Detail, long? Volume, string? Unit, double? Seconds);

/// <summary>Windows, the latest first.</summary>
/// <param name="Windows">A page.</param>
/// <param name="Next">The cursor of the page behind it, or null.</param>
public sealed record WindowList(IReadOnlyList<WindowStatus> Windows, string? Next);

/// <summary>Windows that were completed, with what was known when each was planned: what a back-test goes by (docs/windows.md says how).</summary>
/// <param name="Windows">The latest, in order.</param>
public sealed record WindowHistory(IReadOnlyList<JsonElement> Windows);

/// <summary>What a window came to.</summary>
/// <param name="Window">The window.</param>
/// <param name="Events">What happened, in order.</param>
/// <param name="Markdown">The report, to be sent to whoever was affected.</param>
/// <param name="Html">The same as a page.</param>
public sealed record WindowReport(WindowStatus Window, IReadOnlyList<WindowEvent> Events, string Markdown, string? Html = null);
