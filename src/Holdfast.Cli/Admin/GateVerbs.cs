using System.CommandLine;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin gate show|open|close|ramp|hold</c>: who may begin a backup. Restores never pass the gate.</summary>
internal static class GateVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var atMost = new Option<int?>("--at-most") { Description = "So many backups at once, whatever the service could bear." };
        var reason = new Option<string?>("--reason") { Description = "Why; those who wait are told." };
        var until = new Option<DateTimeOffset?>("--until") { Description = "When it is expected to open (such as 2026-11-27T14:00Z); those who wait are told to come then. It does not open by itself." };
        admin.Subcommands.Add(new Command("gate", """
            Who may begin a backup. Restores and the console never pass the gate.

            Example:
              holdfast admin gate close --reason "new disks" --until 2026-11-27T14:00Z
              holdfast admin gate ramp
            """)
        {
            AdminCall.Ask("show", "What the gate does, and how the return of everybody is going.", [], async (_, service, cancellation) =>
                Show(output, await service.GetAtAsync("/v1/gate", MessageJson.Default.GateStatus, cancellation))),
            Change(output, "open", "Lets everybody in while there is room.", [atMost], parsed => new ChangeGate("open", parsed.GetValue(atMost))),
            Change(output, "close", "Lets nobody begin; what is under way goes on.", [reason, until], parsed => new ChangeGate("closed", null, parsed.GetValue(until)?.ToUnixTimeSeconds(), parsed.GetValue(reason))),
            Change(output, "ramp", "Lets everybody in by turns, oldest last backup first, as fast as the service bears; or goes on with a ramp that was held.", [atMost, reason],
                parsed => new ChangeGate("ramp", parsed.GetValue(atMost), null, parsed.GetValue(reason))),
            Change(output, "hold", "Holds a ramp: what is under way goes on, nobody else begins, and everybody keeps their place.", [], _ => new ChangeGate("held")),
        });
    }

    private static Command Change(Output output, string verb, string description, IReadOnlyList<Symbol> takes, Func<ParseResult, ChangeGate> change) =>
        AdminCall.Ask(verb, description, takes, async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(
            HttpMethod.Put, "/v1/gate", change(parsed), MessageJson.Default.ChangeGate, MessageJson.Default.GateStatus, cancellation)));

    private static void Show(Output output, GateStatus gate)
    {
        output.Print($"The gate is {gate.Mode} since {AdminVerb.At(gate.Since)}{(gate.Reason is { } why ? $": {why}" : "")}{(gate.OpensAt is { } opens ? $"; expected to open at {AdminVerb.At(opens)}" : "")}.");
        output.Print($"{gate.UnderWay} backups under way, of {gate.UnderWayMax} that the service bears{(gate.AtMost is { } most ? $" (at most {most}, as set)" : "")}; {Units.Count((long)gate.PerHour)} an hour begin.");
        if (gate.Mode is "ramp" or "held")
        {
            output.Print($"{Units.Count(gate.Admitted)} of {Units.Count(gate.Computers)} computers had their turn{(gate.TurnsBy is { } turns ? $"; everyone has a turn by {AdminVerb.At(turns)}, everyone is caught up by {AdminVerb.At(gate.CaughtUpBy ?? turns)}" : "")}.");
        }

        output.Message("gate", ("mode", gate.Mode), ("reason", gate.Reason), ("since", gate.Since), ("opens_at", gate.OpensAt), ("at_most", gate.AtMost), ("under_way", gate.UnderWay), ("under_way_max", gate.UnderWayMax),
            ("computers", gate.Computers), ("admitted", gate.Admitted), ("per_hour", gate.PerHour), ("turns_by", gate.TurnsBy), ("caught_up_by", gate.CaughtUpBy), ("nodes", gate.Nodes));
    }
}
