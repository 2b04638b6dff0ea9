using System.CommandLine;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin move plan|start|pause|resume|abort|reverse|status|list</c>: accounts move to another store while their customers work.</summary>
internal static class MoveVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var target = new Option<string>("--to") { Description = "The store that they move to, by its name in the configuration.", Required = true };
        var source = new Option<string?>("--from") { Description = "Only accounts that live in this store." };
        var accounts = new Option<string[]>("--accounts") { Description = "Only these accounts, by name.", AllowMultipleArgumentsPerToken = true };
        var rate = new Option<long?>("--rate") { Description = "Rows a second, in all; as fast as it goes unless given." };
        var atOnce = new Option<int?>("--at-once") { Description = "Accounts at once, 1 to 16 (4)." };
        var keep = new Option<int?>("--keep-hours") { Description = "How long there is a way back (24)." };
        var dry = new Option<bool>("--dry-run") { Description = "Only looks whether it can be done, and how much it is." };
        var move = new Argument<string>("MOVE") { Description = "The move's id; the latest unless given.", DefaultValueFactory = _ => "latest" };
        admin.Subcommands.Add(new Command("move", """
            Moves accounts to another store (SQLite or PostgreSQL) while their customers work: each is copied, compared, and then fenced for a moment. Restores go on all the while. See docs/moving.md.

            Example:
              holdfast admin move plan --to second --dry-run
              holdfast admin move plan --to second --at-once 8
              holdfast admin move start
              holdfast admin move status
            """)
        {
            AdminCall.Ask("plan", "Looks whether accounts can move, and writes down which: nothing is copied before it is started.", [target, source, accounts, rate, atOnce, keep, dry], async (parsed, service, cancellation) =>
            {
                var names = parsed.GetValue(accounts);
                var asked = new PlanMove(parsed.GetRequiredValue(target), parsed.GetValue(source), names is { Length: > 0 } ? names : null, parsed.GetValue(rate), parsed.GetValue(atOnce), parsed.GetValue(keep), parsed.GetValue(dry));
                Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/moves", asked, MessageJson.Default.PlanMove, MessageJson.Default.MoveStatus, cancellation));
            }),
            Change(output, move, "start", "Starts a plan, unless something changed since it was made."),
            Change(output, move, "pause", "Begins no other account; what is being copied goes on from there later."),
            Change(output, move, "resume", "Goes on with a move that is paused."),
            Change(output, move, "abort", "Moves no other account; those that have moved stay where they are, and may go back."),
            Change(output, move, "reverse", "Moves all accounts back that have moved, while there is a way."),
            AdminCall.Ask("status", "How far a move is.", [move], async (parsed, service, cancellation) =>
                Show(output, await service.GetAtAsync("/v1/moves/" + AdminCall.Part(parsed, move), MessageJson.Default.MoveStatus, cancellation))),
            DirectoryMoveVerbs.Build(output),
            AdminCall.Ask("list", "Moves, the latest first.", [], async (_, service, cancellation) =>
            {
                foreach (var one in (await service.GetAtAsync("/v1/moves", MessageJson.Default.MoveList, cancellation)).Moves)
                {
                    Show(output, one);
                }
            }),
        });
    }

    private static Command Change(Output output, Argument<string> move, string verb, string description) => AdminCall.Ask(verb, description, [move], async (parsed, service, cancellation) =>
        Show(output, await AdminCall.SendAsync(service, HttpMethod.Post, $"/v1/moves/{AdminCall.Part(parsed, move)}/{verb}", MessageJson.Default.MoveStatus, cancellation)));

    private static void Show(Output output, MoveStatus move)
    {
        output.Print($"{(move.Id.Length == 0 ? "dry run" : move.Id)} to {move.Target}: {move.State}{(move.IsBack ? ", on the way back" : "")}; of {Units.Count(move.Accounts)} accounts {Units.Count(move.Waiting)} wait, {Units.Count(move.Moved + move.Retired)} moved"
            + $"{(move.Returned > 0 ? $", {Units.Count(move.Returned)} went back" : "")}{(move.LeftOut > 0 ? $", {Units.Count(move.LeftOut)} left out" : "")}{(move.NotPlanned > 0 ? $", {Units.Count(move.NotPlanned)} not planned (moving already, being deleted, or being compared with the pod)" : "")}.");
        if (move.Rows > 0)
        {
            output.Print($"{Units.Count(move.Rows)} rows copied{(move.RowsPerSecond is { } rate ? $", {Units.Count((long)rate)} a second" : "")}{(move.SecondsLeft is { } left ? $", about {Units.Time(TimeSpan.FromSeconds(left))} left" : "")}"
                + $"{(move.FreezeMaxMs is { } freeze ? $"; writers waited {move.FreezeP99Ms:0} ms (99 of 100 accounts), {freeze:0} ms at most" : "")}.");
        }

        if (move.WayBackUntil is { } until)
        {
            output.Print($"There is a way back until {AdminVerb.At(until)} (`holdfast admin move reverse`).");
        }

        foreach (var trouble in move.Troubles)
        {
            output.Print($"  {trouble.Account} ({trouble.State}, tried {trouble.Tries} times): {trouble.Failure}");
        }

        if (move.Failure is { } why)
        {
            output.Print($"It does not go on: {why}");
        }

        output.Message("move", ("id", move.Id), ("target", move.Target), ("state", move.State), ("back", move.IsBack), ("rate", move.Rate), ("at_once", move.AtOnce), ("planned_at", move.PlannedAt), ("started_at", move.StartedAt), ("way_back_until", move.WayBackUntil),
            ("ended_at", move.EndedAt), ("accounts", move.Accounts), ("waiting", move.Waiting), ("moved", move.Moved), ("returned", move.Returned), ("retired", move.Retired), ("left_out", move.LeftOut), ("not_planned", move.NotPlanned), ("rows", move.Rows),
            ("rows_per_second", move.RowsPerSecond), ("seconds_left", move.SecondsLeft), ("freeze_p99_ms", move.FreezeP99Ms), ("freeze_max_ms", move.FreezeMaxMs), ("troubles", move.Troubles.Count), ("failure", move.Failure));
    }
}
