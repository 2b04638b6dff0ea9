using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Accounts;

/// <summary>A transaction on one account's rows. <c>@account</c> and <c>@version</c> are given to every statement.</summary>
internal sealed class AccountTransaction(DatabaseTransaction transaction, AccountId account, long version)
{
    private readonly (string, object?)[] _own = [("account", account.ToArray()), ("version", version)];

    public AccountId Account { get; } = account;

    /// <summary>Rows changed.</summary>
    public Task<int> ExecuteAsync(string sql, object? parameters = null) => transaction.ExecuteAsync(sql, With(parameters));

    /// <summary>Runs a statement for each of the parameters, in order; rows changed in all.</summary>
    public Task<int> ExecuteEachAsync(string sql, IEnumerable<object> each) => transaction.ExecuteEachAsync(sql, [.. each.Select(With)]);

    public Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null) => transaction.QueryAsync<T>(sql, With(parameters));

    /// <summary>The one row, or null (a tuple of defaults) if there is none.</summary>
    public Task<T?> FindAsync<T>(string sql, object? parameters = null) => transaction.FindAsync<T>(sql, With(parameters));

    private List<(string, object?)> With(object? parameters) => [.. SqlParameters.Of(parameters), .. _own];
}
