using System.Security.Cryptography;
using Holdfast.Client;
using Holdfast.Client.Connecting;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Restorer.Drilling;

/// <summary>Restores random files of an account to nowhere, and tells the authority how that went; nothing of them is kept.</summary>
internal sealed class Driller(ServiceClient service, AccountOpener opener, TimeProvider time)
{
    private const int Files = 20;

    private static readonly TimeSpan _tellsEvery = TimeSpan.FromMinutes(1);

    /// <summary>Failures that say that what is stored cannot be restored; others pass, and the drill is given out again.</summary>
    private static readonly FailureKind[] _lasting = [FailureTable.Tampered, FailureTable.DamagedObject, FailureTable.NotManaged];

    public async Task RunAsync(DrillWork work, CancellationToken cancellation)
    {
        var (startedAt, seed) = (time.GetUtcNow().ToUnixTimeSeconds(), (long)RandomNumberGenerator.GetInt32(int.MaxValue));
        var (result, failure) = (new ReadDrillResult([], 0, 0, 1), (string?)null);
        try
        {
            var id = AccountId.TryParse(work.Account, out var named) ? named : throw new HoldfastException(FailureTable.InvalidRequest, "The authority names no account.");
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var keeping = LeaseKeeping.RunAsync(token => service.SendOnceAsync(HttpMethod.Put, $"/v1/restorer/drills/{work.Account}",
                new DrillAdvanced(work.Token), MessageJson.Default.DrillAdvanced, MessageJson.Default.Done, token), _tellsEvery, stop, time);
            try
            {
                using var turn = await opener.TakeTurnAsync(id, stop.Token);
                using var account = await opener.OpenAsync(id, "drilling", stop.Token);
                result = await new ReadDrill(account).RunAsync(Files, seed, stop.Token);
            }
            finally
            {
                await stop.CancelAsync();
                await keeping;
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The lease is lost: there is nothing to tell.
            return;
        }
        catch (HoldfastException exception) when (_lasting.Contains(exception.Kind))
        {
            failure = exception.Message;
        }

        await service.SendOnceAsync(HttpMethod.Post, $"/v1/restorer/drills/{work.Account}/end",
            new DrillEnded(work.Token, startedAt, seed, result.Snapshots, result.Files, result.Bytes, result.Failures, failure), MessageJson.Default.DrillEnded, MessageJson.Default.Done, cancellation);
    }
}
