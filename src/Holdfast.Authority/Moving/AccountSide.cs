using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Moving;

/// <summary>An account store on any engine, as moves see it.</summary>
internal sealed class AccountSide(IDatabase database) : IMoveSide
{
    private const int WipedAtOnce = 2000;

    private static readonly int _newestSchema = SchemaUpgrade.NewestOf(DatabaseKind.Accounts);

    private IReadOnlyDictionary<string, TableShape>? _shapes;

    private const string Columns =
        "state, epoch, next_version AS Version, next_number AS Number, next_computer AS Computer, next_session AS Session, collection_number AS Collection, attempt, mover, position_version AS PositionVersion, position_key AS PositionKey";

    private const string Schema = "(SELECT number FROM holdfast_schema WHERE kind = 'Accounts')";

    /// <remarks>SQLite has one writer for all accounts.</remarks>
    public int RowsMost => database is SqliteDatabase ? WipedAtOnce : int.MaxValue;

    public async Task<bool> PrepareAsync(AccountId account, long epoch, long attempt, string mover, CancellationToken cancellation)
    {
        // A large remainder of an older attempt goes in pieces: nobody waits for it for long.
        var (isPrepared, wiped) = ((bool?)null, (string?)null);
        while (isPrepared is null)
        {
            isPrepared = await WriteAsync(account, MakeAsync, cancellation);
        }

        return isPrepared.Value;

        async Task<bool?> MakeAsync(DatabaseTransaction transaction, byte[] id)
        {
            var here = await MakeAndLockAsync(transaction, id);
            var isOwn = here.State == "incoming" && here.Attempt == attempt;
            if (here.State is "open" or "frozen" or "closed" || here.Epoch > epoch || !(isOwn || here.Attempt < attempt))
            {
                return false;
            }

            if (!isOwn && here.State != "left" && (wiped = await WipeAsync(transaction, id, wiped)) is not null)
            {
                // What is still on its way of the older attempt finds no place from here on.
                await transaction.ExecuteAsync("UPDATE fence SET state = 'absent', mover = NULL WHERE account_id = @id", new { id });
                return null;
            }

            return await transaction.ExecuteAsync(
                """
                UPDATE fence SET state = 'incoming', epoch = @epoch, attempt = @attempt, mover = @mover, position_version = @version, position_key = @key WHERE account_id = @id
                """,
                new { id, epoch, attempt, mover, version = isOwn ? here.PositionVersion : here.State == "left" ? here.Version : 0, key = isOwn ? here.PositionKey : null }) == 1;
        }
    }

    public async Task<MovedRows> ReadRowsAsync(AccountId account, RowPosition after, int most, CancellationToken cancellation)
    {
        // Behind a fence there is mostly nothing new: one question says so.
        if (after is { Version: > 0, Key: null } && await database.AskAsync(transaction => FindAsync(transaction, account.ToArray()), cancellation) is var now && now.Version == after.Version)
        {
            RefuseAnother(now.Schema);
            return new MovedRows([], after, after, now.Version, now.Numbers);
        }

        return await database.ReadAsync(async transaction =>
        {
            transaction.IsPatient = true;
            var here = await FindAsync(transaction, account.ToArray());
            var (tables, position) = await RowReading.ReadAsync(transaction, await ShapesAsync(transaction, here.Schema), account.ToArray(), after, here.Version, most);
            return new MovedRows(tables, after, position, here.Version, here.Numbers);
        }, cancellation);
    }

    public Task<bool> ApplyAsync(AccountId account, long attempt, string mover, MovedRows rows, CancellationToken cancellation) => WriteAsync(account, async (transaction, id) =>
    {
        transaction.IsPatient = true;
        var schema = await transaction.FindAsync<long?>(
            $"""
            UPDATE fence SET position_version = @version, position_key = @key
            WHERE account_id = @id AND state = 'incoming' AND attempt = @attempt AND mover = @mover AND position_version = @afterVersion AND coalesce(position_key, '') = @afterKey
            RETURNING {Schema}
            """, new { id, attempt, mover, rows.Position.Version, rows.Position.Key, afterVersion = rows.After.Version, afterKey = rows.After.Key ?? "" });
        if (schema is null)
        {
            return false;
        }

        // The position goes with the rows. What seals the place, or decides, waits for the disk, and so for these.
        await transaction.DeferDurabilityAsync();
        await ShapesAsync(transaction, schema.Value);
        foreach (var table in rows.Tables)
        {
            await (rows.After.Version == 0 ? transaction.InsertAsync(table) : transaction.InsertNewerAsync(table, AccountTables.KeyOf(table.Shape.Table)));
        }

        return true;
    }, cancellation);

    public Task<RowPosition> PositionAsync(AccountId account, long attempt, string mover, CancellationToken cancellation) => database.ReadAsync(async transaction =>
        await FindAsync(transaction, account.ToArray()) is var here && here.State == "incoming" && here.Attempt == attempt && here.Mover == mover
            ? new RowPosition(here.PositionVersion, here.PositionKey) : RowPosition.Begin, cancellation);

