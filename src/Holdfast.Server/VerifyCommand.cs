using System.CommandLine;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Server;

/// <summary><c>holdfastd pod verify</c>: proves that every frame of every snapshot can be read.</summary>
internal static class VerifyCommand
{
    private static readonly TimeSpan _askEvery = TimeSpan.FromMilliseconds(250);

    public static Command Build(Option<string> data)
    {
        var account = new Option<string?>("--account") { Description = "Only this account." };
        var json = new Option<bool>("--json") { Description = "One JSON object at the end." };
        var command = new Command("verify", """
            Proves that everything snapshots need can be read: logs, keyrings, heads, snapshots, maps, and every frame by its SHA-256.

            The pod reads it all while customers work; the results are kept for each account. Ended here, it goes on in the service.
            Exit code 3 if anything is damaged or missing.

            Examples:
              holdfastd pod verify
              holdfastd pod verify --account customer-1 --json
            """) { account, json, data };
        command.SetAction(async (parsed, cancellation) =>
        {
            var root = parsed.GetRequiredValue(data);
            var status = await SendAsync(root, HttpMethod.Post, "/v1/verifications", JsonContent.Create(new StartVerification(parsed.GetValue(account)), MessageJson.Default.StartVerification), cancellation);
            using var timer = new PeriodicTimer(_askEvery);
            while (status.State == "running" && await timer.WaitForNextTickAsync(cancellation))
            {
                status = await SendAsync(root, HttpMethod.Get, "/v1/verifications/latest", null, cancellation);
                Draw(status);
            }

            return Report(status, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>What is proved of all accounts; nothing if nobody made an operator here.</summary>
    public static async Task PrintSummaryAsync(string root, CancellationToken cancellation)
    {
        if (!File.Exists(DataFolder.OperatorTokenFile(root)))
        {
            return;
        }

        ProofSummary summary;
        try
        {
            summary = await OperatorCommands.SendAsync(root, DataFolder.OperatorTokenFile(root), HttpMethod.Get, "/v1/proofs", null, MessageJson.Default.ProofSummary, cancellation);
        }
        catch (HoldfastException exception)
        {
            Console.WriteLine($"What is verified is not known: {exception.Message}");
            return;
        }

        Console.WriteLine($"Verified: {summary.Verified} of {summary.Accounts} accounts{Since(summary.OldestVerification)}{(summary.Damaged > 0 ? $"; {summary.Damaged} have damage: holdfastd pod verify" : "")}.");
        Console.WriteLine($"Restore drills: {summary.Drilled} of {summary.Accounts} accounts{Since(summary.OldestDrill)}{(summary.FailedDrills > 0 ? $"; the latest of {summary.FailedDrills} failed" : "")}.");
    }

    private static Task<VerificationStatus> SendAsync(string root, HttpMethod method, string path, HttpContent? content, CancellationToken cancellation) =>
        OperatorCommands.SendAsync(root, DataFolder.OperatorTokenFile(root), method, path, content, MessageJson.Default.VerificationStatus, cancellation);

    private static void Draw(VerificationStatus status)
    {
        if (!Console.IsErrorRedirected)
        {
            var share = status.BytesTotal == 0 ? 1 : Math.Min(1, status.Bytes / (double)status.BytesTotal);
            Console.Error.Write(string.Create(CultureInfo.InvariantCulture, $"\r{share * 100,3:0} %  {status.Snapshots} snapshots, {status.Objects:n0} objects, {status.Bytes:n0} bytes read, {status.DamageCount} damages "));
        }
    }

    private static int Report(VerificationStatus status, bool json)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.WriteLine();
        }

        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(status, MessageJson.Default.VerificationStatus));
        }
        else
        {
            foreach (var damage in status.Damages)
            {
                Console.WriteLine($"account {damage.Account}: {damage.Object}: {damage.What}{(damage.Snapshots.Count == 0 ? "" : $" ({string.Join(", ", damage.Snapshots)})")}");
            }

            Console.WriteLine(status.State == "ended" ? status.Sentence : "It did not end.");
        }

        return status.State != "ended" ? throw new HoldfastException(FailureTable.ServiceUnavailable, status.Sentence)
            : status.DamageCount == 0 ? ExitCode.Ok : ExitCode.Partial;
    }

    private static string Since(long? oldest) => oldest is { } at ? $", the oldest {DateTimeOffset.FromUnixTimeSeconds(at).ToLocalTime():yyyy-MM-dd HH:mm}" : "";
}
