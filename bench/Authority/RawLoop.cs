using System.Security.Cryptography;
using Npgsql;

namespace Holdfast.Bench.Authority;

/// <summary>The statements of a session, a commit and a grant, one after the other over Npgsql, prepared, in the same transactions: nothing is checked, signed, sent or put on a pod.</summary>
internal sealed class RawLoop(NpgsqlDataSource directory, NpgsqlDataSource accounts, byte[] account, long epoch) : IAsyncDisposable
{
    private const int Numbers = 64;

    private static readonly byte[] _head = new byte[272];
    private static readonly byte[] _receipt = new byte[200];
    private static readonly byte[] _checksum = new byte[32];

    private long _version = 1_000_000;
    private byte[] _base = new byte[32];

    public long Session { get; private set; }

    public long FirstNumber { get; private set; }

    /// <summary>Makes the account's rows as those of another, which the service made, are.</summary>
    public async Task MakeAsync(byte[] like)
    {
        await RunAsync(directory, "INSERT INTO accounts (account_id, name, home, epoch, state, created_at) SELECT $1, 'raw', home, epoch, state, created_at FROM accounts WHERE account_id = $2", account, like);
        await RunAsync(accounts, "INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) SELECT $1, epoch, state, next_version, next_number, next_computer, next_session, collection_number FROM fence WHERE account_id = $2", account, like);
        await RunAsync(accounts, "INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, version) SELECT $1, computer, name, token_hash, rights, revoked, created_at, version FROM devices WHERE account_id = $2", account, like);
        await RunAsync(accounts, "INSERT INTO log (account_id, sequence, statement, on_pod, version) SELECT $1, sequence, statement, on_pod, version FROM log WHERE account_id = $2", account, like);
    }

    public async Task SessionAsync()
    {
        await CallerAsync();
        await ReadAsync("SELECT o.number FROM objects o JOIN sessions s ON s.account_id = o.account_id AND s.session = o.session WHERE o.account_id = $1 AND o.computer = $2 AND o.indexed = 0 AND o.state = 'granted' AND o.receipt IS NULL AND s.seen_at > $3 AND s.session IN (SELECT session FROM sessions WHERE account_id = $1 AND computer = $2 ORDER BY session DESC LIMIT $4)", account, 1L, 0L, 2L);
        await WriteAsync(async connection =>
        {
            Session = (long)(await AskAsync(connection, "UPDATE fence SET next_session = next_session + 1 WHERE account_id = $1 RETURNING next_session - 1", account))!;
            await DoAsync(connection, "INSERT INTO sessions (account_id, session, computer, seen_at, version) VALUES ($1, $2, $3, $4, $5)", account, Session, 1L, 1L, _version);
            FirstNumber = (long)(await AskAsync(connection, "UPDATE fence SET next_number = next_number + $1 WHERE account_id = $2 RETURNING next_number", (long)Numbers, account))! - Numbers;
            await EachAsync(connection, "INSERT INTO objects (account_id, number, session, computer, state, touched, version) VALUES ($1, $2, $3, $4, 'granted', $5, $5)",
                Enumerable.Range(0, Numbers).Select(i => new object[] { account, FirstNumber + i, Session, 1L, _version }));
        });
        await using var connection = await accounts.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await DoAsync(connection, "SELECT number, receipt FROM objects WHERE account_id = $1 AND computer = $2 AND indexed = 0 AND type = 1 AND state IN ('granted', 'live') AND receipt IS NOT NULL", account, 1L);
        await DoAsync(connection, "SELECT head FROM snapshots s WHERE account_id = $1 AND sequence = (SELECT max(sequence) FROM snapshots m WHERE m.account_id = $1 AND m.computer = s.computer)", account);
        await DoAsync(connection, "SELECT pack, frame FROM collected WHERE account_id = $1 AND collection_number > $2 AND deleted = 0", account, 0L);
        await transaction.CommitAsync();
    }

    public async Task GrantAsync()
    {
        await CallerAsync();
        await using var connection = await accounts.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await DoAsync(connection, "SELECT DISTINCT origin_number, number FROM forwards WHERE account_id = $1 AND deleted = 0 AND origin_number IN ($2)", account, FirstNumber);
        await DoAsync(connection,
            "SELECT number, type, length, tables_offset, computer, state, EXISTS (SELECT 1 FROM forwards WHERE account_id = $1 AND origin_number = objects.number AND deleted = 0) FROM objects WHERE account_id = $1 AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned') AND number IN ($2)",
            account, FirstNumber);
        await transaction.CommitAsync();
    }

