using Holdfast.Authority.Reports;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Incidents;

/// <summary>An incident's report in Markdown.</summary>
internal static class IncidentReportText
{
    /// <param name="incident">The incident.</param>
    /// <param name="apology">The operator's words, in Markdown; null for none.</param>
    /// <param name="affected">Whom it affected.</param>
    /// <param name="now">For one that is not over.</param>
    public static string Of(IncidentStatus incident, string? apology, Affected affected, DateTimeOffset now)
    {
        var (report, until) = (new ReportParts(), Math.Max(incident.BeganAt, incident.ClosedAt ?? now.ToUnixTimeSeconds()));
        report.Line($"# Incident: {ReportParts.Plain(incident.Title)}");
        report.Paragraph(incident.ClosedAt is null ? "It is not over." : $"It is over; it lasted {ReportParts.Span(until - incident.BeganAt)}.");
        if (apology is not null)
        {
            report.Paragraph(apology);
        }

        report.Heading("What it was");
        report.Line($"- {(incident.Impact == IncidentTable.Outage ? "Did not work" : "Worked badly")}: {string.Join(", ", incident.Components)}");
        report.Line($"- Began {ReportParts.At(incident.BeganAt)}{(incident.ClosedAt is { } closed ? $", ended {ReportParts.At(closed)}" : "")}");
        report.Line($"- Found {ReportParts.Span(Math.Max(0, incident.OpenedAt - incident.BeganAt))} after it began, by {(incident.OpenedBy == IncidentTable.Service ? IncidentTable.Service : "an operator")}");
        report.Line($"- Whom: whoever used that meanwhile, of {ReportParts.Count(affected.Accounts, "account")}");
        report.Affected(affected, incident.ClosedAt is not null);
        report.Heading("When");
        report.Chart(BarsOf(incident, affected, until));
        foreach (var one in incident.Events.Where(one => one.IsPublic))
        {
            report.Line($"- {ReportParts.At(one.At)}: {ReportParts.Plain(one.Event)}");
        }

        return report.ToString();
    }

    private static IReadOnlyList<ChartBar> BarsOf(IncidentStatus incident, Affected affected, long until)
    {
        var found = Math.Clamp(incident.OpenedAt, incident.BeganAt, until);
        IEnumerable<(string Name, long From, long Until)> times = [("not known yet", incident.BeganAt, found), ("known", found, until),
            .. affected.Outages.Select(outage => ("recorded as an outage", Math.Max(outage.From, incident.BeganAt), Math.Min(outage.Until, until)))];
        return [.. times.Where(one => one.Until > one.From).Select(one => new ChartBar(one.Name, one.From * 1000, one.Until * 1000))];
    }
}
