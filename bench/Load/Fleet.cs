using System.Security.Cryptography;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;
using Npgsql;

namespace Holdfast.Bench.Load;

/// <summary>Accounts of one computer each, made in the databases: enrolling them takes an Argon2id each, and is not what is measured.</summary>
internal static class Fleet
{
    private const int ConnectingAtOnce = 64;

    public static async Task<IReadOnlyList<ReturningClient>> MakeAsync(string url, int count, string directory, NpgsqlDataSource store)
    {
        await using var directorySource = NpgsqlDataSource.Create(directory);
        await using var accounts = await directorySource.OpenConnectionAsync();
        await using var rows = await store.OpenConnectionAsync();
        var clients = new List<ReturningClient>();
        var (ids, hashes) = (new List<byte[]>(), new List<byte[]>());
        for (var i = 0; i < count; i++)
        {
            var id = RandomNumberGenerator.GetBytes(AccountId.Length);
            var token = DeviceToken.Draw(new AccountId(id), 1, RandomNumberGenerator.GetBytes);
            ids.Add(id);
            hashes.Add(DeviceToken.HashOf(token));
            clients.Add(new ReturningClient(url, new AccountId(id), token, store));
        }

        await RunAsync(accounts, "INSERT INTO accounts (account_id, name, home, epoch, state, created_at) SELECT id, 'load ' || encode(id, 'hex'), 'main', 1, 'open', 1 FROM unnest($1) AS id", ids);
        await RunAsync(rows, "INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) SELECT id, 1, 'open', 1, 1, 2, 1, 0 FROM unnest($1) AS id", ids);
        await RunAsync(rows, "INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, last_backup_at, version) SELECT id, 1, 'load', hash, 'Read', 0, 1, extract(epoch FROM now())::bigint - 130000, 1 FROM unnest($1, $2) AS pairs(id, hash)", ids, hashes);
        return clients;
    }

    /// <summary>Opens everybody's connection; how many there are.</summary>
    public static async Task<int> ConnectAsync(IReadOnlyList<ReturningClient> clients, CancellationToken cancellation)
    {
        var connected = 0;
        await Parallel.ForEachAsync(clients, new ParallelOptions { MaxDegreeOfParallelism = ConnectingAtOnce, CancellationToken = cancellation }, async (client, token) =>
        {
            if (await client.ConnectAsync(token))
            {
                Interlocked.Increment(ref connected);
            }
        });
        return connected;
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, params List<byte[]>[] arrays)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var array in arrays)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = array.ToArray() });
        }

        await command.ExecuteNonQueryAsync();
    }
}
