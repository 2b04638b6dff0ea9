using System.Data;
using Dapper;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Authority.Databases;

/// <summary>A SQLite file for one process, or the same in memory: the twin for simulations, in which everything happens in one order.</summary>
internal sealed class SqliteDatabase : IDatabase
{
    private const string Engine = "Sqlite";
    private const int DiskFull = 13;
    private const int DiskError = 10;
    private const int UniqueViolation = 2067;
    private const int PrimaryKeyViolation = 1555;

    private readonly string _connectionString;
    private readonly DatabaseKind _kind;
    private readonly SemaphoreSlim _writer = new(1);

    /// <summary>What is in memory lives as long as a connection to it.</summary>
    private readonly SqliteConnection? _memory;

    /// <summary>Keeps other processes out of the file; the kernel drops it with this one.</summary>
    private readonly SafeFileHandle? _lock;

    private SqliteDatabase(SqliteConnectionStringBuilder connectionString, DatabaseKind kind, SafeFileHandle? @lock)
    {
        (_connectionString, _kind, _lock) = (connectionString.ToString(), kind, @lock);
        if (@lock is null)
        {
            _memory = Connect();
        }
    }

    /// <summary>Opens or makes the file, and brings it up to date. A second process is the failure already_running.</summary>
    public static Task<SqliteDatabase> OpenAsync(string path, DatabaseKind kind, CancellationToken cancellation) =>
        OpenAsync(new SqliteDatabase(new SqliteConnectionStringBuilder { DataSource = path, Pooling = true, DefaultTimeout = 30 }, kind, Lock(path)), cancellation);

    /// <summary>A database that is gone when it is disposed of.</summary>
    public static Task<SqliteDatabase> OpenMemoryAsync(DatabaseKind kind, CancellationToken cancellation) =>
        OpenAsync(new SqliteDatabase(new SqliteConnectionStringBuilder { DataSource = ":memory:", Pooling = false }, kind, null), cancellation);

    public Task<T> WriteAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation) => RunAsync(action, isWrite: true, isQuestion: false, cancellation);

    public Task<T> ReadAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation) => RunAsync(action, isWrite: false, isQuestion: false, cancellation);

    public Task<T> AskAsync<T>(Func<DatabaseTransaction, Task<T>> question, CancellationToken cancellation) => RunAsync(question, isWrite: false, isQuestion: true, cancellation);

    public IReadOnlyCollection<string> Tables => SchemaUpgrade.TablesOf(Engine, _kind);

    public Task<DatabaseSize> SizeAsync(CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        var tables = new List<TableSize>();
        foreach (var table in Tables)
        {
            tables.Add(new TableSize(table, await transaction.FindAsync<long>($"SELECT count(*) FROM {table}"), null));
        }

        return new DatabaseSize(await transaction.FindAsync<long>("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"), tables);
    }, cancellation);

    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> ColumnsAsync(CancellationToken cancellation) => ReadAsync<IReadOnlyDictionary<string, IReadOnlyList<string>>>(async transaction =>
        (await transaction.QueryAsync<(string Table, string Column)>("SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"))
            .GroupBy(row => row.Table).ToDictionary(table => table.Key, table => (IReadOnlyList<string>)[.. table.Select(row => row.Column)]), cancellation);

    /// <remarks>Writers would wait for it: the schema has it.</remarks>
    public Task MakeIndexAsync(string name, string table, IReadOnlyList<string> columns, CancellationToken cancellation) => Task.CompletedTask;

    public Task DropIndexAsync(string name, Func<Task<bool>> isNeeded, CancellationToken cancellation) => Task.CompletedTask;

    /// <remarks>Deleted rows are written over (secure_delete); what the log still has of them goes with the log.</remarks>
    public async Task ForgetDeletedAsync(IReadOnlyCollection<string> tables, CancellationToken cancellation)
    {
        if (_memory is null)
        {
            await using var connection = Connect();
            if (await connection.ExecuteScalarAsync<long>(new CommandDefinition("PRAGMA wal_checkpoint(TRUNCATE)", cancellationToken: cancellation)) != 0)
            {
                throw new HoldfastException(FailureTable.Conflict, "The database's log could not be emptied while somebody reads: it is tried again.");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_memory is not null)
        {
            await _memory.DisposeAsync();
        }

        await using (var connection = new SqliteConnection(_connectionString))
        {
            SqliteConnection.ClearPool(connection);
        }

        if (_lock is not null)
        {
            // A process that is begun at this moment has the descriptor until it becomes another program: closing alone would leave the lock with it.
            PosixFile.Unlock(_lock);
            _lock.Dispose();
        }

        _writer.Dispose();
    }

    private static SafeFileHandle Lock(string path) => PosixFile.TryLock(path + ".lock")
        ?? throw new HoldfastException(FailureTable.AlreadyRunning, $"Another process uses {path}. SQLite is for one; several nodes need PostgreSQL.");

    private static async Task<SqliteDatabase> OpenAsync(SqliteDatabase database, CancellationToken cancellation)
    {
        try
        {
            await database.UpgradeAsync(cancellation);
            return database;
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes one at a time, as SQLite has it (BEGIN IMMEDIATE); reads beside them, but not in memory, where there is one connection.</summary>
    private async Task<T> RunAsync<T>(Func<DatabaseTransaction, Task<T>> action, bool isWrite, bool isQuestion, CancellationToken cancellation)
    {
        var isAlone = isWrite || _memory is not null;
        if (isAlone)
        {
            await _writer.WaitAsync(cancellation);
        }

        var connection = _memory;
        try
        {
            connection ??= Connect();
            await using var transaction = connection.BeginTransaction(IsolationLevel.Serializable, deferred: !isWrite);
            var result = await action(new DatabaseTransaction(connection, transaction, isQuestion, cancellation));
            await transaction.CommitAsync(CancellationToken.None);
            return result;
        }
        catch (SqliteException exception) when (exception.SqliteExtendedErrorCode is UniqueViolation or PrimaryKeyViolation)
        {
            throw new HoldfastException(FailureTable.Conflict, "Somebody else wrote the same at the same time: look again, and repeat it if it is still needed.", exception);
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode is DiskFull or DiskError)
        {
            throw new HoldfastException(FailureTable.PodUnavailable, "The service's database cannot be written: its disk is full, or fails.", exception);
        }
        finally
        {
            if (connection != _memory)
            {
                await connection!.DisposeAsync();
            }

            if (isAlone)
            {
                _writer.Release();
            }
        }
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;");
        return connection;
    }

    private async Task UpgradeAsync(CancellationToken cancellation)
    {
        var connection = _memory ?? Connect();
        try
        {
            await using var transaction = connection.BeginTransaction(deferred: false);

            // Before there was a table that says it, this number did; programs from then still look at it.
            var first = await connection.ExecuteScalarAsync<int>(new CommandDefinition("PRAGMA user_version", transaction: transaction, cancellationToken: cancellation));
            await SchemaUpgrade.RunAsync(connection, transaction, Engine, _kind, first, cancellation);
            await connection.ExecuteAsync($"PRAGMA user_version = {SchemaUpgrade.NewestOf(Engine, _kind)}", transaction: transaction);
            await transaction.CommitAsync(CancellationToken.None);
        }
        finally
        {
            if (connection != _memory)
            {
                await connection.DisposeAsync();
            }
        }
    }
}
