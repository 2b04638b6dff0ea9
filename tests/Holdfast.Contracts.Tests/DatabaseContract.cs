using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Contracts.Tests;

/// <summary>What every engine behind the store seam does alike; the two account stores are different databases of one engine.</summary>
public abstract partial class DatabaseContract : IAsyncLifetime
{
    private readonly List<IDatabase> _opened = [];

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected AccountStore Store { get; private set; } = null!;

    private protected IReadOnlyDictionary<string, IDatabase> Homes { get; private set; } = null!;

    private protected AccountDirectory Directory { get; private set; } = null!;

    private protected IDatabase DirectoryDatabase { get; private set; } = null!;

    private protected abstract Task<IDatabase> OpenAsync(DatabaseKind kind);

    public virtual async ValueTask InitializeAsync()
    {
        DirectoryDatabase = await NewAsync(DatabaseKind.Directory);
        Directory = new AccountDirectory(DirectoryDatabase, "one", TimeProvider.System);
        Homes = new Dictionary<string, IDatabase> { ["one"] = await NewAsync(DatabaseKind.Accounts), ["two"] = await NewAsync(DatabaseKind.Accounts) };
        Store = new AccountStore(Homes, TimeProvider.System);
    }

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var database in _opened)
        {
            await database.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_write_that_throws_changes_nothing()
    {
        var place = await AdmitAsync("a");
        await Assert.ThrowsAsync<HoldfastException>(() => Store.WriteAsync<int>(place, async transaction =>
        {
            await InsertDeviceAsync(transaction, 1, "lost");
            throw new HoldfastException(FailureTable.Conflict, "on purpose");
        }, Cancellation));
        Assert.Empty(await NamesAsync(place));
        await Store.WriteAsync(place, transaction => InsertDeviceAsync(transaction, 1, "kept"), Cancellation);
        Assert.Equal(["kept"], await NamesAsync(place));
    }

    [Fact]
    public async Task A_writes_last_statements_are_committed_with_what_was_before_them_or_nothing_is()
    {
        var place = await AdmitAsync("a");
        (string, object) rename = ("UPDATE devices SET name = @name WHERE account_id = @account AND computer = 1", new { name = "last" });
        (string, object) fail = ("INSERT INTO devices (account_id, computer) SELECT account_id, computer FROM devices WHERE account_id = @account", new { });
        await Assert.ThrowsAnyAsync<Exception>(() => Store.WriteAsync(place, async transaction =>
        {
            await InsertDeviceAsync(transaction, 1, "lost");
            return await transaction.ExecuteLastAsync([rename, fail]);
        }, Cancellation));
        Assert.Empty(await NamesAsync(place));
        Assert.Equal(1, await Store.WriteAsync(place, async transaction =>
        {
            await InsertDeviceAsync(transaction, 1, "kept");
            return await transaction.ExecuteLastAsync([rename]);
        }, Cancellation));
        Assert.Equal(["last"], await NamesAsync(place));

        // Numbers that a write asked for and did not keep are given to the next one.
        await Assert.ThrowsAsync<HoldfastException>(() => Store.WriteAsync<int>(place, 1, 3, (_, _) => throw new HoldfastException(FailureTable.Conflict, "on purpose"), Cancellation));
        Assert.Equal((1L, 1L), await Store.WriteAsync(place, 1, 3, (_, given) => Task.FromResult((given.Session, given.Number)), Cancellation));
        Assert.Equal((2L, 4L), await Store.WriteAsync(place, 1, 3, (_, given) => Task.FromResult((given.Session, given.Number)), Cancellation));
    }

    [Fact]
    public async Task Rows_are_read_one_by_one_as_numbers_texts_bytes_and_nothing()
    {
        var place = await AdmitAsync("a");
        await Store.WriteAsync(place, transaction => InsertDeviceAsync(transaction, 1, "größe"), Cancellation);
        var devices = new Dictionary<string, object?>();
        await Store.ReadAllAsync(async transaction =>
        {
            await transaction.ReadRowsAsync("SELECT * FROM devices", (columns, row) =>
            {
                columns.Zip(row).ToList().ForEach(cell => devices[cell.First] = cell.Second);
                return ValueTask.CompletedTask;
            });
            return 0;
        }, Cancellation);
        Assert.Equal((1L, "größe", null, 0L), ((long)devices["computer"]!, (string)devices["name"]!, devices["last_backup_at"], (long)devices["deleted"]!));
        Assert.Equal(place.Account.ToArray(), (byte[])devices["account_id"]!);
    }

    [Fact]
    public async Task Versions_rise_by_one_with_each_write_of_an_account_in_the_order_of_commits()
    {
        var place = await AdmitAsync("a");
        var other = await AdmitAsync("b");
        await Task.WhenAll(Enumerable.Range(1, 40).Select(number => Task.Run(() => Store.WriteAsync(number % 4 == 0 ? other : place, async transaction =>
        {
            await InsertDeviceAsync(transaction, (uint)number, "x");
            await Task.Yield();
            return await transaction.ExecuteAsync("UPDATE devices SET created_at = (SELECT count(*) FROM devices d WHERE d.account_id = @account) WHERE account_id = @account AND computer = @number", new { number });
        }, Cancellation))));

        // The n-th row to be committed has the n-th version: nobody saw a row of a later one.
        var rows = await Store.ReadAsync(place, transaction => transaction.QueryAsync<(long Version, long Order)>("SELECT version, created_at FROM devices WHERE account_id = @account ORDER BY version"), Cancellation);
        Assert.Equal(Enumerable.Range(1, 30).Select(n => (long)n), rows.Select(row => row.Order));
        Assert.Equal(rows.Select(row => row.Order), rows.Select(row => row.Version - rows[0].Version + 1));
    }

    [Fact]
    public async Task A_write_whose_account_has_moved_is_done_where_it_lives_now()
    {
        var place = await AdmitAsync("a");
        var moved = place with { Home = "two", Epoch = place.Epoch + 1 };
        await Store.WriteAsync(place, transaction => transaction.ExecuteAsync("UPDATE fence SET state = 'left' WHERE account_id = @account"), Cancellation);
        await Store.AdmitAsync(moved, Cancellation);
        var known = place;
        var store = new AccountStore(Homes, TimeProvider.System, (_, _) => Task.FromResult<AccountPlace?>(known));
        Assert.Equal(FailureTable.Fenced, (await Assert.ThrowsAsync<HoldfastException>(() => store.WriteAsync(place, transaction => InsertDeviceAsync(transaction, 1, "early"), Cancellation))).Kind);
        known = moved;
        await store.WriteAsync(place, transaction => InsertDeviceAsync(transaction, 1, "moved"), Cancellation);
        Assert.Equal(["moved"], await NamesAsync(moved));

        // What was left is no home to read from either: who asks again finds the other.
        Assert.Equal(FailureTable.ServiceUnavailable, (await Assert.ThrowsAsync<HoldfastException>(() => NamesAsync(place))).Kind);
        Assert.Equal("moved", await store.ReadAsync(place, transaction => transaction.FindAsync<string>("SELECT name FROM devices WHERE account_id = @account"), Cancellation));
    }

    [Fact]
    public async Task A_write_under_another_epoch_or_of_a_frozen_account_is_fenced()
    {
        var place = await AdmitAsync("a");
        var stale = await Assert.ThrowsAsync<HoldfastException>(() => Store.WriteAsync(place with { Epoch = 0 }, transaction => InsertDeviceAsync(transaction, 1, "stale"), Cancellation));
        Assert.Equal(FailureTable.Fenced, stale.Kind);
        await Store.WriteAsync(place, transaction => transaction.ExecuteAsync("UPDATE fence SET state = 'frozen', epoch = epoch + 1 WHERE account_id = @account"), Cancellation);
        foreach (var epoch in new[] { place.Epoch, place.Epoch + 1 })
        {
            Assert.Equal(FailureTable.Fenced, (await Assert.ThrowsAsync<HoldfastException>(() => Store.WriteAsync(place with { Epoch = epoch }, transaction => InsertDeviceAsync(transaction, 1, "late"), Cancellation))).Kind);
        }

        Assert.Empty(await NamesAsync(place));
    }

    [Fact]
    public async Task A_write_that_waits_while_its_account_is_fenced_does_not_commit()
    {
        var place = await AdmitAsync("a");
        var (isIn, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        var mover = Task.Run(() => Store.WriteAsync(place, async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE fence SET epoch = epoch + 1 WHERE account_id = @account");
            isIn.SetResult();
            await goOn.Task;
            return 0;
        }, Cancellation));
        await isIn.Task;
        var late = Task.Run(() => Store.WriteAsync(place, transaction => InsertDeviceAsync(transaction, 1, "late"), Cancellation));
        await Task.Delay(200, Cancellation);
        Assert.False(late.IsCompleted);
        goOn.SetResult();
        await mover;
        Assert.Equal(FailureTable.Fenced, (await Assert.ThrowsAsync<HoldfastException>(() => late)).Kind);
        Assert.Empty(await NamesAsync(place));
    }

    [Fact]
    public async Task Accounts_of_two_stores_are_each_at_home_in_one()
    {
        var (one, two) = (await AdmitAsync("a"), await AdmitAsync("b") with { Home = "two" });
        await Store.AdmitAsync(two, Cancellation);
        await Store.WriteAsync(one, transaction => InsertDeviceAsync(transaction, 1, "of a"), Cancellation);
        await Store.WriteAsync(two, transaction => InsertDeviceAsync(transaction, 1, "of b"), Cancellation);
        Assert.Equal(["of a"], await NamesAsync(one));
        Assert.Equal(["of b"], await NamesAsync(two));
        Assert.Empty(await NamesAsync(two with { Home = "one" }));
        Assert.Equal(2, (await Store.ReadAllAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM devices"), Cancellation)).Sum());
        var unknown = await Assert.ThrowsAsync<HoldfastException>(() => NamesAsync(one with { Home = "three" }));
        Assert.Contains("'three'", unknown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_are_compared_byte_by_byte_and_listed_in_that_order()
    {
        foreach (var name in new[] { "b", "a", "B", "ä", "a b", "Z" })
        {
            Assert.True(await AddAsync(name));
        }

        Assert.Equal(["B", "Z", "a", "a b", "b", "ä"], (await Directory.ListAsync(null, Authority.Callers.Paging.Of(null, null), Cancellation)).Items.Select(account => account.Name));
        Assert.False(await AddAsync("b"));
        Assert.Equal(FailureTable.Conflict, (await Assert.ThrowsAsync<HoldfastException>(() => Directory.RenameAsync("a", "b", Cancellation))).Kind);
        Assert.Equal("c", (await Directory.RenameAsync("a", "c", Cancellation)).Name);
    }

    [Fact]
    public async Task One_of_many_takes_a_name_or_a_code()
    {
        var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => AddAsync("same"))));
        Assert.Single(made, isMade => isMade);
        var place = (await Directory.FindByNameAsync("same", Cancellation))!;
        await Directory.AddCodeAsync(place.Account, [1, 2, 3], Cancellation);
        var used = await Task.WhenAll(Enumerable.Range(0, 8).Select(attempt => Task.Run(() => Directory.UseCodeAsync([1, 2, 3], [(byte)attempt], Cancellation))));
        Assert.Single(used, code => code is not null);
    }

    [Fact]
    public async Task Every_row_of_an_account_can_move_with_it()
    {
        // Whose it is, what wrote it, and that it was deleted. The fence is what numbers; marks are the store's own.
        foreach (var table in Homes["one"].Tables.Except(["fence", "store_marks"]))
        {
            Assert.Empty(await Homes["one"].ReadAsync(transaction => transaction.QueryAsync<(byte[], long, long)>($"SELECT account_id, version, deleted FROM {table}"), Cancellation));
        }
    }

    [Fact]
    public async Task Values_come_back_as_they_went_in()
    {
        var place = await AdmitAsync("a");
        var name = "ü\u0001\U0001F600'\"\\";
        await Store.WriteAsync(place, transaction => transaction.ExecuteAsync(
            "INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, request, created_at, version) VALUES (@account, @computer, @name, @hash, 'Add', 0, @request, @at, @version)",
            new { computer = uint.MaxValue, name, hash = new byte[] { 0, 255, 39 }, request = (byte[]?)null, at = long.MaxValue }), Cancellation);
        var row = (await Store.ReadAsync(place, transaction => transaction.QueryAsync<(long Computer, string Name, byte[] Hash, byte[]? Request, long At)>(
            "SELECT computer, name, token_hash, request, created_at FROM devices WHERE account_id = @account"), Cancellation))[0];
        Assert.Equal((uint.MaxValue, name, long.MaxValue, null), (row.Computer, row.Name, row.At, row.Request));
        Assert.Equal([0, 255, 39], row.Hash);
    }

    [Fact]
    public async Task Many_rows_in_one_go_are_as_many_as_one_by_one()
    {
        var place = await AdmitAsync("a");
        var inserted = await Store.WriteAsync(place, transaction => transaction.ExecuteEachAsync(
            "INSERT INTO collected (account_id, collection_number, pack, frame, version) VALUES (@account, 1, @pack, @frame, @version)",
            Enumerable.Range(0, 1000).Select(i => new { pack = (uint)i, frame = (ulong)(i * 2) })), Cancellation);
        Assert.Equal(1000, inserted);
        Assert.Equal((1000, 999 * 1000), await Store.ReadAsync(place, transaction => transaction.FindAsync<(long, long)>("SELECT count(*), CAST(sum(frame) AS BIGINT) FROM collected WHERE account_id = @account"), Cancellation));
        Assert.Equal(0, await Store.WriteAsync(place, transaction => transaction.ExecuteEachAsync("DELETE FROM collected WHERE pack = @pack", []), Cancellation));
    }

    private protected async Task<IDatabase> NewAsync(DatabaseKind kind)
    {
        var database = await OpenAsync(kind);
        _opened.Add(database);
        return database;
    }

    private protected async Task<AccountPlace> AdmitAsync(string name)
    {
        await AddAsync(name);
        var place = (await Directory.FindByNameAsync(name, Cancellation))!;
        await Store.AdmitAsync(place, Cancellation);
        return place;
    }

    /// <summary>False if there was one of that name.</summary>
    private async Task<bool> AddAsync(string name) =>
        (await Directory.AddAsync([((await Directory.PlacesForAsync([(name, null)], Cancellation))[0], Guid.NewGuid().ToByteArray())], Cancellation))[0].IsNew;

    private static async Task<bool> SucceedsAsync(Func<Task> work)
    {
        try
        {
            await work();
            return true;
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.Conflict)
        {
            return false;
        }
    }

    private static Task<int> InsertDeviceAsync(AccountTransaction transaction, uint computer, string name) => transaction.ExecuteAsync(
        "INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, version) VALUES (@account, @computer, @name, @hash, 'Add', 0, 0, @version)",
        new { computer, name, hash = new byte[32] });

    private protected Task<IReadOnlyList<string>> NamesAsync(AccountPlace place) => Store.ReadAsync(place, transaction =>
        transaction.QueryAsync<string>("SELECT name FROM devices WHERE account_id = @account ORDER BY computer"), Cancellation);
}
