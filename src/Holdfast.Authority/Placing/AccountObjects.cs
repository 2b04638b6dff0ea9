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
        var waiting = await store.AskAsync(place, transaction => transaction.QueryAsync<Row>(
            """
            SELECT kind, key, bytes FROM (
                SELECT CAST(0 AS BIGINT) AS kind, sequence AS key, CAST(0 AS BIGINT) AS computer, statement AS bytes FROM log WHERE account_id = @account AND on_pod = 0
                UNION ALL SELECT 1, keyring_version, 0, keyring FROM keyrings WHERE account_id = @account AND on_pod = 0
                UNION ALL SELECT 2, sequence, computer, head FROM snapshots WHERE account_id = @account AND on_pod = 0) AS waiting
            ORDER BY kind, computer, key
            """), cancellation);
        if (waiting.Count == 0)
        {
            return;
        }

        foreach (var row in waiting)
        {
            await pod.PutAsync(NameOf(place.Account, row), row.Bytes, cancellation);
        }

        await store.WriteAsync(place, transaction => transaction.ExecuteAllAsync(waiting.Select(row => (Kind)row.Kind switch
        {
            Kind.Statement => ("UPDATE log SET on_pod = 1, version = @version WHERE account_id = @account AND sequence = @key", new { row.Key }),
            Kind.Keyring => ("UPDATE keyrings SET on_pod = 1, version = @version WHERE account_id = @account AND keyring_version = @key", new { row.Key }),
            _ => ("UPDATE snapshots SET on_pod = 1, version = @version WHERE account_id = @account AND head_id = @id", (object)new { Head.Parse(row.Bytes).Id }),
        })), cancellation);
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

    private static ObjectName NameOf(AccountId account, Row row) => (Kind)row.Kind switch
    {
        Kind.Statement => new ObjectName(account, ObjectSpace.Log, (ulong)row.Key),
        Kind.Keyring => new ObjectName(account, ObjectSpace.Keyrings, (ulong)row.Key),
        _ => ObjectName.Of(ObjectHeader.Read(row.Bytes)),
    };

    /// <summary>In the order in which they are put.</summary>
    private enum Kind
    {
        Statement,
        Keyring,
        Head,
    }

    /// <summary>By properties: SQLite knows no type of a computed column without rows.</summary>
    private sealed record Row
    {
        public long Kind { get; init; }

        public long Key { get; init; }

        public byte[] Bytes { get; init; } = [];
    }
}
