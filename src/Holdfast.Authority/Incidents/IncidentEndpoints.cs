using Holdfast.Authority.Callers;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Incidents;

/// <summary>The API of what went wrong.</summary>
internal sealed class IncidentEndpoints(ServiceIncidents incidents, IncidentTable table)
{
    public void Map(ApiRoutes api)
    {
        api.Get("/incidents", ApiAction.ReadService, "What went wrong, the latest first.", (string? cursor, int? limit, CancellationToken cancellation) => table.ListAsync(Paging.Of(cursor, limit), cancellation));
        api.Post("/incidents", ApiAction.ChangeIncidents, "Says that something is wrong: the status page shows it.",
            (HttpContext context, OpenIncident asked, CancellationToken cancellation) => incidents.OpenAsync(asked, CallerCheck.CallerOf(context).Name, cancellation));
        api.Get("/incidents/{incident}", ApiAction.ReadService, "An incident, and what was said of it; `latest` is the latest.", (string incident, CancellationToken cancellation) => incidents.StatusAsync(incident, cancellation));
        api.Post("/incidents/{incident}/updates", ApiAction.ChangeIncidents, "Says more of an incident, to everybody or to operators.", (string incident, UpdateIncident asked, CancellationToken cancellation) => incidents.UpdateAsync(incident, asked, cancellation));
        api.Post("/incidents/{incident}/close", ApiAction.ChangeIncidents, "Says that an incident is over.",
            (HttpContext context, string incident, CloseIncident asked, CancellationToken cancellation) => incidents.CloseAsync(incident, asked, CallerCheck.CallerOf(context).Name, cancellation));
        api.Get("/incidents/{incident}/report", ApiAction.ReadService, "What happened, to whom, and what was given back.", (string incident, CancellationToken cancellation) => incidents.ReportAsync(incident, cancellation));
        api.Post("/incidents/{incident}/report", ApiAction.ChangeIncidents, "Adds the operator's words to a report, and sends it to the owners of all accounts.",
            (string incident, FinishReport asked, CancellationToken cancellation) => incidents.FinishReportAsync(incident, asked, cancellation));
    }
}
