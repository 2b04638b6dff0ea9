using System.Globalization;
using System.Reflection;
using Dapper;
using Holdfast.Protocol.Failures;
using Microsoft.Data.Sqlite;

namespace Holdfast.Authority.Schema;

/// <summary>One SQLite file, for one process: numbered SQL brings it up to date when it is opened; a newer schema is refused.</summary>
internal sealed class SqliteDatabase : IDisposable
{
    private readonly string _connectionString;
    private readonly SemaphoreSlim _writer = new(1);

    private SqliteDatabase(string path)
    {
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = true, DefaultTimeout = 30 }.ToString();
    }

    /// <summary>Opens or makes the file and runs the SQL of <paramref name="kind"/> ("Directory" or "Accounts") that it lacks, all in one transaction.</summary>
    public static SqliteDatabase Open(string path, string kind)
    {
        var database = new SqliteDatabase(path);
        database.Upgrade(kind);
        return database;
    }

    /// <summary>Runs one write transaction (BEGIN IMMEDIATE, durable at commit); one at a time, as SQLite has it.</summary>
    public async Task<T> WriteAsync<T>(Func<SqliteConnection, SqliteTransaction, T> action, CancellationToken cancellation)
    {
        await _writer.WaitAsync(cancellation);
        try
        {
            using var connection = Connect();
            using var transaction = connection.BeginTransaction(deferred: false);
            var result = action(connection, transaction);
            transaction.Commit();
            return result;
        }
        catch (SqliteException exception)
        {
            throw Translate(exception);
        }
        finally
        {
            _writer.Release();
        }
    }

    /// <summary>Runs one consistent read.</summary>
    public T Read<T>(Func<SqliteConnection, SqliteTransaction, T> action)
    {
        try
        {
            using var connection = Connect();
            using var transaction = connection.BeginTransaction(deferred: true);
            return action(connection, transaction);
        }
        catch (SqliteException exception)
        {
            throw Translate(exception);
        }
    }

    public void Dispose()
    {
        using (var connection = new SqliteConnection(_connectionString))
        {
            SqliteConnection.ClearPool(connection);
        }

        _writer.Dispose();
    }

    private SqliteConnection Connect()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
        return connection;
    }

    private void Upgrade(string kind)
    {
        var prefix = $"Sqlite/{kind}/";
        var steps = Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => (Number: int.Parse(name[prefix.Length..], CultureInfo.InvariantCulture), Name: name))
            .OrderBy(step => step.Number).ToList();
        using var connection = Connect();
        using var transaction = connection.BeginTransaction(deferred: false);
        var version = connection.ExecuteScalar<int>("PRAGMA user_version", transaction: transaction);
        if (version > steps[^1].Number)
        {
            throw new HoldfastException(FailureTable.NewerVersion,
                $"The database has schema {version}; this program knows up to {steps[^1].Number}. It was left as it is.");
        }

        foreach (var step in steps.Where(step => step.Number > version))
        {
            using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(step.Name)!;
            using var reader = new StreamReader(stream);
            connection.Execute(reader.ReadToEnd(), transaction: transaction);
        }

        connection.Execute($"PRAGMA user_version = {steps[^1].Number}", transaction: transaction);
        transaction.Commit();
    }

    // SQLITE_FULL 13, SQLITE_IOERR 10: the disk, not the request.
    private static Exception Translate(SqliteException exception) => exception.SqliteErrorCode is 13 or 10
        ? new HoldfastException(FailureTable.PodUnavailable, $"The service's database cannot be written: {exception.Message}", exception)
        : exception;
}
