using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Accounts;

/// <summary>A transaction on one account's rows. <c>@account</c> and <c>@version</c> are given to every statement.</summary>
/// <param name="transaction">It.</param>
/// <param name="account">Whose rows.</param>
/// <param name="version">What is written gets it.</param>
/// <param name="isHome">For reads: whether this is the account's home, by what the fence says (nothing if the store never had it). It is asked together with the first statement, and if it is not, that fails as fenced.</param>
internal sealed class AccountTransaction(DatabaseTransaction transaction, AccountId account, long version, Func<long, string?, bool>? isHome = null)
{
    private const string Fence = "SELECT epoch, state FROM fence WHERE account_id = @account";

    private readonly (string, object?)[] _own = [("account", account.ToArray()), ("version", version)];

    private bool _isFenceKnown = isHome is null;

    public AccountId Account { get; } = account;

    /// <summary>Rows changed.</summary>
    public Task<int> ExecuteAsync(string sql, object? parameters = null) => transaction.ExecuteAsync(sql, With(parameters));

    /// <summary>Runs statements, in order, in one round trip where the engine can; rows changed in all.</summary>
    public Task<int> ExecuteAllAsync(IEnumerable<(string Sql, object Parameters)> statements) => transaction.ExecuteAllAsync([.. statements.Select(statement => (statement.Sql, (object)With(statement.Parameters)))]);

    /// <summary>Runs a statement for each of the parameters, as <see cref="ExecuteAllAsync"/>.</summary>
    public Task<int> ExecuteEachAsync(string sql, IEnumerable<object> each) => ExecuteAllAsync(each.Select(parameters => (sql, parameters)));

    /// <summary>A write's last statements, in order, together with the commit: one round trip where the engine can. Nothing follows them; rows changed in all.</summary>
    public Task<int> ExecuteLastAsync(IEnumerable<(string Sql, object Parameters)> statements) => transaction.ExecuteLastAsync([.. statements.Select(statement => (statement.Sql, (object?)With(statement.Parameters)))]);

    /// <summary>Three questions of one moment in one round trip, with the same parameters.</summary>
    public async Task<(IReadOnlyList<T1> First, IReadOnlyList<T2> Second, IReadOnlyList<T3> Third)> QueryAllAsync<T1, T2, T3>(string first, string second, string third, object? parameters)
    {
        var (fence, one, two, three) = await transaction.QueryAllAsync<(long Epoch, string? State), T1, T2, T3>(Fence, first, second, third, With(parameters));
        return isHome?.Invoke(fence.Epoch, fence.State) != false ? (one, two, three) : throw NotAtHome();
    }

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null)
    {
        if (_isFenceKnown)
        {
            return await transaction.QueryAsync<T>(sql, With(parameters));
        }

        var (fence, rows) = await transaction.QueryBothAsync<(long Epoch, string? State), T>(Fence, sql, With(parameters));
        _isFenceKnown = true;
        return isHome!(fence.Epoch, fence.State) ? rows : throw NotAtHome();
    }

    /// <summary>The one row, or null (a tuple of defaults) if there is none.</summary>
    public async Task<T?> FindAsync<T>(string sql, object? parameters = null) =>
        _isFenceKnown ? await transaction.FindAsync<T>(sql, With(parameters)) : (await QueryAsync<T?>(sql, parameters)).SingleOrDefault();

    private static HoldfastException NotAtHome() => new(FailureTable.Fenced, "The account is not at home here.");

    private List<(string, object?)> With(object? parameters) => [.. SqlParameters.Of(parameters), .. _own];
}
