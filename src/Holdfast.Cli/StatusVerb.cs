using System.CommandLine;
using System.Globalization;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli;

/// <summary><c>holdfast status</c>: how the service is, as everybody may know it.</summary>
internal static class StatusVerb
{
    public static Command Build(Output output)
    {
        var command = new Command("status", """
            How the service is: what works, which maintenance is announced or under way, and what went wrong lately.

            Example:
              holdfast status
              holdfast status --json
            """);
        command.SetAction(async (_, cancellation) =>
        {
            using var session = Session.Open(waits: false);
            var status = await session.Service.GetAtAsync("/v1/status", MessageJson.Default.ServiceStatus, cancellation);
            foreach (var component in status.Components)
            {
                output.Print($"{component.Name,-10}  {component.State,-12}{(component.Available is { } share ? string.Create(CultureInfo.InvariantCulture, $"  {Math.Floor(share * 100_000) / 1000:0.###} % of {component.Days.Count(day => day.Available is not null)} days") : "")}".TrimEnd());
                output.Message("component", ("name", component.Name), ("state", component.State), ("available", component.Available));
            }

            foreach (var window in status.Windows.Where(window => window.EndedAt is null))
            {
                output.Print(MaintenanceNotice.Sentence(window, TimeProvider.System));
            }

            foreach (var window in status.Windows)
            {
                MaintenanceNotice.Message(output, window);
            }

            foreach (var incident in status.Incidents)
            {
                if (incident.ClosedAt is null)
                {
                    output.Print($"{incident.Title} ({string.Join(", ", incident.Components)}), since {LocalTime.Of(incident.BeganAt, TimeProvider.System)}.{(incident.Events.Count > 0 ? $" {incident.Events[^1].Event}" : "")}");
                }

                output.Message("incident", ("incident", incident.Id), ("title", incident.Title), ("components", string.Join(' ', incident.Components)), ("impact", incident.Impact), ("began_at", incident.BeganAt), ("closed_at", incident.ClosedAt));
            }

            return ExitCode.Ok;
        });
        return command;
    }
}
