using System.Data;
using Dapper;
using Holdfast.Admission;
using Holdfast.Protocol.Failures;
using Npgsql;

namespace Holdfast.Authority.Databases;

/// <summary>A PostgreSQL database (15 or newer), for any number of nodes.</summary>
/// <remarks>
/// Writes are READ COMMITTED: an UPDATE that waited for a row looks at its condition again, which is what the fence needs. Reads are REPEATABLE READ: one moment for all
/// statements.
/// </remarks>
internal sealed class PostgresDatabase : IDatabase
{
    private const string Engine = "Postgres";
    private const int ConnectionsMax = 20;
    private const int WaitingMax = 16_384;

    /// <summary>What one processor can keep busy with backups: with more under way each takes longer, and restores' statements behind them.</summary>
    private static readonly int BackupConnections = 4 * Environment.ProcessorCount;

    private const int StatementsPrepared = 100;
    private const int ReadAttempts = 3;
    private const int BufferSize = 64 * 1024;

    /// <summary>Of a node whose machine is gone the server would otherwise hear nothing for hours, and keep its lock.</summary>
    private const string NoticesWhoVanished = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3";

    private static readonly TimeSpan _asksForItsTurnEvery = TimeSpan.FromMilliseconds(100);

    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlDataSource _unpooled;
    private readonly WorkTurns<string> _turns;

