using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Accounts;

/// <summary>The stores of accounts, by name: the directory says which is whose home. Every write begins with the fence statement, so a write under an old epoch can never commit.</summary>
internal sealed class AccountStore(IReadOnlyDictionary<string, IDatabase> homes)
{
    /// <summary>Takes an account in: its fence row.</summary>
    public Task AdmitAsync(AccountPlace place, CancellationToken cancellation) => HomeOf(place).WriteAsync(transaction => transaction.ExecuteAsync(
        """
        INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) VALUES (@id, @epoch, 'open', 1, 1, 1, 1, 0)
        ON CONFLICT DO NOTHING
        """, new { id = place.Account.ToArray(), place.Epoch }), cancellation);

    /// <summary>Runs a write: fence, lock and row version in one statement; no row means that the account has moved, a typed error.</summary>
    public Task<T> WriteAsync<T>(AccountPlace place, Func<AccountTransaction, Task<T>> action, CancellationToken cancellation) =>
        HomeOf(place).WriteAsync(async transaction =>
        {
            var version = await transaction.FindAsync<long?>(
                "UPDATE fence SET next_version = next_version + 1 WHERE account_id = @id AND epoch = @epoch AND state = 'open' RETURNING next_version",
                new { id = place.Account.ToArray(), place.Epoch });
            return version is { } own
                ? await action(new AccountTransaction(transaction, place.Account, own))
                : throw new HoldfastException(FailureTable.Fenced, "The account is not open for writing here.");
        }, cancellation);

    /// <summary>Runs a consistent read.</summary>
    public Task<T> ReadAsync<T>(AccountPlace place, Func<AccountTransaction, Task<T>> action, CancellationToken cancellation) =>
        HomeOf(place).ReadAsync(transaction => action(new AccountTransaction(transaction, place.Account, 0)), cancellation);

    /// <summary>Runs a read of all accounts, on one store after the other.</summary>
    public async Task<IReadOnlyList<T>> ReadAllAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation)
    {
        var all = new List<T>();
        foreach (var home in homes.Values)
        {
            all.Add(await home.ReadAsync(action, cancellation));
        }

        return all;
    }

    /// <summary>Bytes of what is stored of one account, or of all.</summary>
    public async Task<long> StoredBytesAsync(AccountPlace? only, CancellationToken cancellation)
    {
        const string Stored = "SELECT CAST(coalesce(sum(length), 0) AS BIGINT) FROM objects WHERE receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')";
        return only is not null
            ? await ReadAsync(only, transaction => transaction.FindAsync<long>($"{Stored} AND account_id = @account"), cancellation)
            : (await ReadAllAsync(transaction => transaction.FindAsync<long>(Stored), cancellation)).Sum();
    }

    /// <summary>Accounts with heads, statements or keyrings that a crash kept from their pod.</summary>
    public async Task<IReadOnlyList<AccountId>> WithUnplacedObjectsAsync(CancellationToken cancellation) => [.. (await ReadAllAsync(transaction => transaction.QueryAsync<byte[]>(
        """
        SELECT account_id FROM snapshots WHERE on_pod = 0 UNION SELECT account_id FROM log WHERE on_pod = 0
        UNION SELECT account_id FROM keyrings WHERE on_pod = 0
        """), cancellation)).SelectMany(rows => rows).Select(id => new AccountId(id)).Distinct()];

    /// <summary>Fails if a store cannot be read.</summary>
    public Task CheckReadyAsync(CancellationToken cancellation) => ReadAllAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM (SELECT 1 FROM fence LIMIT 1) AS any_account"), cancellation);

    private IDatabase HomeOf(AccountPlace place) => homes.TryGetValue(place.Home, out var home)
        ? home : throw new HoldfastException(FailureTable.ServiceUnavailable, $"The account lives in the store '{place.Home}', which this node's configuration does not name.");
}
