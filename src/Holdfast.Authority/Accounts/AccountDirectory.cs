using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Accounts;

/// <summary>An account's place: the store that is its home, and the epoch its writes must name.</summary>
internal sealed record AccountPlace(AccountId Account, string Name, string Home, long Epoch, string State, bool IsSuspended = false, string? Organisation = null, long? ClosesAt = null, bool IsReconciling = false, MoveState Move = MoveState.None, bool IsOverdue = false);

/// <summary>The directory: operators, accounts and where they live, and enrolment codes. It alone says who is home.</summary>
internal sealed class AccountDirectory(IDatabase database, string homeOfNewAccounts, TimeProvider time)
{
    private const string PlaceColumns = "account_id AS Id, name, home, epoch, state, suspended_at AS SuspendedAt, organisation_id AS Organisation, closes_at AS ClosesAt, reconciling, move_state AS Move, overdue_at AS OverdueAt";

    private const int ReconciledAtOnce = 200;

    private static readonly TimeSpan _codeLife = TimeSpan.FromDays(7);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public async Task AddOperatorAsync(string name, byte[] tokenHash, string role, CancellationToken cancellation)
    {
        var added = await database.WriteAsync(transaction => transaction.ExecuteAsync(
            "INSERT INTO operators (name, token_hash, role, created_at) VALUES (@name, @tokenHash, @role, @now) ON CONFLICT (name) DO NOTHING", new { name, tokenHash, role, Now }), cancellation);
        if (added == 0)
        {
            throw new HoldfastException(FailureTable.Conflict, $"There is an operator '{name}' already.");
        }
    }