    public async Task CommitAsync()
    {
        var id = RandomNumberGenerator.GetBytes(32);
        await CallerAsync();
        await ReadAsync("SELECT statement FROM log WHERE account_id = $1 ORDER BY sequence", account);
        await ReadAsync("SELECT received_at FROM snapshots WHERE account_id = $1 AND head_id = $2", account, id);
        await using (var connection = await accounts.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
            await BaseAsync(connection);
            await transaction.CommitAsync();
        }

        await WriteAsync(async connection =>
        {
            await DoAsync(connection, "SELECT received_at FROM snapshots WHERE account_id = $1 AND head_id = $2", account, id);
            await BaseAsync(connection);
            await DoAsync(connection, "UPDATE sessions SET seen_at = $1, version = $2 WHERE account_id = $3 AND session = $4 AND computer = $5", 2L, _version, account, Session, 1L);
            await DoAsync(connection, "SELECT head FROM snapshots WHERE account_id = $1 AND computer = $2 ORDER BY sequence DESC LIMIT 1", account, 1L);
            await EachAsync(connection,
                "UPDATE objects SET type = $1, length = $2, tables_offset = $3, frames = $4, checksum = $5, receipt = $6, version = $7 WHERE account_id = $8 AND number = $9 AND computer = $10 AND state IN ('granted', 'live', 'condemned')",
                Enumerable.Range(0, 4).Select(i => new object[] { (long)i + 1, 5000L, 4096L, 1L, _checksum, _receipt, _version, account, FirstNumber + i, 1L }));
            await DoAsync(connection, "SELECT origin_number, origin_slot, number FROM forwards WHERE account_id = $1 AND deleted = 0 AND origin_number IN ($2)", account, FirstNumber);
            for (var i = 0; i < 4; i++)
            {
                await DoAsync(connection, "UPDATE objects SET state = 'live', condemned_at = NULL, touched = $1, version = $1 WHERE account_id = $2 AND type = $3 AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned') AND number IN ($4) RETURNING number",
                    _version, account, (long)i + 1, FirstNumber + i);
            }

            await DoAsync(connection, "UPDATE objects SET indexed = 1, version = $1 WHERE account_id = $2 AND number = $3 AND computer = $4", _version, account, FirstNumber, 1L);
            await DoAsync(connection, "UPDATE objects SET state = 'condemned', condemned_at = $1, version = $2 WHERE account_id = $3 AND session = $4 AND state = 'granted' AND receipt IS NULL", 2L, _version, account, Session);
            await DoAsync(connection, "INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                account, id, 1L, Session, FirstNumber + 3, "live", _head, 2L, 0L, _version);
            await DoAsync(connection, "INSERT INTO snapshot_pages (account_id, head_id, page_index, page_number, page_hash, lacking, version) VALUES ($1, $2, $3, $4, $5, $6, $7)", account, id, 0L, FirstNumber + 2, _checksum, 0L, _version);
            await DoAsync(connection, "UPDATE devices SET last_backup_at = $1, version = $2 WHERE account_id = $3 AND computer = $4", 2L, _version, account, 1L);
        });
        await using (var connection = await accounts.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
            await DoAsync(connection, "SELECT sequence, statement FROM log WHERE account_id = $1 AND on_pod = 0 ORDER BY sequence", account);
            await DoAsync(connection, "SELECT keyring_version, keyring FROM keyrings WHERE account_id = $1 AND on_pod = 0 ORDER BY keyring_version", account);
            await DoAsync(connection, "SELECT sequence, head FROM snapshots WHERE account_id = $1 AND on_pod = 0 ORDER BY computer, sequence", account);
            await transaction.CommitAsync();
        }

        await WriteAsync(connection => DoAsync(connection, "UPDATE snapshots SET on_pod = 1, version = $1 WHERE account_id = $2 AND head_id = $3", _version, account, id));
        _base = id;
    }

    public async ValueTask DisposeAsync()
    {
        await directory.DisposeAsync();
        await accounts.DisposeAsync();
    }

    public static async Task RunAsync(NpgsqlDataSource source, string sql, params object[] values)
    {
        await using var connection = await source.OpenConnectionAsync();
        await DoAsync(connection, sql, values);
    }

    /// <summary>Who calls: the account's place, and the computer's token.</summary>
    private async Task CallerAsync()
    {
        await using (var connection = await directory.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
            await DoAsync(connection, "SELECT account_id, name, home, epoch, state, suspended_at, organisation_id FROM accounts WHERE account_id = $1", account);
            await transaction.CommitAsync();
        }

        await ReadAsync("SELECT token_hash, rights, revoked, reads_until FROM devices WHERE account_id = $1 AND computer = $2 AND deleted = 0 AND retired_at IS NULL", account, 1L);
    }

    private async Task BaseAsync(NpgsqlConnection connection)
    {
        await DoAsync(connection, "SELECT state FROM snapshots WHERE account_id = $1 AND head_id = $2", account, _base);
        await DoAsync(connection, "SELECT page_index, page_number, page_hash FROM snapshot_pages WHERE account_id = $1 AND head_id = $2 AND lacking = 0 AND deleted = 0", account, _base);
    }

    private async Task ReadAsync(string sql, params object[] values)
    {
        await using var connection = await accounts.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await DoAsync(connection, sql, values);
        await transaction.CommitAsync();
    }

    private async Task WriteAsync(Func<NpgsqlConnection, Task> write)
    {
        await using var connection = await accounts.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.ReadCommitted);
        _version = (long)(await AskAsync(connection, "UPDATE fence SET next_version = next_version + 1 WHERE account_id = $1 AND epoch = $2 AND state = 'open' RETURNING next_version", account, epoch))!;
        await write(connection);
        await transaction.CommitAsync();
    }

    private static async Task DoAsync(NpgsqlConnection connection, string sql, params object[] values)
    {
        await using var command = Command(connection, sql, values);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            _ = reader.GetValue(0);
        }
    }

    private static async Task<object?> AskAsync(NpgsqlConnection connection, string sql, params object[] values)
    {
        await using var command = Command(connection, sql, values);
        return await command.ExecuteScalarAsync();
    }

    private static async Task EachAsync(NpgsqlConnection connection, string sql, IEnumerable<object[]> each)
    {
        await using var batch = connection.CreateBatch();
        foreach (var values in each)
        {
            var command = new NpgsqlBatchCommand(sql);
            command.Parameters.AddRange(values.Select(value => new NpgsqlParameter { Value = value }).ToArray());
            batch.BatchCommands.Add(command);
        }

        await batch.ExecuteNonQueryAsync();
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(values.Select(value => new NpgsqlParameter { Value = value }).ToArray());
        return command;
    }
}