    private PostgresDatabase(NpgsqlConnectionStringBuilder builder, DatabaseKind kind)
    {
        (_source, Tables) = (NpgsqlDataSource.Create(builder), SchemaUpgrade.TablesOf(Engine, kind));
        _unpooled = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(builder.ConnectionString) { Pooling = false, Options = $"{builder.Options} {NoticesWhoVanished}" });
        _turns = new WorkTurns<string>(new Slots(() => builder.MaxPoolSize, () => Math.Min(BackupConnections, builder.MaxPoolSize)), WaitingMax, TimeProvider.System);
    }

    public IReadOnlyCollection<string> Tables { get; }

    /// <summary>Connects, and brings the database up to date, one program at a time.</summary>
    /// <param name="connectionString">As Npgsql reads it. <c>Search Path</c> names a schema of its own within a database, which is made if it is not there.</param>
    /// <param name="kind">What it is for.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public static async Task<PostgresDatabase> OpenAsync(string connectionString, DatabaseKind kind, CancellationToken cancellation)
    {
        var builder = Parse(connectionString);
        var database = new PostgresDatabase(builder, kind);
        try
        {
            await TranslateAsync(() => UpgradeAsync(database._source, builder.SearchPath, kind, cancellation));
            return database;
        }
        catch (PostgresException exception)
        {
            await database.DisposeAsync();
            throw new HoldfastException(FailureTable.InvalidRequest, $"PostgreSQL does not let the service work in database '{builder.Database}' as '{builder.Username}': {exception.MessageText}", exception);
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    public Task<T> WriteAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation) =>
        TranslateAsync(() => RunAsync(action, IsolationLevel.ReadCommitted, cancellation));

    public Task<T> ReadAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation) => ReadAgainAsync(() => RunAsync(action, IsolationLevel.RepeatableRead, cancellation));

    /// <remarks>The server makes a transaction of what it is sent at once: nothing begins it, and nothing commits it.</remarks>
    public Task<T> AskAsync<T>(Func<DatabaseTransaction, Task<T>> question, CancellationToken cancellation) => ReadAgainAsync(() => RunAsync(question, null, cancellation));

    /// <remarks>From the server's own statistics: nothing is counted.</remarks>
    public Task<DatabaseSize> SizeAsync(CancellationToken cancellation) => ReadAsync(async transaction =>
    {
        var sizes = await transaction.QueryAsync<(string Table, long Rows, long Bytes)>(
            """
            SELECT c.relname::text, CAST(greatest(c.reltuples, s.n_live_tup, 0) AS BIGINT), pg_total_relation_size(c.oid)
            FROM pg_class c LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema()) ORDER BY 1
            """);
        var own = sizes.Where(size => Tables.Contains(size.Table)).ToList();
        return new DatabaseSize(own.Sum(size => size.Bytes), [.. own.Select(size => new TableSize(size.Table, size.Rows, size.Bytes))]);
    }, cancellation);

    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> ColumnsAsync(CancellationToken cancellation) => ReadAsync<IReadOnlyDictionary<string, IReadOnlyList<string>>>(async transaction =>
        (await transaction.QueryAsync<(string Table, string Column)>("SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = current_schema()"))
            .GroupBy(row => row.Table).ToDictionary(table => table.Key, table => (IReadOnlyList<string>)[.. table.Select(row => row.Column)]), cancellation);

    /// <remarks>One that was begun and not finished, because somebody was killed, is of no use and begun anew.</remarks>
    public Task MakeIndexAsync(string name, string table, IReadOnlyList<string> columns, CancellationToken cancellation) => InTurnAsync(name, async connection =>
    {
        var isValid = await connection.ExecuteScalarAsync<bool?>(new CommandDefinition("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(@name)", new { name }, cancellationToken: cancellation));
        if (isValid == false)
        {
            await DropAsync(connection, name, cancellation);
        }

        return isValid == true ? 0 : await connection.ExecuteAsync(new CommandDefinition($"CREATE INDEX CONCURRENTLY {name} ON {table} ({string.Join(", ", columns)})", commandTimeout: 0, cancellationToken: cancellation));
    }, cancellation);

    public Task DropIndexAsync(string name, Func<Task<bool>> isNeeded, CancellationToken cancellation) =>
        InTurnAsync(name, async connection => await isNeeded() ? 0 : await DropAsync(connection, name, cancellation), cancellation);

    private static Task<int> DropAsync(NpgsqlConnection connection, string name, CancellationToken cancellation) =>
        connection.ExecuteAsync(new CommandDefinition($"DROP INDEX CONCURRENTLY IF EXISTS {name}", commandTimeout: 0, cancellationToken: cancellation));

    /// <summary>One at a time, of all nodes. The lock is the connection's, which is closed afterwards: whoever is killed leaves none behind.</summary>
    /// <remarks>It asks again and again: somebody who waits within a statement is one of those that making an index concurrently waits for.</remarks>
    private Task<int> InTurnAsync(string index, Func<NpgsqlConnection, Task<int>> work, CancellationToken cancellation) => TranslateAsync(async () =>
    {
        await using var connection = await _unpooled.OpenConnectionAsync(cancellation);
        while (!await connection.ExecuteScalarAsync<bool>(new CommandDefinition("SELECT pg_try_advisory_lock(hashtextextended(current_schema() || ' ' || @index, 0))", new { index }, cancellationToken: cancellation)))
        {
            await Task.Delay(_asksForItsTurnEvery, cancellation);
        }

        return await work(connection);
    });

    /// <remarks>Tables are written anew, without what was deleted (they are small); what older reads still see goes with the next time, and the server's own log and backups are the operator's.</remarks>
    public Task ForgetDeletedAsync(IReadOnlyCollection<string> tables, CancellationToken cancellation) => TranslateAsync(async () =>
    {
        await using var connection = await _source.OpenConnectionAsync(cancellation);
        await connection.ExecuteAsync(new CommandDefinition($"VACUUM FULL {string.Join(", ", tables)}", commandTimeout: 0, cancellationToken: cancellation));
        return 0;
    });

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _unpooled.DisposeAsync();
    }

    public static NpgsqlConnectionStringBuilder Parse(string connectionString)
    {
        try
        {
            var builder = new NpgsqlConnectionStringBuilder(connectionString) { ApplicationName = "holdfastd" };
            if (builder.MaxPoolSize == new NpgsqlConnectionStringBuilder().MaxPoolSize)
            {
                builder.MaxPoolSize = ConnectionsMax;
            }

            // Whole tables pass through when accounts move.
            if (builder.ReadBufferSize == new NpgsqlConnectionStringBuilder().ReadBufferSize)
            {
                (builder.ReadBufferSize, builder.WriteBufferSize) = (BufferSize, BufferSize);
            }

            if (builder.MaxAutoPrepare == 0)
            {
                (builder.MaxAutoPrepare, builder.AutoPrepareMinUsages) = (StatementsPrepared, 2);
            }

            if (builder.SearchPath?.Contains(',', StringComparison.Ordinal) == true)
            {
                throw new FormatException("several schemas");
            }

            // Whatever is set here is set for one transaction: there is nothing to take back before the next, which took a tenth of a millisecond of the server's time each time.
            builder.NoResetOnClose = true;

            // What a commit returned from is durable, whatever the role or the database is set to.
            // What begins no transaction reads, and may ask two questions of the same moment.
            builder.Options = $"{builder.Options} -c synchronous_commit=on -c default_transaction_isolation=repeatable\\ read".TrimStart();

            return builder;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A connection string is none that PostgreSQL's driver understands, or names more than one schema as its Search Path. (It is not shown here: it may hold a password.)", exception);
        }
    }

    /// <summary>The server was restarted, and what the pool kept is dead: a read is begun again, on another connection.</summary>
    private static async Task<T> ReadAgainAsync<T>(Func<Task<T>> read)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await TranslateAsync(read);
            }
            catch (HoldfastException exception) when (attempt < ReadAttempts && exception.InnerException is NpgsqlException { InnerException: not TimeoutException } && exception.Kind == FailureTable.ServiceUnavailable)
            {
                // Again.
            }
        }
    }

    private async Task<T> RunAsync<T>(Func<DatabaseTransaction, Task<T>> action, IsolationLevel? isolation, CancellationToken cancellation)
    {
        var work = Work.Current;
        if (!await _turns.TryTakeAsync(work.Class, work.Account, 1, cancellation))
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, "More waits for the service's database than it takes.");
        }

        try
        {
            await using var connection = await _source.OpenConnectionAsync(cancellation);
            if (isolation is null)
            {
                return await action(new DatabaseTransaction(connection, null, isQuestion: true, cancellation));
            }

            await using var transaction = await connection.BeginTransactionAsync(isolation.Value, cancellation);
            var open = new DatabaseTransaction(connection, transaction, isQuestion: false, cancellation);
            var result = await action(open);
            if (!open.IsCommitted)
            {
                await transaction.CommitAsync(CancellationToken.None);
            }

            return result;
        }
        finally
        {
            _turns.Return(work.Class);
        }
    }

    /// <remarks>The lock belongs to the transaction: a process that is killed leaves none behind.</remarks>
    private static async Task<bool> UpgradeAsync(NpgsqlDataSource source, string? schema, DatabaseKind kind, CancellationToken cancellation)
    {
        await using var connection = await source.OpenConnectionAsync(cancellation);
        if (connection.PostgreSqlVersion.Major < 15)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"The server is PostgreSQL {connection.PostgreSqlVersion}; Holdfast needs 15 or newer.");
        }

        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellation);
        await connection.ExecuteAsync(new CommandDefinition("SELECT pg_advisory_xact_lock(hashtextextended('holdfast schema', 0))", transaction: transaction, commandTimeout: 0, cancellationToken: cancellation));
        // A change that waits for a table's lock keeps everybody else waiting behind it.
        await connection.ExecuteAsync(new CommandDefinition("SET LOCAL lock_timeout = '10s'", transaction: transaction, cancellationToken: cancellation));
        if (await connection.ExecuteScalarAsync<string>(new CommandDefinition("SHOW fsync", transaction: transaction, cancellationToken: cancellation)) == "off")
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The server runs with fsync = off: a power cut would lose what was acknowledged. Turn it on.");
        }

        // Making one needs a right on the database that a role with a schema of its own need not have.
        if (schema is not null && !await connection.ExecuteScalarAsync<bool>(new CommandDefinition("SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = @schema)", new { schema }, transaction, cancellationToken: cancellation)))
        {
            await connection.ExecuteAsync(new CommandDefinition($"CREATE SCHEMA {new NpgsqlCommandBuilder().QuoteIdentifier(schema)}", transaction: transaction, cancellationToken: cancellation));
        }

        var isChanged = await SchemaUpgrade.RunAsync(connection, transaction, Engine, kind, 0, cancellation);
        await transaction.CommitAsync(CancellationToken.None);
        return isChanged;
    }

    private static async Task<T> TranslateAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.UniqueViolation)
        {
            throw new HoldfastException(FailureTable.Conflict, "Somebody else wrote the same at the same time: look again, and repeat it if it is still needed.", exception);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.CharacterNotInRepertoire or PostgresErrorCodes.UntranslatableCharacter)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A text has a character that cannot be stored.", exception);
        }
        catch (PostgresException exception) when (exception.SqlState is PostgresErrorCodes.DiskFull)
        {
            throw new HoldfastException(FailureTable.PodUnavailable, "The service's database cannot be written: its disk is full.", exception);
        }
        catch (NpgsqlException exception) when (exception is not PostgresException || exception.IsTransient || IsAway(exception.SqlState))
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, "The service's database does not answer.", exception);
        }
    }

    /// <summary>The server is shutting down, starting, or failing over, or refuses for want of room: not the request's fault.</summary>
    private static bool IsAway(string? state) => state is not null
        && (state.StartsWith("57P", StringComparison.Ordinal) || state.StartsWith("08", StringComparison.Ordinal) || state.StartsWith("53", StringComparison.Ordinal)
            || state is PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected);
}
