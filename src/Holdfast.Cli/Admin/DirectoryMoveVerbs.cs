using System.CommandLine;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin move directory start|status|abort</c>: the directory moves to another database while the service runs.</summary>
internal static class DirectoryMoveVerbs
{
    public static Command Build(Output output)
    {
        var pause = new Option<int?>("--pause-most") { Description = "Seconds that writes to the directory may wait at the end, 1 to 10 (5); if it takes longer, it stays where it is." };
        var dry = new Option<bool>("--dry-run") { Description = "Only looks whether it can be done." };
        return new Command("directory", """
            Moves the directory (people, sign-ins, accounts, jobs) to the database that holdfastd.json names as next_directory on every node. Sign-ins, backups and restores go on; writes to it wait for a moment at the end. See docs/moving.md.

            Example:
              holdfast admin move directory start --dry-run
              holdfast admin move directory start
              holdfast admin move directory status
            """)
        {
            AdminCall.Ask("start", "Looks whether it can be done, and has it moved.", [pause, dry], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/directory-move", new StartDirectoryMove(parsed.GetValue(pause), parsed.GetValue(dry)), MessageJson.Default.StartDirectoryMove, MessageJson.Default.DirectoryMoveStatus, cancellation))),
            AdminCall.Ask("status", "How far the latest move of the directory is.", [], async (_, service, cancellation) =>
                Show(output, await service.GetAtAsync("/v1/directory-move", MessageJson.Default.DirectoryMoveStatus, cancellation))),
            AdminCall.Ask("abort", "Gives it up, unless it has moved.", [], async (_, service, cancellation) =>
                Show(output, await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/directory-move/abort", MessageJson.Default.DirectoryMoveStatus, cancellation))),
        };
    }

    private static void Show(Output output, DirectoryMoveStatus move)
    {
        output.Print($"The directory, from {move.From} to {move.To}: {move.State}{(move.Rows > 0 ? $", {Units.Count(move.Rows)} rows, {Units.Count(move.Copied)} copied, compared {move.Passes} times" : "")}"
            + $"{(move.PausedMs is { } paused ? $"; writes waited {paused:0} ms" : "")}{(move.Progress is { } progress ? $" ({progress})" : "")}.");
        if (move.State == "moved")
        {
            output.Print("Set `directory` in holdfastd.json to it on every node, and take `next_directory` away.");
        }

        if (move.Failure is { } failure)
        {
            output.Print($"It does not go on: {failure}");
        }

        output.Message("directory_move", ("from", move.From), ("to", move.To), ("state", move.State), ("pause_most_seconds", move.PauseMostSeconds), ("started_at", move.StartedAt), ("ended_at", move.EndedAt), ("rows", move.Rows), ("copied", move.Copied),
            ("passes", move.Passes), ("paused_ms", move.PausedMs), ("progress", move.Progress), ("failure", move.Failure));
    }
}
