using System.Data.Common;
using Dapper;

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
    public async Task ReadRowsAsync(string sql, Func<IReadOnlyList<string>, object?[], ValueTask> each)
    {
        await using var reader = await connection.ExecuteReaderAsync(Command(sql, null));
        var columns = Enumerable.Range(0, reader.FieldCount).Select(reader.GetName).ToList();
        var values = new object[columns.Count];
        while (await reader.ReadAsync(cancellation))
        {
            reader.GetValues(values);
            await each(columns, [.. values.Select(value => value is DBNull ? null : value)]);
        }
    }

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
