using System.CommandLine;
using Holdfast.Pods.Serving;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary><c>holdfastd pod join</c>: the authority and a pod that is a process of its own learn each other's keys.</summary>
internal static class JoinCommand
{
    public static Command Build(Option<string> data)
    {
        var url = new Argument<string>("url") { Description = "The pod's address, as clients reach it too." };
        var secret = new Option<string>("--secret-file") { Description = "A copy of the file `bootstrap-secret` in the pod's data folder.", Required = true };
        var command = new Command("join", """
            Joins a pod that runs as a process of its own to this authority, before the authority first runs. The pod must run.

            Example:
              holdfastd pod create --data /var/lib/pod --drive /mnt/d0 --drive /mnt/d1 --drive /mnt/d2
              holdfastd run --roles pod --data /var/lib/pod --listen https://pod.example.org:8751
              holdfastd pod join https://pod.example.org:8751 --secret-file /root/pod-secret --data /var/lib/holdfast
              holdfastd run --roles authority --data /var/lib/holdfast --listen https://backup.example.org
            """) { url, secret, data };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetRequiredValue(data), parsed.GetRequiredValue(url).TrimEnd('/'), parsed.GetRequiredValue(secret), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string root, string url, string secretFile, CancellationToken cancellation)
    {
        Service.RefusePlaintextOffLoopback(url);
        using var data = DataFolder.Open(root, Roles.AuthorityAlone, mayMakeShared: true);
        if (data.TryReadDrives() is not null)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{data.Root} has a pod with drives of its own already.");
        }

        if (data.TryReadLink() is { } other && other.Url != url && (!data.Configuration.IsEmbedded || File.Exists(Path.Combine(data.Root, "directory.db"))))
        {
            throw new HoldfastException(FailureTable.Conflict, $"{data.Root} has databases, and what they know of lies on the pod at {other.Url}.");
        }

        // Kept only once both know each other.
        var receipts = await OperatorCommands.SendAsync(data.Root, url, secretFile, HttpMethod.Get, "/pod/v1/keys", null, StatusJson.Default.ReceiptKeys, cancellation);
        using var grants = GrantKeys.Open(data, TimeProvider.System);
        await GrantKeys.TellAsync(data.Root, url, secretFile, grants.PublicKeys, cancellation);
        DataFolder.WritePrivate(DataFolder.PodSecretFile(data.Root), await File.ReadAllTextAsync(secretFile, cancellation));
        data.WriteLink(new PodLink(url, receipts.Keys));
        Console.WriteLine($"The pod at {url} is joined. Run the authority with `holdfastd run --roles authority --data {data.Root}`.");
        return ExitCode.Ok;
    }
}
