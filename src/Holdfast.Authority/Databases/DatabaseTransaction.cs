using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Dapper;
using Holdfast.Protocol.Failures;
using Npgsql;

namespace Holdfast.Authority.Databases;

/// <summary>A transaction that is open, or what is sent at once and so becomes one. Properties of the parameters are written <c>@likeThis</c> in SQL.</summary>
/// <param name="connection">Where.</param>
/// <param name="transaction">Which.</param>
/// <param name="isQuestion">One command and no more.</param>
/// <param name="cancellation">Ends waiting.</param>
internal sealed partial class DatabaseTransaction(DbConnection connection, DbTransaction? transaction, bool isQuestion, CancellationToken cancellation)
{
    /// <summary>Databases that share a server's database have schemas of their own.</summary>
    private const string LockNumber = "hashtextextended(current_schema() || ' ' || @lock, 0)";

    private bool _isAsked;

    /// <summary>Set for statements that look at whole tables: they take as long as they take.</summary>
    public bool IsPatient { get; set; }

    private bool _isEnded;

    /// <summary>Whether its last statement was sent with the commit.</summary>
    public bool IsCommitted => _isEnded && connection is NpgsqlConnection;

    /// <summary>Rows changed.</summary>
    public Task<int> ExecuteAsync(string sql, object? parameters = null) => connection.ExecuteAsync(Command(sql, parameters));

    /// <summary>Rows changed by a write's last statement, which is sent together with the commit where the engine can: one round trip for both. Nothing follows it; what is thrown later may undo nothing.</summary>
    public Task<int> ExecuteLastAsync(string sql, object? parameters = null) => ExecuteLastAsync([(sql, parameters)]);

