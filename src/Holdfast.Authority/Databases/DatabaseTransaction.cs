using System.Data.Common;
using Dapper;
using Npgsql;

namespace Holdfast.Authority.Databases;

/// <summary>A transaction that is open. Properties of the parameters are written <c>@likeThis</c> in SQL.</summary>
internal sealed class DatabaseTransaction(DbConnection connection, DbTransaction transaction, CancellationToken cancellation)
{
    /// <summary>Set for statements that look at whole tables: they take as long as they take.</summary>
    public bool IsPatient { get; set; }

    /// <summary>Rows changed.</summary>
    public Task<int> ExecuteAsync(string sql, object? parameters = null) => connection.ExecuteAsync(Command(sql, parameters));

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null) => (await connection.QueryAsync<T>(Command(sql, parameters))).AsList();

    /// <summary>The one row, or null (a tuple of defaults) if there is none.</summary>
    public Task<T?> FindAsync<T>(string sql, object? parameters = null) => connection.QuerySingleOrDefaultAsync<T>(Command(sql, parameters));

    /// <summary>Runs a statement for each of the parameters, in order, in one round trip where the engine can; rows changed in all.</summary>
    public async Task<int> ExecuteEachAsync(string sql, IReadOnlyCollection<object> each)
    {
        if (!connection.CanCreateBatch || each.Count < 2)
        {
            var changed = 0;
            foreach (var parameters in each)
            {
                changed += await ExecuteAsync(sql, parameters);
            }

            return changed;
        }

        await using var batch = connection.CreateBatch();
        batch.Transaction = transaction;
        foreach (var parameters in each)
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

    /// <summary>Inserts rows, each only if it is newer (<c>version</c>) than the one that there is of its key.</summary>
    /// <param name="table">The table; its key begins with <c>account_id</c>.</param>
    /// <param name="key">What its key has behind that.</param>
    /// <param name="columns">What the rows have.</param>
    /// <param name="rows">Values, in the order of the columns.</param>
    public async Task InsertNewerAsync(string table, IReadOnlyList<string> key, IReadOnlyList<string> columns, IReadOnlyList<object?[]> rows)
    {
        var isList = connection is NpgsqlConnection;
        var values = isList ? $"SELECT * FROM unnest({string.Join(", ", columns.Select((_, i) => $"@p{i}"))})" : $"VALUES ({string.Join(", ", columns.Select((_, i) => $"@p{i}"))})";
        await using var command = connection.CreateCommand();
        (command.Transaction, command.CommandTimeout) = (transaction, 0);
        command.CommandText =
            $"""
            INSERT INTO {table} ({string.Join(", ", columns)}) {values}
            ON CONFLICT (account_id, {string.Join(", ", key)}) DO UPDATE SET {string.Join(", ", columns.Select(column => $"{column} = excluded.{column}"))} WHERE {table}.version < excluded.version
            """;
        for (var i = 0; i < columns.Count; i++)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = $"p{i}";
            command.Parameters.Add(parameter);
        }

        if (isList)
        {
            var types = await TypesAsync(table, columns);
            for (var i = 0; i < columns.Count; i++)
            {
                command.Parameters[i].Value = ListOf(types[i], rows, i);
            }

            await command.ExecuteNonQueryAsync(cancellation);
            return;
        }

        foreach (var row in rows)
        {
            for (var i = 0; i < columns.Count; i++)
            {
                command.Parameters[i].Value = row[i] ?? DBNull.Value;
            }

            await command.ExecuteNonQueryAsync(cancellation);
        }
    }

    private async Task<List<Type>> TypesAsync(string table, IReadOnlyList<string> columns)
    {
        await using var reader = await connection.ExecuteReaderAsync(Command($"SELECT {string.Join(", ", columns)} FROM {table} WHERE false", null));
        return [.. Enumerable.Range(0, columns.Count).Select(reader.GetFieldType)];
    }

    private static object ListOf(Type type, IReadOnlyList<object?[]> rows, int column) =>
        type == typeof(long) ? rows.Select(row => (long?)row[column]).ToArray() : type == typeof(byte[]) ? rows.Select(row => (byte[]?)row[column]).ToArray() : (object)rows.Select(row => (string?)row[column]).ToArray();

    private CommandDefinition Command(string sql, object? parameters)
    {
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
