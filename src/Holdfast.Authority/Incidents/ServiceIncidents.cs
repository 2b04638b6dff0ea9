using Holdfast.Authority.Billing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Reports;
using Holdfast.Documents;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Incidents;

/// <summary>What went wrong, as operators say it and the status page shows it; and what is reported of it.</summary>
internal sealed class ServiceIncidents(IncidentTable table, Outages outages, AffectedCustomers affected, ReportMail mail, TimeProvider time)
{
    private const int TitleMax = 200;
    private const int MessageMax = 4000;
    private static readonly TimeSpan _longest = TimeSpan.FromDays(92);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public async Task<IncidentStatus> OpenAsync(OpenIncident asked, string by, CancellationToken cancellation)
    {
        if (asked.Title.Trim().Length is 0 or > TitleMax || asked.Title.Any(char.IsControl))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"An incident's title is one line of up to {TitleMax} characters.");
        }

        if (asked.Components.Count == 0 || asked.Components.FirstOrDefault(component => !ServiceComponents.All.Contains(component)) is not null)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"An incident is of some of {string.Join(", ", ServiceComponents.All)}.");
        }

        if (asked.Impact is not (IncidentTable.Degraded or IncidentTable.Outage))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"An incident's impact is {IncidentTable.Degraded} or {IncidentTable.Outage}.");
        }

        if (asked.Since is { } since && (since > Now || since < Now - (long)_longest.TotalSeconds))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"An incident began in the last {_longest.TotalDays:0} days, and not later than now.");
        }

        var row = await table.OpenAsync(asked with { Title = asked.Title.Trim(), Components = [.. asked.Components.Distinct()], Message = asked.Message is { } message ? Checked(message) : null }, by, cancellation);
        return await StatusAsync(row.Id, cancellation);
    }

    public async Task<IncidentStatus> UpdateAsync(string id, UpdateIncident asked, CancellationToken cancellation)
    {
        var (incident, _) = await FindAsync(id, cancellation);
        await table.UpdateAsync(incident.Id, Checked(asked.Message), !asked.IsInternal, cancellation);
        return await StatusAsync(incident.Id, cancellation);
    }

    public async Task<IncidentStatus> CloseAsync(string id, CloseIncident asked, string by, CancellationToken cancellation)
    {
        var (incident, _) = await FindAsync(id, cancellation);
        var at = asked.At ?? Now;
        if (at < incident.BeganAt || at > Now)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "An incident is over after it began, and not later than now.");
        }

        var outage = asked.IsCredited && at > incident.BeganAt ? outages.Check(new RecordOutage(incident.BeganAt, at, incident.Title), by) : null;
        return await table.CloseAsync(incident.Id, asked.Message is { } message ? Checked(message) : null, at, transaction => outage is null ? Task.CompletedTask : Outages.AddAsync(transaction, outage), cancellation) ? await StatusAsync(incident.Id, cancellation)
            : throw new HoldfastException(FailureTable.Conflict, "The incident is over already: `update` says more of it.");
    }

    public async Task<IncidentStatus> StatusAsync(string id, CancellationToken cancellation)
    {
        var (incident, events) = await FindAsync(id, cancellation);
        return incident.StatusOf(events);
    }

    /// <summary>What became of it.</summary>
    public async Task<IncidentReport> ReportAsync(string id, CancellationToken cancellation)
    {
        var (incident, events) = await FindAsync(id, cancellation);
        var status = incident.StatusOf(events);
        var until = status.ClosedAt ?? Now;
        var markdown = IncidentReportText.Of(status, incident.Apology, await affected.FindAsync(status.BeganAt, until, status.ClosedAt ?? status.BeganAt, cancellation), time.GetUtcNow());
        return new IncidentReport(status, markdown, await PageRenderer.RenderMarkdownAsync(status.Title, markdown, Mailing.Outbox.Language));
    }

    /// <summary>Adds the operator's words, and sends it to the owners of all accounts.</summary>
    public async Task<IncidentReport> FinishReportAsync(string id, FinishReport asked, CancellationToken cancellation)
    {
        var (incident, _) = await FindAsync(id, cancellation);
        if (asked.Mail && incident.ClosedAt is null)
        {
            throw new HoldfastException(FailureTable.Conflict, "The incident is not over: its report is sent once it is.");
        }

        if (asked.Apology is { } apology)
        {
            await table.ApologiseAsync(incident.Id, Checked(apology), cancellation);
        }

        var report = await ReportAsync(incident.Id, cancellation);
        if (asked.Mail)
        {
            await mail.SendAsync($"incident {incident.Id}", incident.Title, report.Markdown, cancellation);
        }

        return report;
    }

    private async Task<(IncidentRow Incident, IReadOnlyList<ServiceEvent> Events)> FindAsync(string id, CancellationToken cancellation) =>
        await table.FindAsync(id == "latest" || Guid.TryParse(id, out _) ? id : "", cancellation) ?? throw new HoldfastException(FailureTable.NotFound, id == "latest" ? "There was no incident yet." : $"There is no incident {id}.");

    private static string Checked(string message) => message.Length is > 0 and <= MessageMax && message.All(letter => !char.IsControl(letter) || letter is '\n' or '\t') ? message
        : throw new HoldfastException(FailureTable.InvalidRequest, $"A message has 1 to {MessageMax} characters, and no control characters.");
}