    /// <summary>As <see cref="ExecuteLastAsync(string, object?)"/>, for several statements, in order; rows changed in all.</summary>
    public async Task<int> ExecuteLastAsync(IReadOnlyCollection<(string Sql, object? Parameters)> statements)
    {
        // If a statement fails the server does not come to the commit.
        var changed = await ExecuteAllAsync(connection is NpgsqlConnection ? [.. statements, ("COMMIT", null)] : statements);
        _isEnded = true;
        return changed;
    }

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null) => (await connection.QueryAsync<T>(Command(sql, parameters))).AsList();

    /// <summary>The one row, or null (a tuple of defaults) if there is none.</summary>
    public Task<T?> FindAsync<T>(string sql, object? parameters = null) => connection.QuerySingleOrDefaultAsync<T>(Command(sql, parameters));

    /// <summary>Two questions in one round trip, with the same parameters: the row that answers the first (a tuple of defaults if there is none), and the rows that answer the second.</summary>
    public async Task<(TFirst? First, IReadOnlyList<T> Rows)> QueryBothAsync<TFirst, T>(string first, string second, object? parameters)
    {
        await using var answers = await connection.QueryMultipleAsync(Command($"{first}; {second}", parameters));
        return (await answers.ReadSingleOrDefaultAsync<TFirst>(), (await answers.ReadAsync<T>()).AsList());
    }

    /// <summary>As <see cref="QueryBothAsync"/>, and two more questions.</summary>
    public async Task<(TFirst? First, IReadOnlyList<T1> One, IReadOnlyList<T2> Two, IReadOnlyList<T3> Three)> QueryAllAsync<TFirst, T1, T2, T3>(string first, string one, string two, string three, object? parameters)
    {
        await using var answers = await connection.QueryMultipleAsync(Command($"{first}; {one}; {two}; {three}", parameters));
        return (await answers.ReadSingleOrDefaultAsync<TFirst>(), (await answers.ReadAsync<T1>()).AsList(), (await answers.ReadAsync<T2>()).AsList(), (await answers.ReadAsync<T3>()).AsList());
    }

    /// <summary>Runs statements, in order, in one round trip where the engine can; rows changed in all.</summary>
    public async Task<int> ExecuteAllAsync(IReadOnlyCollection<(string Sql, object? Parameters)> statements)
    {
        if (!connection.CanCreateBatch || statements.Count < 2)
        {
            var changed = 0;
            foreach (var (sql, parameters) in statements)
            {
                changed += await ExecuteAsync(sql, parameters);
            }

            return changed;
        }

        RefuseIfEnded();
        await using var batch = connection.CreateBatch();
        batch.Transaction = transaction;
        foreach (var (sql, parameters) in statements)
        {
            var command = batch.CreateBatchCommand();
            command.CommandText = sql;
            foreach (var (name, value) in SqlParameters.Of(parameters))
            {
                var parameter = command.CreateParameter();
                (parameter.ParameterName, parameter.Value) = (name, value ?? DBNull.Value);
                command.Parameters.Add(parameter);
            }

            batch.BatchCommands.Add(command);
        }

        return await batch.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Runs a statement for each of the parameters, as <see cref="ExecuteAllAsync"/>.</summary>
    public Task<int> ExecuteEachAsync(string sql, IEnumerable<object> each) => ExecuteAllAsync([.. each.Select(parameters => (sql, (object?)parameters))]);

    /// <summary>Reads rows one after the other, whatever their number: names of the columns, and each row's values.</summary>
    public async Task ReadRowsAsync(string sql, Func<IReadOnlyList<string>, object?[], ValueTask> each, object? parameters = null)
    {
        await using var reader = await connection.ExecuteReaderAsync(Command(sql, parameters));
        var columns = Enumerable.Range(0, reader.FieldCount).Select(reader.GetName).ToList();
        while (await reader.ReadAsync(cancellation))
        {
            var values = new object?[columns.Count];
            reader.GetValues(values!);
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = values[i] is DBNull ? null : values[i];
            }

            await each(columns, values);
        }
    }

    /// <summary>The commit need not wait for the disk: whatever is committed later and does makes this durable too; until then it may be undone by a crash, as if it had never been.</summary>
    public Task DeferDurabilityAsync() => connection is NpgsqlConnection ? ExecuteAsync("SET LOCAL synchronous_commit = off") : Task.CompletedTask;

    /// <summary>Holds a lock together with others until the transaction ends, and reads one row as it is from then on; null if there is none. An engine with one writer needs no lock.</summary>
    public async Task<T?> ShareLockAsync<T>(string @lock, string sql) => connection is NpgsqlConnection
        ? (await QueryBothAsync<int, T>($"SELECT 1 FROM pg_advisory_xact_lock_shared({LockNumber})", sql, new { @lock })).Rows.SingleOrDefault() : await FindAsync<T>(sql);

    /// <summary>Holds the lock alone until the transaction ends.</summary>
    public Task LockAsync(string @lock) => connection is NpgsqlConnection ? QueryAsync<int>($"SELECT 1 FROM pg_advisory_xact_lock({LockNumber})", new { @lock }) : Task.CompletedTask;

    /// <summary>A table's columns, by name.</summary>
    public async Task<TableShape> ShapeAsync(string table)
    {
        await using var reader = await connection.ExecuteReaderAsync(Command($"SELECT * FROM {table} WHERE false", null));
        var columns = Enumerable.Range(0, reader.FieldCount).Select(i => (Name: reader.GetName(i), Type: reader.GetDataTypeName(i))).OrderBy(column => column.Name, StringComparer.Ordinal).ToList();
        return new TableShape(table, [.. columns.Select(column => column.Name)], [.. columns.Select(column => column.Type.ToUpperInvariant() switch
        {
            "BIGINT" or "INTEGER" => typeof(long),
            "TEXT" => typeof(string),
            "BYTEA" or "BLOB" => typeof(byte[]),
            _ => throw new HoldfastException(FailureTable.NewerVersion, $"The column {column.Name} of {table} is of a type that this program does not know: {column.Type}."),
        })]);
    }

    /// <summary>Reads rows of a table as they are passed on to another database.</summary>
    /// <param name="shape">The table.</param>
    /// <param name="condition">What stands behind WHERE.</param>
    /// <param name="parameters">Its parameters: numbers, texts and bytes.</param>
    public async Task<PackedRows> ReadPackedAsync(TableShape shape, string condition, IReadOnlyList<(string Name, object? Value)> parameters)
    {
        var select = $"SELECT {string.Join(", ", shape.Columns)} FROM {shape.Table} WHERE {condition}";
        if (connection is NpgsqlConnection postgres)
        {
            // COPY takes no parameters.
            var sql = Parameter().Replace(select, match => Literal(parameters.Single(parameter => parameter.Name == match.Groups[1].Value).Value));
            await using var copy = await postgres.BeginRawBinaryCopyAsync($"COPY ({sql}) TO STDOUT (FORMAT BINARY)", cancellation);
            return await PackedRows.ReadAsync(shape, copy, cancellation);
        }

        var rows = new PackedRows(shape);
        await ReadRowsAsync(select, (_, values) =>
        {
            rows.Add(values);
            return ValueTask.CompletedTask;
        }, parameters);
        return rows;
    }

    /// <summary>Whether <see cref="SumAsync"/> can be asked.</summary>
    public bool HasSums => connection is NpgsqlConnection;

    /// <summary>How many rows of a condition there are, and the engine's own hash of all their values, in no order; the same rows have the same in every database of the engine's version.</summary>
    public Task<(long Count, long Hash)> SumAsync(TableShape shape, string condition, IReadOnlyList<(string Name, object? Value)> parameters) => FindAsync<(long, long)>(
        $"SELECT count(*), coalesce(bit_xor(hash_record_extended(ROW({string.Join(", ", shape.Columns)}), 0)), 0) FROM {shape.Table} WHERE {condition}", parameters);

    /// <summary>Inserts rows that the table has none of.</summary>
    public async Task InsertAsync(PackedRows rows)
    {
        if (connection is not NpgsqlConnection postgres)
        {
            await InsertEachAsync(rows, "");
            return;
        }

        await using var copy = await postgres.BeginRawBinaryCopyAsync($"COPY {rows.Shape.Table} ({string.Join(", ", rows.Shape.Columns)}) FROM STDIN (FORMAT BINARY)", cancellation);
        await rows.WriteAsync(copy, cancellation);
    }

    /// <summary>Inserts rows, each only if it is newer (<c>version</c>) than the one that there is of its key.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="key">What their table's key has behind <c>account_id</c>.</param>
    public Task InsertNewerAsync(PackedRows rows, IReadOnlyList<string> key) => InsertEachAsync(rows,
        $"ON CONFLICT (account_id, {string.Join(", ", key)}) DO UPDATE SET {string.Join(", ", rows.Shape.Columns.Select(column => $"{column} = excluded.{column}"))} WHERE {rows.Shape.Table}.version < excluded.version");

    private async Task InsertEachAsync(PackedRows rows, string ifThere)
    {
        var (table, columns) = (rows.Shape.Table, rows.Shape.Columns);
        var isList = connection is NpgsqlConnection;
        var names = string.Join(", ", columns.Select((_, i) => $"@p{i}"));
        await using var command = connection.CreateCommand();
        (command.Transaction, command.CommandTimeout) = (transaction, 0);
        command.CommandText = $"INSERT INTO {table} ({string.Join(", ", columns)}) {(isList ? $"SELECT * FROM unnest({names})" : $"VALUES ({names})")} {ifThere}";
        var values = Enumerable.Range(0, rows.Count).Select(rows.Values).ToList();
        for (var i = 0; i < columns.Count; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = $"p{i}";
            if (isList)
            {
                parameter.Value = ListOf(rows.Shape.Types[i], values, i);
            }

            command.Parameters.Add(parameter);
        }

        if (isList)
        {
            await command.ExecuteNonQueryAsync(cancellation);
            return;
        }

        foreach (var row in values)
        {
            for (var i = 0; i < columns.Count; i++)
            {
                command.Parameters[i].Value = row[i] ?? DBNull.Value;
            }

            await command.ExecuteNonQueryAsync(cancellation);
        }
    }

    [GeneratedRegex(@"@(\w+)")]
    private static partial Regex Parameter();

    private static object ListOf(Type type, List<object?[]> rows, int column) =>
        type == typeof(long) ? rows.Select(row => (long?)row[column]).ToArray() : type == typeof(byte[]) ? rows.Select(row => (byte[]?)row[column]).ToArray() : (object)rows.Select(row => (string?)row[column]).ToArray();

    private static string Literal(object? value) => value switch
    {
        long number => number.ToString(CultureInfo.InvariantCulture),
        byte[] bytes => $"'\\x{Convert.ToHexStringLower(bytes)}'::bytea",
        string text => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'",
        _ => throw new ArgumentException("neither a number nor a text nor bytes", nameof(value)),
    };

    private void RefuseIfEnded()
    {
        if (_isEnded)
        {
            throw new InvalidOperationException("a command behind the last one");
        }
    }

    private CommandDefinition Command(string sql, object? parameters)
    {
        RefuseIfEnded();
        if (isQuestion && _isAsked)
        {
            throw new InvalidOperationException("a second command where one was to be sent");
        }

        _isAsked = true;
        var all = new DynamicParameters();
        foreach (var (name, value) in SqlParameters.Of(parameters))
        {
            all.Add(name, value);
        }

        // A text that is never the same again is not remembered.
        var flags = sql.Contains(SqlParameters.ListMark, StringComparison.Ordinal) ? CommandFlags.Buffered | CommandFlags.NoCache : CommandFlags.Buffered;
        return new CommandDefinition(sql, all, transaction, IsPatient ? 0 : null, flags: flags, cancellationToken: cancellation);
    }
}
