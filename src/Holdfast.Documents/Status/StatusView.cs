using System.Globalization;
using Holdfast.Documents.Texts;
using Holdfast.Protocol.Messages;

namespace Holdfast.Documents.Status;

/// <summary>The status page's words: how the service is, in a language and a zone.</summary>
/// <param name="Status">How it is.</param>
/// <param name="ServiceName">What it is called.</param>
/// <param name="Language">Of the page.</param>
/// <param name="Zone">In which its times are.</param>
public sealed record StatusView(ServiceStatus Status, string ServiceName, string Language, TimeZoneInfo Zone)
{
    public const string HtmlFile = "index.html";
    public const string JsonFile = "status.json";
    public const string AtomFile = "status.atom";

    private const long SecondsPerDay = 86_400;

    /// <summary>The worst first.</summary>
    private static readonly string[] _bySeverity = [ComponentStates.Outage, ComponentStates.Unknown, ComponentStates.Degraded, ComponentStates.Maintenance, ComponentStates.Working];

    internal Wording Words => Wording.Of(Language);

    /// <summary>How the whole of it is: as its worst component.</summary>
    internal string State => _bySeverity.First(state => Status.Components.Any(component => component.State == state) || state == ComponentStates.Working);

    internal string Available(ComponentStatus component) => component.Available is { } share
        ? Words["status_available", Percent(share), component.Days.Count(day => day.Available is not null)] : Words["status_available_none"];

    /// <summary>What a day is drawn as.</summary>
    internal static string ClassOf(ComponentDay day) => day switch
    {
        { Available: null } => "none",
        { AwaySeconds: > 3600 } => ComponentStates.Outage,
        { AwaySeconds: > 60 } => ComponentStates.Degraded,
        { MaintenanceSeconds: > 0 } => ComponentStates.Maintenance,
        _ => ComponentStates.Working,
    };

    internal string DayOf(ComponentDay day)
    {
        var parts = new List<string>();
        if (day.AwaySeconds > 0)
        {
            parts.Add(Words["status_day_away", Span(day.AwaySeconds)]);
        }

        if (day.MaintenanceSeconds > 0)
        {
            parts.Add(Words["status_day_maintenance", Span(day.MaintenanceSeconds)]);
        }

        var what = day.Available is null ? Words["status_day_none"] : parts.Count == 0 ? Words["status_day_whole"] : string.Join(", ", parts);
        return Words["status_day", DateTimeOffset.FromUnixTimeSeconds(day.Day * SecondsPerDay).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), what];
    }

    /// <summary>What is said of a window, a sentence each.</summary>
    internal IEnumerable<string> SentencesOf(PublicWindow window)
    {
        // What was given up before it began promises nothing any more.
        var isOff = window is { State: "cancelled", StartedAt: null };
        if (!isOff)
        {
            yield return Words[window.StartedAt is null ? "status_window_starts" : "status_window_started", At(window.StartedAt ?? window.StartsAt)];
        }

        if (!isOff && window is { BackBy: { } back, CaughtUpBy: { } caughtUp })
        {
            yield return Words["status_window_promise", At(back), At(caughtUp)];
        }

        if (!isOff && (window.FirstBackBy ?? window.FirstCaughtUpBy) is { } first)
        {
            var text = window.FirstBackBy is null ? "status_window_changed_caught_up" : "status_window_changed";
            yield return window.ChangeReason is { } why ? Words[$"{text}_why", At(first), why] : Words[text, At(first)];
        }

        if (window is { BackAt: { } at, State: not "cancelled" })
        {
            yield return Words["status_window_back", At(at)];
        }

        if (window.EndedAt is { } ended)
        {
            yield return Words["status_window_over", At(ended)];
        }
    }

    internal string SpanOf(PublicIncident incident) => incident.ClosedAt is { } closed ? Words["status_incident_span", At(incident.BeganAt), At(closed)] : Words["status_incident_since", At(incident.BeganAt)];

    internal string NameOf(string component) => Words[$"status_component_{component}"];

    /// <summary>A moment in the page's zone, with its distance from UTC.</summary>
    internal string At(long seconds)
    {
        var moment = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(seconds), Zone);
        return string.Create(CultureInfo.InvariantCulture, $"{moment:yyyy-MM-dd HH:mm} {(moment.Offset == TimeSpan.Zero ? "UTC" : $"UTC{moment:zzz}")}");
    }

    private string Span(long seconds) => seconds switch
    {
        < 120 => Words["status_seconds", seconds],
        < 7200 => Words["status_minutes", (seconds + 30) / 60],
        _ => Words["status_hours", (seconds / 3600.0).ToString("0.#", CultureInfo.InvariantCulture)],
    };

    /// <summary>Never rounded up to a hundred.</summary>
    private static string Percent(double share) => (Math.Floor(share * 100_000) / 1000).ToString("0.###", CultureInfo.InvariantCulture);
}
