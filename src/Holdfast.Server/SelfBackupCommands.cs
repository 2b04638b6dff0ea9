using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Holdfast.Authority.SelfBackups;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Server;

/// <summary><c>holdfastd backup-self</c> and <c>restore-self</c>: copies of the service's own databases on its pod.</summary>
internal static class SelfBackupCommands
{
    private static readonly TimeSpan _askEvery = TimeSpan.FromMilliseconds(250);

    public static Command BuildBackup(Option<string> data)
    {
        var json = new Option<bool>("--json") { Description = "One JSON object at the end." };
        var command = new Command("backup-self", """
            Copies the service's own databases and keys to its pod now, sealed, while it runs. The service does so by itself once a day and keeps 14 copies.

            What a copy does not have, the pod has: keyrings and everything backed up. Keep the key (`backup-self key`) where the service is not: without it no copy opens.

            Examples:
              holdfastd backup-self
              holdfastd backup-self list
              holdfastd backup-self key > /media/safe/holdfast.key
            """) { json, data };
        command.SetAction(async (parsed, cancellation) =>
        {
            var root = parsed.GetRequiredValue(data);
            var before = (await SendAsync(root, HttpMethod.Get, cancellation)).Backups.Select(backup => backup.Number).DefaultIfEmpty().Max();
            var status = await SendAsync(root, HttpMethod.Post, cancellation);
            using var timer = new PeriodicTimer(_askEvery);
            while (status.Backups.All(backup => backup.Number <= before) && status.Failure is null)
            {
                await timer.WaitForNextTickAsync(cancellation);
                status = await SendAsync(root, HttpMethod.Get, cancellation);
            }

            return status.Failure is { } failure ? throw new HoldfastException(FailureTable.ServiceUnavailable, failure) : Print([status.Backups[^1]], parsed.GetValue(json));
        });
        var list = new Command("list", "Lists the copies on the pod.") { json, data };
        list.SetAction(async (parsed, cancellation) => Print((await SendAsync(parsed.GetRequiredValue(data), HttpMethod.Get, cancellation)).Backups, parsed.GetValue(json)));
        var key = new Command("key", "Prints the key that seals the copies, to be kept elsewhere.") { data };
        key.SetAction(parsed =>
        {
            var file = DataFolder.SelfBackupKeyFile(Path.GetFullPath(parsed.GetRequiredValue(data)));
            Console.Write(File.Exists(file) ? File.ReadAllText(file) : throw new HoldfastException(FailureTable.LocalState, $"{file} is not there: the service has not run here yet."));
            return ExitCode.Ok;
        });
        command.Subcommands.Add(list);
        command.Subcommands.Add(key);
        return command;
    }

