using System.CommandLine;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin throttle list|add|remove</c>: limits on backups and restores, each for a while.</summary>
internal static class ThrottleVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var workClass = new Argument<string>("CLASS") { Description = "backup (what goes up) or restore (what comes down)." };
        workClass.AcceptOnlyFromAmong("backup", "restore");
        var until = new Option<DateTimeOffset>("--until") { Description = "When it ends (such as 2026-11-28T06:00Z); every limit does.", Required = true };
        var from = new Option<DateTimeOffset?>("--from") { Description = "When it begins; now unless given." };
        var account = new Option<string?>("--account") { Description = "Only this account." };
        var computer = new Option<uint?>("--computer") { Description = "Of that account only this computer, by its number (`holdfast admin computers ACCOUNT`)." };
        var rate = new Option<string?>("--rate") { Description = "Bytes a second of each account, such as 5M; 64K at least." };
        var shared = new Option<bool>("--together") { Description = "All accounts have the rate together, each pod by itself." };
        var atOnce = new Option<int?>("--at-once") { Description = "So many objects of each account in transit at once." };
        var hours = new Option<string?>("--hours") { Description = "Only at these hours of each day, such as 08:00-18:00; past midnight if the second is before the first." };
        var zone = new Option<string?>("--zone") { Description = "The hours' time zone, such as Europe/Berlin; UTC unless given." };
        var reason = new Option<string?>("--reason") { Description = "Why; those who are limited are told." };
        var id = new Argument<string>("ID") { Description = "Which, as the list says." };
        admin.Subcommands.Add(new Command("throttle", """
            Limits on backups and restores, of one account or of all. Each ends at a time, and those who are limited are told when, and why.

            Example:
              holdfast admin throttle add backup --rate 5M --hours 08:00-18:00 --zone Europe/Berlin --until 2026-12-01T00:00Z --reason "new line is late"
              holdfast admin throttle add backup --account smith --computer 2 --rate 1M --until 2026-12-01T00:00Z
              holdfast admin throttle add restore --account smith --rate 20M --until 2026-11-28T06:00Z
            """)
        {
            AdminCall.Ask("list", "Limits that have not ended.", [], async (_, service, cancellation) => List(output, await service.GetAtAsync("/v1/throttles", MessageJson.Default.ThrottleList, cancellation))),
            AdminCall.Ask("add", "Adds a limit; those who back up or restore now feel it with their next permissions.", [workClass, until, from, account, computer, rate, shared, atOnce, hours, zone, reason], async (parsed, service, cancellation) =>
            {
                var (begins, ends) = HoursOf(parsed.GetValue(hours));
                var asked = new AddThrottle(parsed.GetRequiredValue(workClass), parsed.GetValue(until).ToUnixTimeSeconds(), parsed.GetValue(account), parsed.GetValue(rate) is { } text ? BackupVerb.ParseSize(text) : null, parsed.GetValue(shared),
                    parsed.GetValue(atOnce), begins, ends, parsed.GetValue(zone), parsed.GetValue(from)?.ToUnixTimeSeconds(), parsed.GetValue(reason), parsed.GetValue(computer));
                List(output, new ThrottleList([await service.SendOnceAsync(HttpMethod.Post, "/v1/throttles", asked, MessageJson.Default.AddThrottle, MessageJson.Default.Throttle, cancellation)]));
            }),
            AdminCall.Act(output, "remove", "Takes a limit away; those whom it limits notice with their next permissions.", [id], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/throttles/" + AdminCall.Part(parsed, id), cancellation), "It limits nothing any more."),
        });
    }

    private static (string? From, string? To) HoursOf(string? hours) => hours?.Split('-') switch
    {
        null => (null, null),
        [var from, var to] => (from, to),
        _ => throw new Protocol.Failures.HoldfastException(Protocol.Failures.FailureTable.InvalidRequest, $"'{hours}' are no hours such as 08:00-18:00."),
    };

    private static void List(Output output, ThrottleList list)
    {
        foreach (var throttle in list.Throttles)
        {
            var limit = throttle.Limit;
            output.Print($"{throttle.Id}  {limit.Class} of {(limit.Computer is { } one ? $"computer {one} of " : "")}{limit.Account ?? (limit.IsShared ? "all accounts together" : "every account")}{(limit.BytesPerSecond is { } rate ? $", {Units.Bytes(rate)}/s" : "")}{(limit.AtOnce is { } most ? $", {most} at once" : "")}"
                + $"{(limit.From is null ? "" : $", {limit.From} to {limit.To} {limit.Zone ?? "UTC"}")}, {AdminVerb.At(limit.StartsAt ?? 0)} to {AdminVerb.At(limit.EndsAt)}{(throttle.Applies ? ", applies now" : "")}{(limit.Reason is { } why ? $": {why}" : "")}");
            output.Message("throttle", ("id", throttle.Id), ("applies", throttle.Applies), ("class", limit.Class), ("account", limit.Account), ("computer", limit.Computer), ("together", limit.IsShared), ("bytes_per_second", limit.BytesPerSecond), ("at_once", limit.AtOnce),
                ("from", limit.From), ("to", limit.To), ("zone", limit.Zone), ("starts_at", limit.StartsAt), ("ends_at", limit.EndsAt), ("reason", limit.Reason));
        }
    }
}
