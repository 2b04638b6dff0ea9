using System.CommandLine;
using Holdfast.Authority.Rebuilding;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary><c>holdfastd rebuild</c>: every database is gone, and accounts come back from the pod alone.</summary>
internal static class RebuildCommand
{
    private static readonly TimeSpan _progressEvery = TimeSpan.FromMilliseconds(200);

    public static Command Build(Option<string> data)
    {
        var drives = new Option<string[]>("--drive")
        {
            Description = "A drive of the pod, in any order; give it once for each that is left. Only needed if pod.json is gone too.", AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("rebuild", """
            Makes the databases again from what lies on the pod's drives: accounts, computers, packs and snapshots. The service must not run.

            Names of accounts, operators and enrolment codes are not on pods: make an operator and name the accounts again. Computers attach
            themselves by their keys at their next backup. Nothing old of an account is removed until somebody with its passphrase or
            recovery key has run `holdfast attach`. If it is ended, run it again: it begins anew. Exit code 3 if something is missing.

            Examples:
              holdfastd rebuild --data /var/lib/holdfast
              holdfastd rebuild --data /var/lib/holdfast --drive /mnt/d0 --drive /mnt/d2      # drive 1 is lost as well
            """) { drives, data };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetRequiredValue(data), parsed.GetValue(drives) ?? [], cancellation));
        return command;
    }

    /// <summary>Opens the folder of a service whose databases are to be filled from its pod; those that are there are refused.</summary>
    public static DataFolder OpenFolder(string root, string[] drives)
    {
        var isLinked = DataFolder.TryReadLink(root) is not null;
        var data = DataFolder.Open(root, isLinked ? Roles.AuthorityAlone : Roles.Both);
        try
        {
            Prepare(data, isLinked, drives);
            return data;
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    private static void Prepare(DataFolder data, bool isLinked, string[] drives)
    {
        var known = data.TryReadDrives();
        var listed = drives.Length > 0 ? DriveSetConfiguration.Adopt(drives).With(known) : known;
        if (listed is null == !isLinked)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, isLinked ? $"{data.Root} is joined to a pod of its own, which has its drives." : $"{data.Root} has no pod.json: name the pod's drives with --drive.");
        }

        data.BeginRebuild();
        if (listed is not null)
        {
            data.WriteDrives(listed);
        }
    }

    private static async Task<int> RunAsync(string root, string[] drives, CancellationToken cancellation)
    {
        using var data = OpenFolder(root, drives);
        var shown = TimeProvider.System.GetTimestamp();
        var accounts = await Service.FillAsync(data, async authority =>
        {
            var found = new List<RebuiltAccount>();
            await foreach (var account in authority.RebuildAsync(objects =>
            {
                if (!Console.IsErrorRedirected && TimeProvider.System.GetElapsedTime(shown) > _progressEvery)
                {
                    shown = TimeProvider.System.GetTimestamp();
                    Console.Error.Write($"\r{objects:n0} objects");
                }
            }, cancellation))
            {
                found.Add(account);
                Print(account);
            }

            return found;
        }, cancellation);
        data.EndRebuild();
        Console.WriteLine($"{accounts.Count} accounts, {accounts.Sum(account => account.Snapshots)} snapshots, {accounts.Sum(account => account.Objects):n0} objects, {accounts.Sum(account => account.Bytes):n0} bytes are back.");
        return accounts.All(account => account.Troubles.Count == 0) ? ExitCode.Ok : ExitCode.Partial;
    }

    private static void Print(RebuiltAccount account)
    {
        Console.WriteLine($"{(Console.IsErrorRedirected ? "" : "\r")}account {account.Account}: {account.Computers} computers, {account.Snapshots} snapshots, {account.Objects:n0} objects, {account.Bytes:n0} bytes");
        foreach (var trouble in account.Troubles)
        {
            Console.WriteLine($"  {trouble}");
        }
    }
}
