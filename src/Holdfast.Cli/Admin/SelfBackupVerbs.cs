using System.CommandLine;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin backup-self|self-backups|reconciliation</c>: copies of the service's own databases, and what follows when one was restored.</summary>
internal static class SelfBackupVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(AdminCall.Build("backup-self", "Has a copy of the service's own databases made now, on its pod; the service does so by itself once a day. `self-backups` says when it is there.", [], AdminVerb.Connect, async (_, service, cancellation) =>
            Show(output, await AdminCall.SendAsync(service, HttpMethod.Post, "/v1/self-backups", MessageJson.Default.SelfBackupStatus, cancellation))));
        admin.Subcommands.Add(AdminCall.Build("self-backups", "Copies of the service's own databases on its pod, the oldest first. Exit code 1 if the last attempt failed.", [], AdminVerb.Connect, async (_, service, cancellation) =>
            Show(output, await service.GetAtAsync("/v1/self-backups", MessageJson.Default.SelfBackupStatus, cancellation))));
        admin.Subcommands.Add(AdminCall.Build("reconciliation", "How far accounts are compared with the pod, after a copy of the databases was restored. Exit code 3 if something was odd.", [], AdminVerb.Connect, async (_, service, cancellation) =>
        {
            var now = await service.GetAtAsync("/v1/reconciliation", MessageJson.Default.ReconciliationStatus, cancellation);
            output.Print(now.Sentence);
            foreach (var trouble in now.Troubles)
            {
                output.Print(trouble);
                output.Message("trouble", ("message", trouble));
            }

            output.Message("reconciliation", ("running", now.IsRunning), ("left", now.Left), ("done", now.Done), ("found", now.Found));
            return now.Troubles.Count == 0 ? ExitCode.Ok : ExitCode.Partial;
        }));
    }

    private static int Show(Output output, SelfBackupStatus status)
    {
        foreach (var backup in status.Backups)
        {
            output.Print($"{backup.Number,6}  {AdminVerb.At(backup.StoredAt)}  {Units.Bytes(backup.Bytes),10}");
            output.Message("self_backup", ("number", backup.Number), ("stored_at", backup.StoredAt), ("bytes", backup.Bytes));
        }

        if (status.IsRunning)
        {
            output.Say("One is being made.");
        }

        output.Message("self_backups", ("running", status.IsRunning), ("failure", status.Failure));
        return status.Failure is { } failure ? throw new HoldfastException(FailureTable.ServiceUnavailable, $"The last attempt failed: {failure}") : ExitCode.Ok;
    }
}