    /// <summary>Operators' tokens by name, without the tokens.</summary>
    public Task<Page<OperatorSummary>> OperatorsAsync(Paging paging, CancellationToken cancellation) => database.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<(string Name, string Role, long CreatedAt)>("SELECT name, role, created_at FROM operators WHERE name > @after ORDER BY name LIMIT @rows", new { after = paging.After ?? "", rows = paging.Rows }))
            .Select(row => new OperatorSummary(row.Name, row.Role, row.CreatedAt))], row => row.Name), cancellation);

    /// <summary>Revokes an operator's token; one that is not there is the failure not_found.</summary>
    public async Task RemoveOperatorAsync(string name, CancellationToken cancellation)
    {
        if (await database.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM operators WHERE name = @name", new { name }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no operator '{name}'.");
        }
    }

    /// <summary>Whose token it is, and their role; null if it is nobody's.</summary>
    public Task<(string Name, string Role)?> FindOperatorAsync(byte[] tokenHash, CancellationToken cancellation) => database.ReadAsync<(string, string)?>(async transaction =>
        await transaction.FindAsync<(string? Name, string Role)>("SELECT name, role FROM operators WHERE token_hash = @tokenHash", new { tokenHash }) is ({ } name, var role) ? (name, role) : null, cancellation);

    /// <summary>Where accounts of these names are, or would be: one that is not there has a new id, for <see cref="AddAsync"/>.</summary>
    public Task<IReadOnlyList<AccountPlace>> PlacesForAsync(IReadOnlyList<(string Name, string? Organisation)> wanted, CancellationToken cancellation) => database.ReadAsync<IReadOnlyList<AccountPlace>>(async transaction =>
    {
        var places = new Dictionary<string, AccountPlace>();
        foreach (var (name, organisation) in wanted.Where(account => !places.ContainsKey(account.Name)))
        {
            places[name] = await FindByNameAsync(transaction, name) is { } found ? ReadPlace(found)
                : new AccountPlace(new AccountId(RandomNumberGenerator.GetBytes(AccountId.Length)), name, homeOfNewAccounts, 1, AccountState.Open, Organisation: organisation);
        }

        return [.. wanted.Select(account => places[account.Name])];
    }, cancellation);

    /// <summary>Makes accounts with a code for each, all in one transaction; those that there are stay as they are, and get none. Their stores have admitted them before: nothing is left to do.</summary>
    public Task<IReadOnlyList<(AccountPlace Place, bool IsNew)>> AddAsync(IEnumerable<(AccountPlace Place, byte[] CodeHash)> wanted, CancellationToken cancellation) =>
        database.WriteAsync<IReadOnlyList<(AccountPlace, bool)>>(async transaction =>
        {
            var made = new List<(AccountPlace, bool)>();
            foreach (var (place, codeHash) in wanted)
            {
                var id = place.Account.ToArray();
                var isNew = await transaction.ExecuteAsync(
                    """
                    INSERT INTO accounts (account_id, name, home, epoch, state, organisation_id, created_at) VALUES (@id, @name, @home, @epoch, @state, @organisation, @now)
                    ON CONFLICT DO NOTHING
                    """, new { id, place.Name, place.Home, place.Epoch, place.State, place.Organisation, Now }) == 1;
                if (isNew)
                {
                    await AddCodeAsync(transaction, id, codeHash);
                }

                made.Add((ReadPlace((await FindByNameAsync(transaction, place.Name))!), isNew));
            }

            return made;
        }, cancellation);

    /// <summary>An account that was found on a pod. Its name is not there: its id stands in until the operator names it again.</summary>
    public async Task<AccountPlace> AddRebuiltAsync(AccountId account, string state, bool isReconciling, CancellationToken cancellation)
    {
        var place = new AccountPlace(account, account.ToString(), homeOfNewAccounts, 1, state, IsReconciling: isReconciling);
        await database.WriteAsync(transaction => transaction.ExecuteAsync(
            "INSERT INTO accounts (account_id, name, home, epoch, state, created_at, reconciling) VALUES (@id, @name, @home, @epoch, @state, @now, @reconciling)",
            new { id = account.ToArray(), place.Name, place.Home, place.Epoch, place.State, Now, reconciling = isReconciling ? 1 : 0 }), cancellation);
        return place;
    }

    /// <summary>Every account is to be compared with the pod before it backs up again, but those whose deletion had begun; how many there are.</summary>
    public Task<long> BeginReconcilingAsync(CancellationToken cancellation) => database.WriteAsync(async transaction => (long)await transaction.ExecuteAsync("UPDATE accounts SET reconciling = 1 WHERE state <> '" + AccountState.Purging + "'"), cancellation);

    /// <summary>Says whether statements of an account's log are missing: then nobody is let in anew, and nothing is added to it.</summary>
    public Task SetLogDamagedAsync(AccountId account, bool isDamaged, CancellationToken cancellation) => database.WriteAsync(transaction => transaction.ExecuteAsync(
        $"UPDATE accounts SET state = '{AccountState.LogDamaged}' WHERE account_id = @id AND @isDamaged = 1 AND state IN ('{AccountState.Open}', '{AccountState.Rebuilt}')", new { id = account.ToArray(), isDamaged = isDamaged ? 1 : 0 }), cancellation);

    /// <summary>An account is as the pod has it.</summary>
    public Task EndReconcilingAsync(AccountId account, CancellationToken cancellation) => database.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE accounts SET reconciling = 0 WHERE account_id = @id", new { id = account.ToArray() }), cancellation);

    /// <summary>Some accounts behind one that are to be compared with the pod.</summary>
    public Task<List<AccountPlace>> ReconcilingAsync(AccountId? after, CancellationToken cancellation) => database.AskAsync(async transaction =>
        (await transaction.QueryAsync<PlaceRow>($"SELECT {PlaceColumns} FROM accounts WHERE reconciling = 1 AND account_id > @after ORDER BY account_id LIMIT {ReconciledAtOnce}", new { after = after?.ToArray() ?? [] })).Select(ReadPlace).ToList(), cancellation);

    public Task<long> CountReconcilingAsync(CancellationToken cancellation) => database.AskAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM accounts WHERE reconciling = 1"), cancellation);

    /// <summary>A person has confirmed the account.</summary>
    public Task OpenAsync(AccountId account, CancellationToken cancellation) => database.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE accounts SET state = 'open' WHERE account_id = @id AND state = 'rebuilt'", new { id = account.ToArray() }), cancellation);

    /// <summary>Suspends an account, or lets it go on; one that is not there is the failure not_found.</summary>
    public async Task<AccountSummary> SuspendAsync(string name, bool isSuspended, CancellationToken cancellation)
    {
        var place = await PlaceOfAsync(name, cancellation);
        await database.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE accounts SET suspended_at = @at WHERE account_id = @id",
            new { id = place.Account.ToArray(), at = isSuspended ? Now : (long?)null }), cancellation);
        return Summary(place with { IsSuspended = isSuspended });
    }

    /// <summary>Gives an account to an organisation, or to none; one that is not there is the failure not_found.</summary>
    public async Task<AccountSummary> AssignAsync(string name, string? organisation, CancellationToken cancellation)
    {
        var place = await PlaceOfAsync(name, cancellation);
        await database.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE accounts SET organisation_id = @organisation WHERE account_id = @id", new { id = place.Account.ToArray(), organisation }), cancellation);
        return Summary(place);
    }

    /// <summary>Gives an account another name; a name that is taken is the failure conflict.</summary>
    public async Task<AccountSummary> RenameAsync(string name, string newName, CancellationToken cancellation)
    {
        var place = await PlaceOfAsync(name, cancellation);
        var renamed = await database.WriteAsync(transaction => transaction.ExecuteAsync(
            "UPDATE accounts SET name = @newName WHERE account_id = @id AND NOT EXISTS (SELECT 1 FROM accounts WHERE name = @newName AND account_id <> @id)",
            new { id = place.Account.ToArray(), newName }), cancellation);
        return renamed == 1
            ? Summary(place with { Name = newName })
            : throw new HoldfastException(FailureTable.Conflict, $"There is an account '{newName}' already.");
    }

    /// <summary>Something that holds for the whole service; null if it does not.</summary>
    public Task<string?> MarkAsync(string name, CancellationToken cancellation) => database.AskAsync(transaction =>
        transaction.FindAsync<string>("SELECT value FROM directory_marks WHERE name = @name", new { name }), cancellation);

    /// <summary>Sets or takes away such a mark.</summary>
    public Task SetMarkAsync(string name, string? value, CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        await transaction.ExecuteAsync("DELETE FROM directory_marks WHERE name = @name", new { name });
        return value is null ? 0 : await transaction.ExecuteAsync("INSERT INTO directory_marks (name, value) VALUES (@name, @value)", new { name, value });
    }, cancellation);

    /// <summary>Forgets all accounts and codes: they are made anew.</summary>
    public Task ClearAsync(CancellationToken cancellation) => database.WriteAsync(async transaction =>
        await transaction.ExecuteAsync("DELETE FROM accounts") + await transaction.ExecuteAsync("DELETE FROM enrolment_codes") + await transaction.ExecuteAsync("DELETE FROM closures"), cancellation);

    public Task<long> CountAsync(CancellationToken cancellation) => database.AskAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM accounts"), cancellation);

    public Task<AccountPlace?> FindAsync(AccountId account, CancellationToken cancellation) => PlaceAsync("WHERE account_id = @key", account.ToArray(), cancellation);

    public Task<AccountPlace?> FindByNameAsync(string name, CancellationToken cancellation) => PlaceAsync("WHERE name = @key", name, cancellation);

    /// <summary>The account of that name; the failure not_found if there is none.</summary>
    public async Task<AccountPlace> PlaceOfAsync(string name, CancellationToken cancellation) =>
        await FindByNameAsync(name, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no account '{name}'.");

    /// <summary>All accounts, by name, behind one if it is given.</summary>
    public async IAsyncEnumerable<AccountSummary> AllAsync([EnumeratorCancellation] CancellationToken cancellation, string? behind = null)
    {
        for (Page<AccountSummary>? page = null; page is null || page.Next is not null;)
        {
            page = await ListAsync(null, Paging.Behind(behind), cancellation);
            foreach (var account in page.Items)
            {
                yield return account;
                behind = account.Name;
            }
        }
    }

    /// <summary>Accounts by name; only those of some organisations, if <paramref name="only"/> says which.</summary>
    public Task<Page<AccountSummary>> ListAsync(IReadOnlyCollection<string>? only, Paging paging, CancellationToken cancellation) => database.AskAsync(async transaction => paging.Cut(
        (await transaction.QueryAsync<(byte[] Id, string Name, string State, long CreatedAt, long? ClosesAt)>(
            $"SELECT account_id, name, CASE WHEN closes_at IS NOT NULL THEN 'closing' WHEN suspended_at IS NULL THEN state ELSE 'suspended' END, created_at, closes_at FROM accounts WHERE name > @after {SqlParameters.Among("organisation_id", only)} ORDER BY name LIMIT @rows", new { after = paging.After ?? "", rows = paging.Rows }))
            .Select(row => new AccountSummary(new AccountId(row.Id).ToString(), row.Name, row.State, row.CreatedAt, row.ClosesAt)).ToList(), row => row.Name), cancellation);

    public Task AddCodeAsync(AccountId account, byte[] codeHash, CancellationToken cancellation) => database.WriteAsync(transaction => AddCodeAsync(transaction, account.ToArray(), codeHash), cancellation);

    /// <summary>Uses a code up; null if it is unknown, expired, or used by another attempt. The same attempt again gets the computer it was given before, if it was.</summary>
    public Task<(AccountPlace Place, uint? Computer)?> UseCodeAsync(byte[] codeHash, byte[] attemptHash, CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        var used = await transaction.FindAsync<CodeRow>(
            """
            UPDATE enrolment_codes SET used_at = @now, attempt_hash = @attemptHash
            WHERE code_hash = @codeHash AND (used_at IS NULL OR attempt_hash = @attemptHash) AND expires_at > @now
            RETURNING account_id AS Id, computer
            """, new { codeHash, attemptHash, Now });
        return used is not null && await transaction.FindAsync<PlaceRow>("SELECT " + PlaceColumns + " FROM accounts WHERE account_id = @id", new { used.Id }) is { } place
            ? (ReadPlace(place), (uint?)used.Computer) : ((AccountPlace, uint?)?)null;
    }, cancellation);

    /// <summary>Remembers which computer a code made, for its attempt to be repeated; returns the first that was remembered.</summary>
    public Task<uint> KeepComputerAsync(byte[] codeHash, uint computer, CancellationToken cancellation) => database.WriteAsync(async transaction => (uint)await transaction.FindAsync<long>(
        "UPDATE enrolment_codes SET computer = coalesce(computer, @computer) WHERE code_hash = @codeHash RETURNING computer", new { codeHash, computer }), cancellation);

    private Task<int> AddCodeAsync(DatabaseTransaction transaction, byte[] id, byte[] codeHash) => transaction.ExecuteAsync(
        "INSERT INTO enrolment_codes (code_hash, account_id, expires_at) VALUES (@codeHash, @id, @expires)", new { codeHash, id, expires = Now + (long)_codeLife.TotalSeconds });

    public static AccountSummary Summary(AccountPlace place) => new(
        place.Account.ToString(), place.Name, place.ClosesAt is not null ? AccountState.Closing : place.IsSuspended ? AccountState.Suspended : place.State, 0, place.ClosesAt);

    private static Task<PlaceRow?> FindByNameAsync(DatabaseTransaction transaction, string name) => transaction.FindAsync<PlaceRow>($"SELECT {PlaceColumns} FROM accounts WHERE name = @name", new { name });

    private Task<AccountPlace?> PlaceAsync(string where, object key, CancellationToken cancellation) => database.AskAsync(async transaction =>
        await transaction.FindAsync<PlaceRow>($"SELECT {PlaceColumns} FROM accounts {where}", new { key }) is { } row ? ReadPlace(row) : null, cancellation);

    private static AccountPlace ReadPlace(PlaceRow row) => new(new AccountId(row.Id), row.Name, row.Home, row.Epoch, row.State, row.SuspendedAt is not null, row.Organisation, row.ClosesAt, row.Reconciling == 1, Enum.Parse<MoveState>(row.Move, ignoreCase: true), row.OverdueAt is not null);

    private sealed record CodeRow(byte[] Id, long? Computer);

    private sealed record PlaceRow(byte[] Id, string Name, string Home, long Epoch, string State, long? SuspendedAt, string? Organisation, long? ClosesAt, long Reconciling, string Move, long? OverdueAt);
}
