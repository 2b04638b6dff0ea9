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
        var waiting = store.Read(place.Account, transaction => (
            Log: transaction.Query<Row>("SELECT sequence AS Key, statement AS Bytes FROM log WHERE account_id = @account AND on_pod = 0 ORDER BY sequence"),
            Keyrings: transaction.Query<Row>("SELECT keyring_version AS Key, keyring AS Bytes FROM keyrings WHERE account_id = @account AND on_pod = 0 ORDER BY keyring_version"),
            Heads: transaction.Query<Row>("SELECT sequence AS Key, head AS Bytes FROM snapshots WHERE account_id = @account AND on_pod = 0 ORDER BY computer, sequence")));
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

        await store.WriteAsync(place, transaction =>
        {
            foreach (var row in waiting.Log)
            {
                transaction.Execute("UPDATE log SET on_pod = 1, version = @version WHERE account_id = @account AND sequence = @key", new { row.Key });
            }

            foreach (var row in waiting.Keyrings)
            {
                transaction.Execute("UPDATE keyrings SET on_pod = 1, version = @version WHERE account_id = @account AND keyring_version = @key", new { row.Key });
            }

            foreach (var row in waiting.Heads)
            {
                transaction.Execute("UPDATE snapshots SET on_pod = 1, version = @version WHERE account_id = @account AND head_id = @id", new { id = Head.Parse(row.Bytes).Id });
            }

            return 0;
        }, cancellation);
    }

    /// <summary>At start: what a crash left behind.</summary>
    public async Task PlaceAllAsync(Action<string> report, CancellationToken cancellation)
    {
        foreach (var account in store.WithUnplacedObjects())
        {
            try
            {
                if (directory.Find(account) is { } place)
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
