using System.CommandLine;
using System.Security.Cryptography;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>The service itself: its work, what it holds, how it grows, what people did, its key for grants.</summary>
internal static class ServiceVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(Jobs(output));
        admin.Subcommands.Add(Growth(output));
        admin.Subcommands.Add(Audit(output));
        admin.Subcommands.Add(GrantKey(output));
    }

    private static Command Jobs(Output output) =>
        AdminCall.Build("jobs", "The service's own work, the latest first. Exit code 3 if some of it is stuck.", [], AdminVerb.Connect, async (_, service, cancellation) =>
        {
            var jobs = await service.ListAsync("/v1/jobs", MessageJson.Default.JobList, page => (page.Jobs, page.Next), cancellation);
            output.Say($"{"Asked for",-19}  {"Kind",-14}  {"Subject",-20}  {"State",-8}  {"Due or ended",-19}  Node");
            foreach (var job in jobs)
            {
                output.Print($"{AdminVerb.At(job.CreatedAt)}  {job.Kind,-14}  {job.Subject,-20}  {(job.IsStuck ? "stuck" : job.State),-8}  {AdminVerb.At(job.EndedAt ?? job.DueAt)}  {job.Node}{(job.Failure is { } failure ? $"\n  attempt {job.Attempts}: {failure}" : "")}");
                output.Message("job", ("id", job.Id), ("kind", job.Kind), ("subject", job.Subject), ("state", job.State), ("due_at", job.DueAt), ("node", job.Node), ("attempts", job.Attempts),
                    ("stuck", job.IsStuck), ("failure", job.Failure), ("created_at", job.CreatedAt), ("ended_at", job.EndedAt));
            }

            return jobs.Any(job => job.IsStuck) ? ExitCode.Partial : ExitCode.Ok;
        });

    private static Command Growth(Output output)
    {
        var metric = new Option<string?>("--metric") { Description = "One of accounts, computers, computers_behind, snapshots, stored_bytes, stored_objects, stored_packs, database_bytes, rows, bytes, pod_objects, pod_bytes, drive_bytes, drive_bytes_used, tree_files." };
        return AdminCall.Ask("growth", "How much there was of what, a value a day: daily for 60 days, weekly for 400, then every four weeks.", [metric], async (parsed, service, cancellation) =>
        {
            var wanted = parsed.GetValue(metric);
            var samples = await service.ListAsync("/v1/growth", MessageJson.Default.GrowthHistory, page => (page.Samples, page.Next), cancellation);
            foreach (var sample in samples.Where(sample => wanted is null || sample.Metric == wanted))
            {
                output.Print($"{AdminVerb.Day(sample.Day)}  {sample.Metric,-18}  {sample.Subject,-32}  {Units.Count(sample.Value),20}");
                output.Message("growth", ("day", AdminVerb.Day(sample.Day)), ("metric", sample.Metric), ("subject", sample.Subject), ("value", sample.Value));
            }
        });
    }

    private static Command GrantKey(Output output)
    {
        var revokeOld = new Option<bool>("--revoke-old") { Description = "Makes what the old key signed worthless at once, as after a leak. Uploads and restores under way have to ask again." };
        return new Command("grant-key", "The key that signs permissions to use the pod.")
        {
            AdminCall.Act(output, "rotate", "Changes to a new key while the service runs. The pod honours the old one too until the next change; a grant lives six hours at most.", [revokeOld], (parsed, service, cancellation) =>
                service.SendOnceAsync(HttpMethod.Post, "/v1/grant-keys/rotation", new RotateGrantKey(parsed.GetValue(revokeOld)), MessageJson.Default.RotateGrantKey, MessageJson.Default.GrantKeyRotated, cancellation), "A new key signs grants."),
        };
    }

    private static Command Audit(Output output)
    {
        var verify = new Option<bool>("--verify") { Description = "Recompute every hash; exit code 1 if an entry was changed or is missing." };
        return AdminCall.Ask("audit", "What operators did. Keep the last hash elsewhere: with it, nothing before it can be changed unseen.", [verify], async (parsed, service, cancellation) =>
        {
            var entries = await service.ListAsync("/v1/audit", MessageJson.Default.AuditEntries, page => (page.Entries, page.Next), cancellation);
            if (parsed.GetValue(verify))
            {
                Verify(entries, output);
                return;
            }

            foreach (var entry in entries)
            {
                output.Print($"{entry.Number,6}  {AdminVerb.At(entry.At)}  {entry.Actor,-16}  {entry.Action}  {entry.Subject}");
                output.Message("audit", ("number", entry.Number), ("at", entry.At), ("actor", entry.Actor), ("action", entry.Action), ("subject", entry.Subject), ("hash", Convert.ToHexStringLower(entry.Hash)));
            }
        });
    }

    private static void Verify(IReadOnlyList<AuditEntry> entries, Output output)
    {
        var before = new byte[SHA256.HashSizeInBytes];
        for (var number = 1; number <= entries.Count; number++)
        {
            var entry = entries[number - 1];
            if (entry.Number != number || !entry.HashBehind(before).AsSpan().SequenceEqual(entry.Hash))
            {
                throw new HoldfastException(FailureTable.Tampered, $"Entry {number} of the audit log was changed, or is missing.");
            }

            before = entry.Hash;
        }

        output.Print($"{entries.Count} entries, each in its place; the last hash is {Convert.ToHexStringLower(before)}.");
        output.Message("audit_verified", ("entries", entries.Count), ("last_hash", Convert.ToHexStringLower(before)));
    }
}