    public Task<string?> FindEndAsync(AccountId account, VersionRange versions, string? after, int most, CancellationToken cancellation) => database.ReadAsync(transaction =>
    {
        transaction.IsPatient = true;
        return new RowRange(account.ToArray(), after, null, versions).FindEndAsync(transaction, most);
    }, cancellation);

    public Task<RowSum?> SumAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation) => database.ReadAsync(async transaction =>
    {
        transaction.IsPatient = true;
        return await RowMarks.SumAsync(transaction, await ShapesAsync(transaction), new RowRange(account.ToArray(), after, until, versions));
    }, cancellation);

    public Task<IReadOnlyList<RowMark>> ReadMarksAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation) => database.ReadAsync(async transaction =>
    {
        transaction.IsPatient = true;
        return await RowMarks.ReadAsync(transaction, await ShapesAsync(transaction), new RowRange(account.ToArray(), after, until, versions));
    }, cancellation);

    public Task<bool> FenceAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(
        account, "SET state = 'frozen', epoch = @epoch + 1 WHERE account_id = @id AND state = 'open' AND epoch = @epoch", new { id = account.ToArray(), epoch }, cancellation);

    /// <remarks>A crash undoes rows together with the position: then what was compared is not there any more.</remarks>
    public Task<bool> SealAsync(AccountId account, long attempt, string mover, MovedRows last, CancellationToken cancellation) => ChangeAsync(
        account,
        $"""
        SET state = 'sealed', next_version = @version, {Larger("next_number", "number")}, {Larger("next_computer", "computer")}, {Larger("next_session", "session")}, {Larger("collection_number", "collection")}
        WHERE account_id = @id AND state = 'incoming' AND attempt = @attempt AND mover = @mover AND position_version = @positionVersion AND coalesce(position_key, '') = @positionKey
        """,
        new
        {
            id = account.ToArray(), attempt, mover, positionVersion = last.Position.Version, positionKey = last.Position.Key ?? "",
            last.Version, last.Numbers.Number, last.Numbers.Computer, last.Numbers.Session, last.Numbers.Collection,
        }, cancellation);

    public async Task<byte[]> DigestAsync(AccountId account, long above, CancellationToken cancellation)
    {
        // Mostly nothing was written since: one question says so.
        var now = await database.AskAsync(transaction => FindAsync(transaction, account.ToArray(), RowMarks.TablesAbove, above), cancellation);
        if (now.Tables.Length == 0)
        {
            RefuseAnother(now.Schema);
            return RowMarks.Digest([], $"{now.Version} {now.Numbers}");
        }

        return await database.ReadAsync(async transaction =>
        {
            var here = await FindAsync(transaction, account.ToArray(), RowMarks.TablesAbove, above);
            var marks = await RowMarks.ReadAboveAsync(transaction, await ShapesAsync(transaction, here.Schema), account.ToArray(), above, RowRange.Split(here.Tables));
            return RowMarks.Digest(marks, $"{here.Version} {here.Numbers}");
        }, cancellation);
    }

    public Task ThawAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(
        account, "SET state = 'open', epoch = @epoch WHERE account_id = @id AND state IN ('open', 'frozen') AND epoch < @epoch", new { id = account.ToArray(), epoch }, cancellation);

    public async Task DiscardAsync(AccountId account, long epoch, long attempt, CancellationToken cancellation)
    {
        var wiped = (string?)null;
        do
        {
            wiped = await WriteAsync(account, DeleteAsync, cancellation);
        }
        while (wiped is not null);

        async Task<string?> DeleteAsync(DatabaseTransaction transaction, byte[] id)
        {
            var here = await MakeAndLockAsync(transaction, id);
            if (here.Attempt > attempt || here.State is "open" or "frozen" or "closed" || (here.Attempt < attempt && here.State == "left" && here.Epoch > epoch))
            {
                return null;
            }

            await transaction.ExecuteAsync("UPDATE fence SET state = 'absent', epoch = @epoch, attempt = @attempt, mover = NULL, next_version = 0, position_version = 0, position_key = NULL WHERE account_id = @id",
                new { id, epoch = Math.Max(here.Epoch, epoch), attempt });
            return await WipeAsync(transaction, id, wiped);
        }
    }

    public Task OpenAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(
        account, "SET state = 'open', epoch = @epoch, mover = NULL, position_key = NULL WHERE account_id = @id AND state = 'sealed' AND epoch = @epoch - 1", new { id = account.ToArray(), epoch }, cancellation);

    public Task LeaveAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(
        account, "SET state = 'left' WHERE account_id = @id AND state = 'frozen' AND epoch = @epoch", new { id = account.ToArray(), epoch }, cancellation);

    public Task<string?> RetireAsync(AccountId account, long epoch, string? after, int most, CancellationToken cancellation) => WriteAsync(account, async (transaction, id) =>
    {
        if (await LockAsync(transaction, id) is not { State: "left" } here || here.Epoch != epoch)
        {
            return null;
        }

        if (await new RowRange(id, after, null).DeleteAsync(transaction, most) is { } deleted)
        {
            return deleted;
        }

        await transaction.ExecuteAsync("UPDATE fence SET state = 'absent', next_version = 0 WHERE account_id = @id", new { id });
        return null;
    }, cancellation);

    /// <summary>After an older copy of the databases was restored: this is home, whatever was under way, and be it empty.</summary>
    public Task AdoptAsync(AccountId account, long epoch, CancellationToken cancellation) => WriteAsync(account, async (transaction, id) =>
    {
        var here = await MakeAndLockAsync(transaction, id);
        return await transaction.ExecuteAsync(
            """
            UPDATE fence SET state = 'open', epoch = @epoch, mover = NULL, position_key = NULL, next_version = @version, next_number = @number, next_computer = @computer, next_session = @session
            WHERE account_id = @id AND state <> 'closed'
            """, new { id, epoch, version = Math.Max(here.Version, 1), number = Math.Max(here.Number, 1), computer = Math.Max(here.Computer, 1), session = Math.Max(here.Session, 1) });
    }, cancellation);

    /// <summary>After an older copy of the databases was restored: another store is home, whatever was under way.</summary>
    public async Task ForgetAsync(AccountId account, long epoch, CancellationToken cancellation)
    {
        await ChangeAsync(account, "SET state = 'absent', epoch = @epoch, mover = NULL, next_version = 0, position_version = 0, position_key = NULL WHERE account_id = @id", new { id = account.ToArray(), epoch }, cancellation);
        var wiped = (string?)null;
        do
        {
            var after = wiped;
            wiped = await WriteAsync(account, (transaction, id) => WipeAsync(transaction, id, after), cancellation);
        }
        while (wiped is not null);
    }

    /// <summary>The tables' columns; fails if the store has another schema than this program knows: somebody upgraded it while accounts move, and what is new there would be left behind.</summary>
    private async Task<IReadOnlyDictionary<string, TableShape>> ShapesAsync(DatabaseTransaction transaction, long? schema = null)
    {
        RefuseAnother(schema ?? await transaction.FindAsync<long>($"SELECT {Schema}"));
        if (_shapes is null)
        {
            var shapes = new Dictionary<string, TableShape>();
            foreach (var table in AccountTables.Names)
            {
                shapes[table] = await transaction.ShapeAsync(table);
            }

            _shapes = shapes;
        }

        return _shapes;
    }

    private static void RefuseAnother(long schema)
    {
        if (schema != _newestSchema)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"A store has schema {schema}, and this program knows {_newestSchema}: moves go on when all nodes are of the same version.");
        }
    }

    /// <summary>Sets a column to a parameter, if that is larger.</summary>
    private static string Larger(string column, string parameter) => $"{column} = CASE WHEN {column} > @{parameter} THEN {column} ELSE @{parameter} END";

    /// <summary>Locks the row, which is made if there was none.</summary>
    private static async Task<Fence> MakeAndLockAsync(DatabaseTransaction transaction, byte[] id)
    {
        await transaction.ExecuteAsync(
            """
            INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) VALUES (@id, 0, 'absent', 0, 0, 0, 0, 0)
            ON CONFLICT DO NOTHING
            """, new { id });
        return (await LockAsync(transaction, id))!;
    }

    /// <summary>Locks the row, whatever it says.</summary>
    private static Task<Fence?> LockAsync(DatabaseTransaction transaction, byte[] id) => transaction.FindAsync<Fence>($"UPDATE fence SET epoch = epoch WHERE account_id = @id RETURNING {Columns}", new { id });

    private static async Task<Fence> FindAsync(DatabaseTransaction transaction, byte[] id, string tables = "''", long above = 0) =>
        await transaction.FindAsync<Fence>($"SELECT {Columns}, {Schema} AS Schema, {tables} AS Tables FROM fence WHERE account_id = @account", new { account = id, above })
        ?? throw new HoldfastException(FailureTable.NotFound, "The store does not know the account.");

    private static Task<string?> WipeAsync(DatabaseTransaction transaction, byte[] id, string? after) => new RowRange(id, after, null).DeleteAsync(transaction, WipedAtOnce);

    private Task<bool> ChangeAsync(AccountId account, string change, object parameters, CancellationToken cancellation) =>
        WriteAsync(account, async (transaction, _) => await transaction.ExecuteLastAsync($"UPDATE fence {change}", parameters) == 1, cancellation);

    private Task<T> WriteAsync<T>(AccountId account, Func<DatabaseTransaction, byte[], Task<T>> action, CancellationToken cancellation) =>
        database.WriteAsync(transaction => action(transaction, account.ToArray()), cancellation);

    private sealed record Fence
    {
        public string State { get; init; } = "";

        public long Epoch { get; init; }

        public long Version { get; init; }

        public long Number { get; init; }

        public long Computer { get; init; }

        public long Session { get; init; }

        public long Collection { get; init; }

        public long Attempt { get; init; }

        public string? Mover { get; init; }

        public long PositionVersion { get; init; }

        public string? PositionKey { get; init; }

        /// <summary>Of the store; only where it was asked for.</summary>
        public long Schema { get; init; }

        /// <summary>Tables that have what was asked for.</summary>
        public string Tables { get; init; } = "";

        public GivenNumbers Numbers => new(Number, Computer, Session, Collection);
    }
}