    public static Command BuildRestore(Option<string> data)
    {
        var drives = new Option<string[]>("--drive") { Description = "A drive of the pod, in any order; give it once for each that is left. Only needed if pod.json is gone too.", AllowMultipleArgumentsPerToken = true };
        var keyFile = new Option<string>("--key-file") { Description = "The file with the key that `holdfastd backup-self key` printed.", Required = true };
        var number = new Option<uint?>("--number") { Description = "Which copy, as `holdfastd backup-self list` numbers them; the latest unless given." };
        var command = new Command("restore-self", """
            Fills empty databases from a copy of the service's own databases on its pod: people, accounts, their names, history. The service must not run.

            Restores work as soon as the service runs. What came since the copy, the pod has: accounts are compared with it one after the other in the background
            (`holdfastd restore-self status`), and each backs up again when it was. Accounts that were closed since stay closed. Tokens that were made since are gone; tokens and
            passwords that were changed since are as they were: change them again. If it is ended, run it again: it begins anew.

            Examples:
              holdfastd restore-self --key-file /media/safe/holdfast.key --data /var/lib/holdfast --drive /mnt/d0 --drive /mnt/d1 --drive /mnt/d2
              holdfastd restore-self status
            """) { drives, keyFile, number, data };
        command.SetAction((parsed, cancellation) => RestoreAsync(parsed.GetRequiredValue(data), parsed.GetValue(drives) ?? [], parsed.GetRequiredValue(keyFile), parsed.GetValue(number), cancellation));
        var json = new Option<bool>("--json") { Description = "One JSON object." };
        var status = new Command("status", "How far the running service is with comparing accounts with the pod. Exit code 3 if something was odd.") { json, data };
        status.SetAction(async (parsed, cancellation) =>
        {
            var root = parsed.GetRequiredValue(data);
            var now = await OperatorCommands.SendAsync(root, DataFolder.OperatorTokenFile(root), HttpMethod.Get, "/v1/reconciliation", null, MessageJson.Default.ReconciliationStatus, cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(now, MessageJson.Default.ReconciliationStatus));
            }
            else
            {
                Console.WriteLine(now.Sentence);
                now.Troubles.ToList().ForEach(Console.WriteLine);
            }

            return now.Troubles.Count == 0 ? ExitCode.Ok : ExitCode.Partial;
        });
        command.Subcommands.Add(status);
        return command;
    }

    private static async Task<int> RestoreAsync(string root, string[] drives, string keyFile, uint? number, CancellationToken cancellation)
    {
        var key = SelfBackupKey.Parse(File.Exists(keyFile) ? await File.ReadAllTextAsync(keyFile, cancellation) : throw new HoldfastException(FailureTable.InvalidRequest, $"{keyFile} is not there."));
        root = Path.GetFullPath(root);
        if (DataFolder.BeginPuttingBack(root))
        {
            // A folder of nothing: keys and configuration come out of the copy, in place of those that reading it needed.
            IReadOnlyList<(string, byte[])> files;
            using (var fresh = RebuildCommand.OpenFolder(root, drives))
            {
                files = await Service.FillAsync(fresh, authority => authority.ReadSelfBackupFilesAsync(key, number, cancellation), cancellation);
                fresh.DropHalfMade();
            }

            foreach (var path in DataFolder.PutBack(root, files))
            {
                Console.WriteLine($"{path} is as it was.");
            }

            DataFolder.EndPuttingBack(root);
        }

        DataFolder.WritePrivate(DataFolder.SelfBackupKeyFile(root), key + "\n");
        using var data = RebuildCommand.OpenFolder(root, drives);
        var restored = await Service.FillAsync(data, authority => authority.RestoreSelfAsync(key, number, Console.WriteLine, ProgressOf(), cancellation), cancellation);
        data.EndRebuild();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{restored.Accounts} accounts and {restored.Rows:n0} rows are as they were at {DateTimeOffset.FromUnixTimeSeconds(restored.MadeAt).ToLocalTime():yyyy-MM-dd HH:mm:ss}{(restored.Closed > 0 ? $"; {restored.Closed} that were closed since are gone" : "")}."));
        Console.WriteLine("Run the service: restores work at once, and each account backs up when it was compared with the pod (`holdfastd restore-self status`).");
        Console.WriteLine("Tokens, passwords and roles are as they were then: take away again what was taken away since.");
        return ExitCode.Ok;
    }

    private static Action<long> ProgressOf()
    {
        var shown = TimeProvider.System.GetTimestamp();
        return rows =>
        {
            if (!Console.IsErrorRedirected && TimeProvider.System.GetElapsedTime(shown) > _askEvery)
            {
                shown = TimeProvider.System.GetTimestamp();
                Console.Error.Write($"\r{rows:n0} rows");
            }
        };
    }

    private static Task<SelfBackupStatus> SendAsync(string root, HttpMethod method, CancellationToken cancellation) =>
        OperatorCommands.SendAsync(root, DataFolder.OperatorTokenFile(root), method, "/v1/self-backups", null, MessageJson.Default.SelfBackupStatus, cancellation);

    private static int Print(IReadOnlyList<SelfBackupSummary> backups, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new SelfBackupStatus(false, null, backups), MessageJson.Default.SelfBackupStatus));
            return ExitCode.Ok;
        }

        foreach (var backup in backups)
        {
            Console.WriteLine($"{backup.Number}  {DateTimeOffset.FromUnixTimeSeconds(backup.StoredAt).ToLocalTime():yyyy-MM-dd HH:mm:ss}  {backup.Bytes,16:n0} bytes");
        }

        return ExitCode.Ok;
    }
}
