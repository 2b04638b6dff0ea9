using System.CommandLine;
using System.Text.Json.Nodes;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin verify|verification|proofs</c>: is everything that snapshots need readable.</summary>
internal static class VerificationVerbs
{
    private static readonly TimeSpan _askEvery = TimeSpan.FromSeconds(1);

    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(Verify(output));
        admin.Subcommands.Add(AdminCall.Build("verification", "How far the latest verification is, and what it found. Exit code 3 if it found damage.", [], AdminVerb.Connect, async (_, service, cancellation) =>
            Show(output, await service.GetAtAsync("/v1/verifications/latest", MessageJson.Default.VerificationStatus, cancellation))));
        var account = new Argument<string?>("ACCOUNT") { Description = "The account's name; a sum of all accounts unless given.", Arity = ArgumentArity.ZeroOrOne };
        admin.Subcommands.Add(AdminCall.Ask("proofs", "How well it is proved that accounts can be restored; or one account's verifications and restore drills, the latest first.", [account], async (parsed, service, cancellation) =>
        {
            if (parsed.GetValue(account) is { } name)
            {
                Show(output, await service.GetAtAsync($"/v1/accounts/{Uri.EscapeDataString(name)}/proofs", MessageJson.Default.AccountProofs, cancellation));
                return;
            }

            var proofs = await service.GetAtAsync("/v1/proofs", MessageJson.Default.ProofSummary, cancellation);
            output.Print($"Verified: {proofs.Verified} of {proofs.Accounts} accounts{Since(proofs.OldestVerification)}; damaged: {proofs.Damaged}.\nRestore drills: {proofs.Drilled} of {proofs.Accounts} accounts{Since(proofs.OldestDrill)}; failed: {proofs.FailedDrills}.");
            output.Message("proofs", ("accounts", proofs.Accounts), ("verified", proofs.Verified), ("oldest_verification", proofs.OldestVerification), ("damaged", proofs.Damaged), ("drilled", proofs.Drilled),
                ("oldest_drill", proofs.OldestDrill), ("failed_drills", proofs.FailedDrills));
        }));
    }

    private static void Show(Output output, AccountProofs proofs)
    {
        foreach (var proof in proofs.Proofs)
        {
            var by = proof.Kind == "verification" ? "the service read everything" : proof.Computer is { } computer ? $"computer {computer} restored random files" : "a restorer restored random files";
            output.Print($"{AdminVerb.At(proof.EndedAt)}  {by}: {Units.Count(proof.Objects)} {(proof.Kind == "verification" ? "objects" : "files")} of {proof.Snapshots} snapshots, {Units.Bytes(proof.Bytes)}; {(proof.Damages == 0 ? "all as they were backed up" : $"{proof.Damages} were not: {proof.Evidence}")}");
            output.Message("proof", ("kind", proof.Kind), ("computer", proof.Computer), ("started_at", proof.StartedAt), ("ended_at", proof.EndedAt), ("snapshots", proof.Snapshots), ("objects", proof.Objects), ("bytes", proof.Bytes), ("damages", proof.Damages), ("evidence", proof.Evidence));
        }
    }

    private static Command Verify(Output output)
    {
        var account = new Option<string?>("--account") { Description = "Only this account." };
        return AdminCall.Build("verify", """
            Has the pod read everything that snapshots need, and compare every hash in it, while customers work. Ended here, it goes on in the service (`holdfast admin verification`).
            Exit code 3 if anything is damaged or missing.

            Example:
              holdfast admin verify --account "Front desk" --json
            """, [account], AdminVerb.Connect, async (parsed, service, cancellation) =>
        {
            var status = await service.SendOnceAsync(
                HttpMethod.Post, "/v1/verifications", new StartVerification(parsed.GetValue(account)), MessageJson.Default.StartVerification, MessageJson.Default.VerificationStatus, cancellation);
            await using (ProgressLine.Start(output, elapsed => $"{Units.Time(elapsed)}  {status.Snapshots} snapshots  {Units.Bytes(status.Bytes)} of {Units.Bytes(status.BytesTotal)}  {status.DamageCount} damages", TimeProvider.System))
            {
                using var timer = new PeriodicTimer(_askEvery);
                while (status.State == "running" && await timer.WaitForNextTickAsync(cancellation))
                {
                    status = await service.GetAtAsync("/v1/verifications/latest", MessageJson.Default.VerificationStatus, cancellation);
                }
            }

            return Show(output, status);
        });
    }

    private static int Show(Output output, VerificationStatus status)
    {
        foreach (var damage in status.Damages)
        {
            output.Print($"account {damage.Account}: {damage.Object}: {damage.What}{(damage.Snapshots.Count == 0 ? "" : $" ({string.Join(", ", damage.Snapshots)})")}");
            output.Message("damage", ("account", damage.Account), ("object", damage.Object), ("what", damage.What), ("snapshots", new JsonArray([.. damage.Snapshots.Select(snapshot => (JsonNode)snapshot)])));
        }

        output.Print(status.Sentence);
        output.Message("verification", ("state", status.State), ("account", status.Account), ("started_at", status.StartedAt), ("ended_at", status.EndedAt), ("accounts", status.Accounts), ("snapshots", status.Snapshots),
            ("objects", status.Objects), ("bytes", status.Bytes), ("bytes_total", status.BytesTotal), ("damages", status.DamageCount), ("failure", status.Failure));
        return status.State == "failed" ? ExitCode.Failed : status.DamageCount == 0 ? ExitCode.Ok : ExitCode.Partial;
    }

    private static string Since(long? oldest) => oldest is { } at ? $", the oldest {AdminVerb.At(at)}" : "";
}
