using System.Data.Common;
using System.Text.Json.Nodes;
using Holdfast.Scenarios.Tests;
using Holdfast.Tests;
using Microsoft.Data.Sqlite;
using Npgsql;

[assembly: AssemblyFixture(typeof(SharedPostgres))]

namespace Holdfast.Scenarios.Tests;

/// <summary>Where services of these tests keep their databases: HOLDFAST_TEST_ENGINE is sqlite, each in its own folder, or postgres, all on one server.</summary>
public sealed class SharedPostgres : IAsyncLifetime
{
    internal static PostgresCluster? Cluster { get; private set; }

    public async ValueTask InitializeAsync()
    {
        if (Environment.GetEnvironmentVariable("HOLDFAST_TEST_ENGINE") == "postgres")
        {
            Cluster = await PostgresCluster.StartAsync(CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Cluster is not null)
        {
            await Cluster.DisposeAsync();
        }
    }
}

/// <summary>The two databases of one service, as seen from behind its back.</summary>
internal abstract class TestDatabases
{
    /// <summary>The databases of a service whose folder is <paramref name="data"/>: its configuration names them from then on, unless it named others already.</summary>
    public static async Task<TestDatabases> MakeAsync(string data, CancellationToken cancellation)
    {
        var file = Path.Combine(data, "holdfastd.json");
        var configuration = File.Exists(file) ? JsonNode.Parse(await File.ReadAllTextAsync(file, cancellation), documentOptions: new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip })!.AsObject() : [];
        if (SharedPostgres.Cluster is not { } cluster || configuration.ContainsKey("directory"))
        {
            return new InFolder(data);
        }

        var databases = new OnServer(cluster, await cluster.NewDatabaseAsync("directory", cancellation), await cluster.NewDatabaseAsync("accounts", cancellation));
        configuration["directory"] = databases.Directory;
        configuration["stores"] = new JsonObject { ["embedded"] = databases.Accounts };
        System.IO.Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(file, configuration.ToJsonString(), cancellation);
        return databases;
    }

    /// <summary>What an operator is told the accounts' database is.</summary>
    public abstract string AccountsName { get; }

    public abstract DbConnection Open(bool isDirectory);

    /// <summary>Loses both.</summary>
    public abstract Task LoseAsync(CancellationToken cancellation);

    private sealed class InFolder(string data) : TestDatabases
    {
        public override string AccountsName => "accounts.db";

        public override DbConnection Open(bool isDirectory)
        {
            var connection = new SqliteConnection($"Data Source={Path.Combine(data, isDirectory ? "directory.db" : "accounts.db")};Pooling=False");
            connection.Open();
            return connection;
        }

        public override Task LoseAsync(CancellationToken cancellation)
        {
            foreach (var database in System.IO.Directory.EnumerateFiles(data, "*.db*"))
            {
                File.Delete(database);
            }

            return Task.CompletedTask;
        }
    }

    private sealed class OnServer(PostgresCluster cluster, string directory, string accounts) : TestDatabases
    {
        public string Directory => directory;

        public string Accounts => accounts;

        public override string AccountsName => accounts.Split("Database=")[1];

        public override DbConnection Open(bool isDirectory)
        {
            var connection = new NpgsqlConnection((isDirectory ? directory : accounts) + ";Pooling=False");
            connection.Open();
            return connection;
        }

        public override async Task LoseAsync(CancellationToken cancellation)
        {
            foreach (var database in new[] { directory, accounts })
            {
                await cluster.AskAsync(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", cancellation);
            }
        }
    }
}
