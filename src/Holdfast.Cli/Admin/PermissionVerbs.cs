using System.CommandLine;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin permissions start|threads|stop|status</c>: changes of permissions of trees that nodes have.</summary>
internal static class PermissionVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var tree = new Argument<string>("TREE") { Description = "Its name in the configuration of the node that has it." };
        var threads = new Argument<int>("N") { Description = "1 to 20." };
        var mode = new Option<string?>("--mode") { Description = "As chmod takes it." };
        var owner = new Option<string?>("--owner") { Description = "A user, by name or number." };
        var group = new Option<string?>("--group") { Description = "A group, by name or number." };
        var list = new Option<string?>("--acl") { Description = "An access list, as setfacl --set takes it, or none." };
        var rules = new Option<string?>("--rules") { Description = "A file of rules on this machine." };
        var map = new Option<string?>("--map-owners") { Description = "A file on this machine that says which owners become which." };
        var most = new Option<int?>("--threads") { Description = "At most so many; as many as pay unless given." };
        var dry = new Option<bool>("--dry-run") { Description = "Only counts what would be changed." };
        admin.Subcommands.Add(new Command("permissions", """
            Changes the permissions of a tree that is registered with a node, as a job of that node. See `holdfast permissions` for a tree on this machine.

            Example:
              holdfast admin permissions start exports --mode u=rwX,g=rX,o= --owner backup
              holdfast admin permissions threads exports 1
            """)
        {
            AdminCall.Ask("start", "Starts a change; it goes on whatever becomes of this command.", [tree, mode, owner, group, list, rules, map, most, dry], async (parsed, service, cancellation) =>
            {
                var asked = new StartPermissionChange(parsed.GetRequiredValue(tree), parsed.GetValue(mode), parsed.GetValue(owner), parsed.GetValue(group), parsed.GetValue(list),
                    await ReadAsync(parsed.GetValue(rules), cancellation), await ReadAsync(parsed.GetValue(map), cancellation), parsed.GetValue(most), parsed.GetValue(dry));
                Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/permission-changes", asked, MessageJson.Default.StartPermissionChange, MessageJson.Default.PermissionChangeStatus, cancellation));
            }),
            AdminCall.Ask("threads", "Says how many threads a change may have from now on.", [tree, threads], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Put, $"/v1/permission-changes/{AdminCall.Part(parsed, tree)}/threads", new ChangeThreads(parsed.GetRequiredValue(threads)), MessageJson.Default.ChangeThreads, MessageJson.Default.PermissionChangeStatus, cancellation))),
            AdminCall.Ask("stop", "Gives a change up; what was changed stays.", [tree], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Delete, "/v1/permission-changes/" + AdminCall.Part(parsed, tree), new Done(), MessageJson.Default.Done, MessageJson.Default.PermissionChangeStatus, cancellation))),
            AdminCall.Ask("status", "How far the latest change of each tree is.", [], async (_, service, cancellation) =>
            {
                foreach (var change in (await service.GetAtAsync("/v1/permission-changes", MessageJson.Default.PermissionChangeList, cancellation)).Changes)
                {
                    Show(output, change);
                }
            }),
        });
        admin.Subcommands.Add(AdminCall.List("actuals", "What long work of the service really took, the latest first.", "/v1/actuals", MessageJson.Default.ActualList, page => (page.Actuals, page.Next), (Actual actual) =>
        {
            output.Print($"{AdminVerb.At(actual.EndedAt)}  {actual.Kind} of {actual.Subject}: {Units.Count(actual.Volume)} ({Units.Count(actual.Changed)} changed) in {Units.Time(TimeSpan.FromMilliseconds(actual.Milliseconds))}, {actual.Threads} threads, {actual.Medium}");
            output.Message("actual", ("kind", actual.Kind), ("subject", actual.Subject), ("ended_at", actual.EndedAt), ("volume", actual.Volume), ("changed", actual.Changed), ("milliseconds", actual.Milliseconds), ("threads", actual.Threads), ("medium", actual.Medium));
        }));
    }

    private static async Task<string?> ReadAsync(string? path, CancellationToken cancellation) => path is null ? null : await File.ReadAllTextAsync(path, cancellation);

    private static void Show(Output output, PermissionChangeStatus change)
    {
        output.Print($"{change.Tree}: {change.State}{(change.IsDry ? " (dry run)" : "")}, pass {change.Pass} {change.Share * 100:0} %, {Units.Count(change.Entries)} entries, {Units.Count(change.Changed)} {(change.IsDry ? "would be changed" : "changed")}, {Units.Count(change.Failed)} failed, "
            + $"{change.Threads} of at most {change.ThreadsMax} threads{(change.SecondsLeft is { } left ? $", about {Units.Time(TimeSpan.FromSeconds(left))} left" : "")}{(change.IsVerified ? ", verified" : "")}{(change.Failure is { } why ? $": {why}" : "")}");
        foreach (var failure in change.Failures)
        {
            output.Print($"  {failure.Path}: {failure.Message}");
        }

        output.Message("permission_change", ("tree", change.Tree), ("state", change.State), ("dry_run", change.IsDry), ("asked_at", change.AskedAt), ("ended_at", change.EndedAt), ("node", change.Node), ("entries", change.Entries), ("changed", change.Changed), ("failed", change.Failed),
            ("pass", change.Pass), ("share", change.Share), ("seconds_left", change.SecondsLeft), ("threads", change.Threads), ("threads_max", change.ThreadsMax), ("verified", change.IsVerified), ("journal", change.Journal), ("failure", change.Failure));
    }
}
