using System.Data;
using Dapper;
using Holdfast.Authority.Schema;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Accounts;

/// <summary>A store of accounts. Every write begins with the fence statement, so a write under an old epoch can never commit.</summary>
internal sealed class AccountStore(SqliteDatabase database)
{
    /// <summary>Takes an account in: its fence row.</summary>
    public Task AdmitAsync(AccountId account, long epoch, CancellationToken cancellation) => database.WriteAsync((connection, transaction) =>
        connection.Execute("INSERT INTO fence VALUES (@id, @epoch, 'open', 1, 1, 1, 1, 0) ON CONFLICT DO NOTHING", new { id = account.ToArray(), epoch }, transaction), cancellation);

    /// <summary>Runs a write: fence, lock and row version in one statement; no row means that the account has moved, a typed error.</summary>
    public Task<T> WriteAsync<T>(AccountPlace place, Func<AccountTransaction, T> action, CancellationToken cancellation) =>
        database.WriteAsync((connection, transaction) =>
        {
            var version = connection.QuerySingleOrDefault<long?>(
                "UPDATE fence SET next_version = next_version + 1 WHERE account_id = @id AND epoch = @epoch AND state = 'open' RETURNING next_version",
                new { id = place.Account.ToArray(), epoch = place.Epoch }, transaction);
            return version is { } own
                ? action(new AccountTransaction(connection, transaction, place.Account, own))
                : throw new HoldfastException(FailureTable.Fenced, "The account is not open for writing here.");
        }, cancellation);

    /// <summary>Runs a consistent read.</summary>
    public T Read<T>(AccountId account, Func<AccountTransaction, T> action) =>
        database.Read((connection, transaction) => action(new AccountTransaction(connection, transaction, account, 0)));

    /// <summary>Bytes of what is stored of one account, or of all.</summary>
    public long StoredBytes(AccountId? account) => database.Read((connection, transaction) => connection.ExecuteScalar<long>(
        "SELECT coalesce(sum(length), 0) FROM objects WHERE receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned') AND (@id IS NULL OR account_id = @id)", new { id = account?.ToArray() }, transaction));

    /// <summary>Accounts with heads, statements or keyrings that a crash kept from their pod.</summary>
    public IReadOnlyList<AccountId> WithUnplacedObjects() => database.Read((connection, transaction) => connection.Query<byte[]>(
        """
        SELECT account_id FROM snapshots WHERE on_pod = 0 UNION SELECT account_id FROM log WHERE on_pod = 0
        UNION SELECT account_id FROM keyrings WHERE on_pod = 0
        """, transaction: transaction).Select(id => new AccountId(id)).ToList());
}

/// <summary>A transaction on one account's rows. <c>@account</c> and <c>@version</c> are given to every statement.</summary>
internal sealed class AccountTransaction(IDbConnection connection, IDbTransaction transaction, AccountId account, long version)
{
    private readonly byte[] _account = account.ToArray();

    public AccountId Account { get; } = account;

    /// <summary>The version every row written here carries; rises with each transaction of the account.</summary>
    public long Version { get; } = version;

    public int Execute(string sql, object? parameters = null) => connection.Execute(sql, With(parameters), transaction);

    public IReadOnlyList<T> Query<T>(string sql, object? parameters = null) => connection.Query<T>(sql, With(parameters), transaction).AsList();

    public T? Find<T>(string sql, object? parameters = null) => connection.QuerySingleOrDefault<T>(sql, With(parameters), transaction);

    private DynamicParameters With(object? parameters)
    {
        // SQLite compares names of parameters with their case; properties are written @likeThis in SQL.
        var all = new DynamicParameters();
        foreach (var property in parameters?.GetType().GetProperties() ?? [])
        {
            all.Add(char.ToLowerInvariant(property.Name[0]) + property.Name[1..], property.GetValue(parameters));
        }

        all.Add("account", _account);
        all.Add("version", Version);
        return all;
    }
}
