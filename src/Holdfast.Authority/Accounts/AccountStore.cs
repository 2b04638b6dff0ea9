using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Accounts;

/// <summary>The stores of accounts, by name: the directory says which is whose home. Every write begins with the fence statement, so a write under an old epoch can never commit; every read looks at the fence too.</summary>
/// <param name="homes">The stores.</param>
/// <param name="time">The clock, for waiting while a move is being decided.</param>
/// <param name="findAsync">Where an account lives now, as the directory says: who finds it elsewhere asks again. Null for never.</param>
/// <param name="releaseAsync">Ends what keeps writers waiting for too long.</param>
internal sealed class AccountStore(
    IReadOnlyDictionary<string, IDatabase> homes, TimeProvider time, Func<AccountId, CancellationToken, Task<AccountPlace?>>? findAsync = null, Func<AccountId, CancellationToken, Task>? releaseAsync = null)
{
    /// <summary>Rows of a closed account that are deleted in one transaction: others wait for it.</summary>
    private const int PurgedAtOnce = 2000;

    private static readonly TimeSpan _asksEvery = TimeSpan.FromMilliseconds(5);

    /// <summary>A move that is being decided keeps writers waiting for no longer: then any node ends it.</summary>
    private static readonly TimeSpan _releasesAfter = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan _waitMost = TimeSpan.FromSeconds(15);

    /// <summary>Takes an account in: its fence row.</summary>
    public Task AdmitAsync(AccountPlace place, CancellationToken cancellation) => HomeOf(place).WriteAsync(transaction => transaction.ExecuteAsync(
        """
        INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) VALUES (@id, @epoch, 'open', 1, 1, 1, 1, 0)
        ON CONFLICT DO NOTHING
        """, new { id = place.Account.ToArray(), place.Epoch }), cancellation);

    /// <summary>Runs a write: fence, lock and row version in one statement; no row means that the account has moved, or is about to: where the directory says it is, once it is decided, or else a typed error.</summary>
    public Task<T> WriteAsync<T>(AccountPlace place, Func<AccountTransaction, Task<T>> action, CancellationToken cancellation) => WriteAsync(place, 0, 0, (transaction, _) => action(transaction), cancellation);

    /// <summary>As the other, and gives out numbers of sessions and of objects in the same statement.</summary>
    public async Task<T> WriteAsync<T>(AccountPlace place, int sessions, int objects, Func<AccountTransaction, GivenOut, Task<T>> action, CancellationToken cancellation)
    {
        var (refusedAt, releases, isSettled) = ((long?)null, 0, false);
        while (true)
        {
            try
            {
                return await WriteHereAsync(place, sessions, objects, action, cancellation);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.Fenced && findAsync is not null)
            {
                // This node read the directory before the account moved, or it is moving now.
                var was = place;
                place = await findAsync(place.Account, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, "There is no such account any more.", exception);
                var isDeciding = place.Move is MoveState.Fencing or MoveState.Aborting or MoveState.Decided;
                if ((place.Home, place.Epoch) == (was.Home, was.Epoch) && !isDeciding && isSettled)
                {
                    throw;
                }

                isSettled = !isDeciding;
                refusedAt ??= time.GetTimestamp();
                var waited = time.GetElapsedTime(refusedAt.Value);
                if (waited > _waitMost)
                {
                    throw new HoldfastException(FailureTable.ServiceUnavailable, "The account is being moved to another store, and that does not end.", exception);
                }

                if (isDeciding && waited > _releasesAfter * (releases + 1) && releaseAsync is not null)
                {
                    releases++;
                    await TryReleaseAsync(place.Account, cancellation);
                }
                else if (isDeciding)
                {
                    await Task.Delay(_asksEvery, time, cancellation);
                }
            }
        }
    }

    /// <summary>Whether it could be done or not: the next look says.</summary>
    private async Task TryReleaseAsync(AccountId account, CancellationToken cancellation)
    {
        try
        {
            await releaseAsync!(account, cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable)
        {
            // Somebody else may have more luck.
        }
    }

    private Task<T> WriteHereAsync<T>(AccountPlace place, long sessions, long objects, Func<AccountTransaction, GivenOut, Task<T>> action, CancellationToken cancellation) => HomeOf(place).WriteAsync(async transaction =>
    {
        var given = await transaction.FindAsync<GivenOut>(
            """
            UPDATE fence SET next_version = next_version + 1, next_session = next_session + @sessions, next_number = next_number + @objects WHERE account_id = @id AND epoch = @epoch AND state = 'open'
            RETURNING next_version AS Version, next_session - @sessions AS Session, next_number - @objects AS Number, collection_number AS Collection
            """,
            new { id = place.Account.ToArray(), place.Epoch, sessions, objects });
        return given is not null
            ? await action(new AccountTransaction(transaction, place.Account, given.Version), given)
            : throw new HoldfastException(FailureTable.Fenced, "The account is not open for writing here.");
    }, cancellation);

    /// <summary>Runs a consistent read. While the account moves it goes on: what is not open under this epoch is read where the directory says home is, whether that is fenced or not (rule M10).</summary>
    public Task<T> ReadAsync<T>(AccountPlace place, Func<AccountTransaction, Task<T>> action, CancellationToken cancellation) =>
        ReadAtHomeAsync(place, (home, isHome) => home.ReadAsync(transaction => action(new AccountTransaction(transaction, place.Account, 0, isHome)), cancellation), cancellation);

    /// <summary>As <see cref="ReadAsync"/>, for one question: one round trip.</summary>
    public Task<T> AskAsync<T>(AccountPlace place, Func<AccountTransaction, Task<T>> question, CancellationToken cancellation) =>
        ReadAtHomeAsync(place, (home, isHome) => home.AskAsync(transaction => question(new AccountTransaction(transaction, place.Account, 0, isHome)), cancellation), cancellation);

    private async Task<T> ReadAtHomeAsync<T>(AccountPlace place, Func<IDatabase, Func<long, string?, bool>, Task<T>> readAsync, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        for (var isFresh = findAsync is null; ; isFresh = true)
        {
            var (here, isAsked) = (place, isFresh);
            try
            {
                return await readAsync(HomeOf(here), (epoch, state) => (state == "open" && epoch == here.Epoch) || (isAsked && state is not ("left" or "incoming" or "absent")));
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.Fenced)
            {
                if (isFresh && (findAsync is null || time.GetElapsedTime(began) > _waitMost))
                {
                    throw new HoldfastException(FailureTable.ServiceUnavailable, $"The directory says that the account lives in the store '{place.Home}', which does not have it.", exception);
                }
            }

            if (isFresh)
            {
                await Task.Delay(_asksEvery, time, cancellation);
            }

            place = await findAsync!(place.Account, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, "There is no such account any more.");
        }
    }

    /// <summary>Runs a read of all accounts, on one store after the other; what is said of accounts' rows must be said <see cref="AccountTables.AtHome"/>.</summary>
    public async Task<IReadOnlyList<T>> ReadAllAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation)
    {
        var all = new List<T>();
        foreach (var home in homes.Values)
        {
            all.Add(await home.ReadAsync(action, cancellation));
        }

        return all;
    }

    /// <summary>The same, without stores that are away: nobody else's accounts wait for them.</summary>
    public async Task<IReadOnlyList<T>> TryReadAllAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation)
    {
        var all = new List<T>();
        foreach (var home in homes.Values)
        {
            try
            {
                all.Add(await home.ReadAsync(action, cancellation));
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable)
            {
                // Its own requests say so.
            }
        }

        return all;
    }

    /// <summary>How large each store is.</summary>
    public async Task<IReadOnlyList<(string Home, DatabaseSize Size)>> SizesAsync(CancellationToken cancellation)
    {
        var sizes = new List<(string, DatabaseSize)>();
        foreach (var (name, home) in homes)
        {
            sizes.Add((name, await home.SizeAsync(cancellation)));
        }

        return sizes;
    }

    /// <summary>Fails if some store has accounts.</summary>
    public async Task RefuseUnlessEmptyAsync(CancellationToken cancellation)
    {
        if ((await ReadAllAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM fence"), cancellation)).Sum() is > 0 and var known)
        {
            throw new HoldfastException(FailureTable.Conflict, $"The stores have {known} accounts that the directory does not know of: a rebuild needs empty databases. Nothing was changed.");
        }
    }

    /// <summary>Lets nothing be written to an account any more, in whatever state it is.</summary>
    public Task CloseAsync(AccountPlace place, CancellationToken cancellation) => HomeOf(place).WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE fence SET state = 'closed' WHERE account_id = @id", new { id = place.Account.ToArray() }), cancellation);

    /// <summary>Deletes every row of a closed account, keyrings first, a few at a time, and has them gone from the disk. That it was closed stays.</summary>
    public async Task PurgeAsync(AccountPlace place, CancellationToken cancellation)
    {
        var (home, id, deleted) = (HomeOf(place), place.Account.ToArray(), (string?)null);
        await home.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM keyrings WHERE account_id = @id", new { id }), cancellation);
        do
        {
            var rest = new RowRange(id, deleted, null);
            deleted = await home.WriteAsync(transaction => rest.DeleteAsync(transaction, PurgedAtOnce), cancellation);
        }
        while (deleted is not null);

        await home.ForgetDeletedAsync(["keyrings"], cancellation);
    }

    /// <summary>Forgets all accounts.</summary>
    public async Task ClearAsync(CancellationToken cancellation)
    {
        foreach (var home in homes.Values)
        {
            foreach (var table in home.Tables.Where(table => table != "store_marks"))
            {
                await home.WriteAsync(transaction =>
                {
                    transaction.IsPatient = true;
                    return transaction.ExecuteAsync($"DELETE FROM {table}");
                }, cancellation);
            }
        }
    }

    /// <summary>Bytes of what is stored of one account, or of all.</summary>
    public async Task<long> StoredBytesAsync(AccountPlace? only, CancellationToken cancellation)
    {
        const string Stored = "SELECT CAST(coalesce(sum(length), 0) AS BIGINT) FROM objects WHERE receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')";
        return only is not null
            ? await ReadAsync(only, transaction => transaction.FindAsync<long>($"{Stored} AND account_id = @account"), cancellation)
            : (await ReadAllAsync(transaction =>
            {
                transaction.IsPatient = true;
                return transaction.FindAsync<long>($"{Stored} AND {AccountTables.AtHome}");
            }, cancellation)).Sum();
    }

    /// <summary>Accounts with heads, statements or keyrings that a crash kept from their pod.</summary>
    public async Task<IReadOnlyList<AccountId>> WithUnplacedObjectsAsync(CancellationToken cancellation) => [.. (await ReadAllAsync(transaction => transaction.QueryAsync<byte[]>(
        $"""
        SELECT account_id FROM (SELECT account_id FROM snapshots WHERE on_pod = 0 UNION SELECT account_id FROM log WHERE on_pod = 0
        UNION SELECT account_id FROM keyrings WHERE on_pod = 0) AS unplaced WHERE {AccountTables.AtHome}
        """), cancellation)).SelectMany(rows => rows).Select(id => new AccountId(id)).Distinct()];

    /// <summary>How many computers backed up last how many stretches of time ago (nothing for those that never did).</summary>
    /// <param name="now">Unix seconds.</param>
    /// <param name="stretch">Seconds.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<IReadOnlyList<(long? Stretches, long Computers)>> CountLastBackupsAsync(long now, long stretch, CancellationToken cancellation) => [.. (await ReadAllAsync(transaction =>
    {
        transaction.IsPatient = true;
        return transaction.QueryAsync<(long? Stretches, long Computers)>(
            $"""
            SELECT (@now - last_backup_at) / @stretch, count(*) FROM devices WHERE deleted = 0 AND revoked = 0 AND retired_at IS NULL AND rights <> 'Waiting' AND {AccountTables.AtHome}
            GROUP BY (@now - last_backup_at) / @stretch
            """, new { now, stretch });
    }, cancellation)).SelectMany(rows => rows)];

    /// <summary>Makes sure that each store is the one that the directory calls so: two nodes whose configurations differ would give out the same numbers.</summary>
    public async Task CheckNamesAsync(CancellationToken cancellation)
    {
        foreach (var (name, home) in homes)
        {
            var marked = await home.WriteAsync(async transaction =>
            {
                await transaction.ExecuteAsync("INSERT INTO store_marks (name, value) VALUES ('store', @name) ON CONFLICT (name) DO NOTHING", new { name });
                return await transaction.FindAsync<string>("SELECT value FROM store_marks WHERE name = 'store'");
            }, cancellation);
            if (marked != name)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, $"What the configuration calls the store '{name}' is the store '{marked}': names of stores are not exchanged, and none has two.");
            }
        }
    }

    private IDatabase HomeOf(AccountPlace place) => homes.TryGetValue(place.Home, out var home)
        ? home : throw new HoldfastException(FailureTable.ServiceUnavailable, $"The account lives in the store '{place.Home}', which this node's configuration does not name.");
}
