using System.CommandLine;
using System.Text.Json.Nodes;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin incident</c>: what went wrong, as the status page says it, and the report behind it.</summary>
internal static class IncidentVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var incident = new Argument<string>("INCIDENT") { Description = "The incident's id; the latest unless given.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "latest" };
        var which = new Argument<string>("INCIDENT") { Description = "The incident's id, or latest." };
        var title = new Argument<string>("TITLE") { Description = "What is wrong, on one line." };
        var message = new Argument<string>("MESSAGE") { Description = "What there is to say." };
        var told = new Option<string?>("--message") { Description = "What there is to say besides.", HelpName = "TEXT" };
        var component = new Option<string[]>("--component") { Description = $"What of the service: {string.Join(", ", ServiceComponents.All)}; may be given several times.", Required = true, HelpName = "NAME" };
        component.AcceptOnlyFromAmong([.. ServiceComponents.All]);
        var impact = new Option<string>("--impact") { Description = "degraded or outage.", DefaultValueFactory = _ => "outage", HelpName = "WORD" };
        impact.AcceptOnlyFromAmong("degraded", "outage");
        var since = new Option<DateTimeOffset?>("--since") { Description = "When it began; now unless given.", HelpName = "TIME" };
        var at = new Option<DateTimeOffset?>("--at") { Description = "When it was over; now unless given.", HelpName = "TIME" };
        var isInternal = new Option<bool>("--internal") { Description = "For operators only." };
        var credit = new Option<bool>("--credit") { Description = "Record it as an outage too: what plans promise is given back with the next invoices." };
        admin.Subcommands.Add(new Command("incident", """
            What goes wrong: the status page shows it, and a report tells of it when it is over. What the service's own probe finds opens and closes by itself.

            Example:
              holdfast admin incident open "A power cut" --component backups --component restores
              holdfast admin incident update latest "Power is back; drives are being checked."
              holdfast admin incident close latest --message "Everything works." --credit
              holdfast admin incident report > report.md
            """)
        {
            AdminCall.Ask("open", "Says that something is wrong.", [title, component, impact, since, told], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/incidents",
                new OpenIncident(parsed.GetRequiredValue(title), parsed.GetRequiredValue(component), parsed.GetRequiredValue(impact), parsed.GetValue(since)?.ToUnixTimeSeconds(), parsed.GetValue(told)), MessageJson.Default.OpenIncident, MessageJson.Default.IncidentStatus, cancellation))),
            AdminCall.Ask("update", "Says more of an incident.", [which, message, isInternal], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(HttpMethod.Post, $"/v1/incidents/{AdminCall.Part(parsed, which)}/updates",
                new UpdateIncident(parsed.GetRequiredValue(message), parsed.GetValue(isInternal)), MessageJson.Default.UpdateIncident, MessageJson.Default.IncidentStatus, cancellation))),
            AdminCall.Ask("close", "Says that an incident is over.", [incident, told, at, credit], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(HttpMethod.Post, $"/v1/incidents/{AdminCall.Part(parsed, incident)}/close",
                new CloseIncident(parsed.GetValue(told), parsed.GetValue(at)?.ToUnixTimeSeconds(), parsed.GetValue(credit)), MessageJson.Default.CloseIncident, MessageJson.Default.IncidentStatus, cancellation))),
            AdminCall.List("list", "Incidents, the latest first.", "/v1/incidents", MessageJson.Default.IncidentList, page => (page.Incidents, page.Next), one =>
            {
                output.Print($"{one.Id}  {AdminVerb.At(one.BeganAt)}  {(one.ClosedAt is { } closed ? $"to {AdminVerb.At(closed)}" : "is not over         "),-22}  {one.Title} ({string.Join(", ", one.Components)})");
                Tell(output, one);
            }),
            AdminCall.Ask("show", "An incident, and what was said of it.", [incident], async (parsed, service, cancellation) => Show(output, await service.GetAtAsync($"/v1/incidents/{AdminCall.Part(parsed, incident)}", MessageJson.Default.IncidentStatus, cancellation))),
            ReportVerb.Of(output, "What happened, to whom, for how long, and what was given back.", incident, "/v1/incidents/{of}/report", MessageJson.Default.IncidentReport, report => (report.Markdown, report.Html), "incident_report"),
        });
    }

    private static void Show(Output output, IncidentStatus one)
    {
        output.Print($"{one.Title} ({string.Join(", ", one.Components)}: {one.Impact}), {AdminVerb.At(one.BeganAt)}{(one.ClosedAt is { } closed ? $" to {AdminVerb.At(closed)}" : "; it is not over")}.");
        foreach (var said in one.Events)
        {
            output.Print($"  {AdminVerb.At(said.At)}  {said.Event}{(said.IsPublic ? "" : " (for operators)")}");
        }

        Tell(output, one);
    }

    private static void Tell(Output output, IncidentStatus one) => output.Message("incident", ("incident", one.Id), ("title", one.Title), ("components", new JsonArray([.. one.Components.Select(component => (JsonNode)component)])), ("impact", one.Impact),
        ("opened_by", one.OpenedBy), ("began_at", one.BeganAt), ("opened_at", one.OpenedAt), ("closed_at", one.ClosedAt));
}
