using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Placing;

/// <summary>Puts heads, log statements and keyrings on the pod, so that accounts can be rebuilt from pods alone.</summary>
/// <remarks>The row comes first, with on_pod = 0; the object next; the answer last. A crash in between is made good at the next start.</remarks>
internal sealed class AccountObjects(AccountStore store, AccountDirectory directory, PodClient pod)
{
    /// <summary>Puts everything of the account that is not on its pod yet.</summary>
    public async Task PlaceAsync(AccountPlace place, CancellationToken cancellation)
    {
        var waiting = await store.ReadAsync(place, async transaction => (
            Log: await transaction.QueryAsync<Row>("SELECT sequence AS Key, statement AS Bytes FROM log WHERE account_id = @account AND on_pod = 0 ORDER BY sequence"),
            Keyrings: await transaction.QueryAsync<Row>("SELECT keyring_version AS Key, keyring AS Bytes FROM keyrings WHERE account_id = @account AND on_pod = 0 ORDER BY keyring_version"),
            Heads: await transaction.QueryAsync<Row>("SELECT sequence AS Key, head AS Bytes FROM snapshots WHERE account_id = @account AND on_pod = 0 ORDER BY computer, sequence")), cancellation);
        foreach (var row in waiting.Log)
        {
            await pod.PutAsync(new ObjectName(place.Account, ObjectSpace.Log, (ulong)row.Key), row.Bytes, cancellation);
        }

        foreach (var row in waiting.Keyrings)
        {
            await pod.PutAsync(new ObjectName(place.Account, ObjectSpace.Keyrings, (ulong)row.Key), row.Bytes, cancellation);
        }

        foreach (var row in waiting.Heads)
        {
            await pod.PutAsync(ObjectName.Of(ObjectHeader.Read(row.Bytes)), row.Bytes, cancellation);
        }

        if (waiting.Log.Count + waiting.Keyrings.Count + waiting.Heads.Count == 0)
        {
            return;
        }

        await store.WriteAsync(place, async transaction =>
            await transaction.ExecuteEachAsync("UPDATE log SET on_pod = 1, version = @version WHERE account_id = @account AND sequence = @key", waiting.Log.Select(row => new { row.Key }))
            + await transaction.ExecuteEachAsync("UPDATE keyrings SET on_pod = 1, version = @version WHERE account_id = @account AND keyring_version = @key", waiting.Keyrings.Select(row => new { row.Key }))
            + await transaction.ExecuteEachAsync("UPDATE snapshots SET on_pod = 1, version = @version WHERE account_id = @account AND head_id = @id", waiting.Heads.Select(row => new { Head.Parse(row.Bytes).Id })), cancellation);
    }

    /// <summary>At start: what a crash left behind.</summary>
    public async Task PlaceAllAsync(Action<string> report, CancellationToken cancellation)
    {
        foreach (var account in await store.WithUnplacedObjectsAsync(cancellation))
        {
            try
            {
                if (await directory.FindAsync(account, cancellation) is { } place)
                {
                    await PlaceAsync(place, cancellation);
                }
            }
            catch (HoldfastException exception)
            {
                // One account's trouble keeps nobody else from working; its next commit tries again.
                report($"account {account}: {exception.Message}");
            }
        }
    }

    private sealed record Row(long Key, byte[] Bytes);
}
