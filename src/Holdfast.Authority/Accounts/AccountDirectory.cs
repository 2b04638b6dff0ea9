using System.Security.Cryptography;
using Dapper;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Schema;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Accounts;

/// <summary>An account's place: the store that is its home, and the epoch its writes must name.</summary>
internal sealed record AccountPlace(AccountId Account, string Name, string Home, long Epoch, string State);

/// <summary>The directory: operators, accounts and where they live, and enrolment codes. It alone says who is home.</summary>
internal sealed class AccountDirectory(SqliteDatabase database, TimeProvider time)
{
    /// <summary>The one store of the first form.</summary>
    public const string EmbeddedHome = "embedded";

    private static readonly TimeSpan _codeLife = TimeSpan.FromDays(7);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public async Task AddOperatorAsync(string name, byte[] tokenHash, CancellationToken cancellation)
    {
        var added = await database.WriteAsync((connection, transaction) => connection.Execute(
            "INSERT INTO operators (name, token_hash, created_at) VALUES (@name, @tokenHash, @Now) ON CONFLICT (name) DO NOTHING", new { name, tokenHash, Now }, transaction), cancellation);
        if (added == 0)
        {
            throw new HoldfastException(FailureTable.Conflict, $"There is an operator '{name}' already.");
        }
    }

    public string? FindOperator(byte[] tokenHash) => database.Read((connection, transaction) =>
        connection.QuerySingleOrDefault<string>("SELECT name FROM operators WHERE token_hash = @tokenHash", new { tokenHash }, transaction));

    public async Task<AccountPlace> AddAccountAsync(string name, CancellationToken cancellation)
    {
        var account = new AccountId(RandomNumberGenerator.GetBytes(AccountId.Length));
        var added = await database.WriteAsync((connection, transaction) => connection.Execute(
            """
            INSERT INTO accounts (account_id, name, home, epoch, state, created_at) VALUES (@id, @name, @EmbeddedHome, 1, 'open', @Now)
            ON CONFLICT (name) DO NOTHING
            """, new { id = account.ToArray(), name, EmbeddedHome, Now }, transaction), cancellation);
        return added == 1
            ? new AccountPlace(account, name, EmbeddedHome, 1, "open")
            : throw new HoldfastException(FailureTable.Conflict, $"There is an account '{name}' already; ask for a code for it instead.");
    }

    /// <summary>An account that was found on a pod. Its name is not there: its id stands in until the operator names it again.</summary>
    public async Task<AccountPlace> AddRebuiltAsync(AccountId account, string state, CancellationToken cancellation)
    {
        var place = new AccountPlace(account, account.ToString(), EmbeddedHome, 1, state);
        await database.WriteAsync((connection, transaction) => connection.Execute(
            "INSERT INTO accounts (account_id, name, home, epoch, state, created_at) VALUES (@id, @Name, @Home, @Epoch, @State, @Now)",
            new { id = account.ToArray(), place.Name, place.Home, place.Epoch, place.State, Now }, transaction), cancellation);
        return place;
    }

    /// <summary>A person has confirmed the account.</summary>
    public Task OpenAsync(AccountId account, CancellationToken cancellation) => database.WriteAsync((connection, transaction) => connection.Execute(
        "UPDATE accounts SET state = 'open' WHERE account_id = @id AND state = 'rebuilt'", new { id = account.ToArray() }, transaction), cancellation);

    /// <summary>Gives an account another name; a name that is taken is the failure conflict.</summary>
    public async Task<AccountSummary> RenameAsync(string name, string newName, CancellationToken cancellation)
    {
        var place = FindByName(name) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no account '{name}'.");
        var renamed = await database.WriteAsync((connection, transaction) => connection.Execute(
            "UPDATE accounts SET name = @newName WHERE account_id = @id AND NOT EXISTS (SELECT 1 FROM accounts WHERE name = @newName AND account_id <> @id)",
            new { id = place.Account.ToArray(), newName }, transaction), cancellation);
        return renamed == 1
            ? new AccountSummary(place.Account.ToString(), newName, place.State, 0)
            : throw new HoldfastException(FailureTable.Conflict, $"There is an account '{newName}' already.");
    }

    public int Count => database.Read((connection, transaction) => connection.ExecuteScalar<int>("SELECT count(*) FROM accounts", transaction: transaction));

    public AccountPlace? Find(AccountId account) => Place("WHERE account_id = @key", account.ToArray());

    public AccountPlace? FindByName(string name) => Place("WHERE name = @key", name);

    public Page<AccountSummary> List(Paging paging) => database.Read((connection, transaction) => paging.Cut(
        connection.Query<(byte[] Id, string Name, string State, long CreatedAt)>(
            "SELECT account_id, name, state, created_at FROM accounts WHERE name > @after ORDER BY name LIMIT @rows", new { after = paging.After ?? "", rows = paging.Rows }, transaction)
            .Select(row => new AccountSummary(new AccountId(row.Id).ToString(), row.Name, row.State, row.CreatedAt)).ToList(), row => row.Name));

    public Task AddCodeAsync(AccountId account, byte[] codeHash, CancellationToken cancellation) => database.WriteAsync((connection, transaction) =>
        connection.Execute("INSERT INTO enrolment_codes (code_hash, account_id, expires_at) VALUES (@codeHash, @id, @expires)",
            new { codeHash, id = account.ToArray(), expires = Now + (long)_codeLife.TotalSeconds }, transaction), cancellation);

    /// <summary>Uses a code up; null if it is unknown, expired, or used by another attempt. The same attempt again gets the computer it was given before, if it was.</summary>
    public Task<(AccountPlace Place, uint? Computer)?> UseCodeAsync(byte[] codeHash, byte[] attemptHash, CancellationToken cancellation) => database.WriteAsync((connection, transaction) =>
    {
        var used = connection.QuerySingleOrDefault<CodeRow>(
            """
            UPDATE enrolment_codes SET used_at = @Now, attempt_hash = @attemptHash
            WHERE code_hash = @codeHash AND (used_at IS NULL OR attempt_hash = @attemptHash) AND expires_at > @Now
            RETURNING account_id AS Id, computer
            """, new { codeHash, attemptHash, Now }, transaction);
        return used is null ? ((AccountPlace, uint?)?)null : (ReadPlace(connection.QuerySingle<PlaceRow>(
            "SELECT account_id AS Id, name, home, epoch, state FROM accounts WHERE account_id = @Id", new { used.Id }, transaction)), (uint?)used.Computer);
    }, cancellation);

    /// <summary>Remembers which computer a code made, for its attempt to be repeated; returns the first that was remembered.</summary>
    public Task<uint> KeepComputerAsync(byte[] codeHash, uint computer, CancellationToken cancellation) => database.WriteAsync((connection, transaction) => (uint)connection.QuerySingle<long>(
        "UPDATE enrolment_codes SET computer = coalesce(computer, @computer) WHERE code_hash = @codeHash RETURNING computer", new { codeHash, computer = (long)computer }, transaction), cancellation);

    private AccountPlace? Place(string where, object key) => database.Read((connection, transaction) =>
        connection.QuerySingleOrDefault<PlaceRow>($"SELECT account_id AS Id, name, home, epoch, state FROM accounts {where}", new { key }, transaction) is { } row
            ? ReadPlace(row) : null);

    private static AccountPlace ReadPlace(PlaceRow row) => new(new AccountId(row.Id), row.Name, row.Home, row.Epoch, row.State);

    private sealed record CodeRow(byte[] Id, long? Computer);

    private sealed record PlaceRow(byte[] Id, string Name, string Home, long Epoch, string State);
}
