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
        if (configuration["directory"]?.GetValue<string>() is { } named)
        {
            return named.StartsWith("sqlite:", StringComparison.Ordinal) ? new InFolder(data) : new OnServer(named, configuration["stores"]!.AsObject().First().Value!.GetValue<string>());
        }

        if (SharedPostgres.Cluster is not { } cluster)
        {
            return new InFolder(data);
        }

        var databases = new OnServer(await cluster.NewDatabaseAsync("directory", cancellation), await cluster.NewDatabaseAsync("accounts", cancellation));
        configuration["directory"] = databases.Directory;
        configuration["stores"] = new JsonObject { ["embedded"] = databases.Accounts };
        System.IO.Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(file, configuration.ToJsonString(), cancellation);
        return databases;
    }

    /// <summary>What an operator is told who wants to rebuild over databases that are there.</summary>
    public abstract string RefusedBecause { get; }

    /// <summary>True once a rebuild has begun to fill them, until it has ended.</summary>
    public abstract bool IsBeingRebuilt { get; }

    public abstract DbConnection Open(bool isDirectory);

    /// <summary>Loses both.</summary>
    public abstract Task LoseAsync(CancellationToken cancellation);

    private sealed class InFolder(string data) : TestDatabases
    {
        public override string RefusedBecause => "accounts.db";

        public override bool IsBeingRebuilt => File.Exists(Path.Combine(data, "rebuilding"));

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

    private sealed class OnServer(string directory, string accounts) : TestDatabases
    {
        public string Directory => directory;

        public string Accounts => accounts;

        public override string RefusedBecause => "The directory has 1 accounts";

        public override bool IsBeingRebuilt
        {
            get
            {
                using var connection = Open(isDirectory: true);
                using var command = connection.CreateCommand();
                command.CommandText = "SELECT to_regclass('directory_marks') IS NOT NULL";
                if (command.ExecuteScalar() is not true)
                {
                    return false;
                }

                command.CommandText = "SELECT count(*) FROM directory_marks WHERE name = 'rebuilding'";
                return command.ExecuteScalar() is > 0L;
            }
        }

        public override DbConnection Open(bool isDirectory)
        {
            var connection = new NpgsqlConnection((isDirectory ? directory : accounts) + ";Pooling=False");
            connection.Open();
            return connection;
        }

        public override async Task LoseAsync(CancellationToken cancellation)
        {
            foreach (var isDirectory in new[] { true, false })
            {
                await using var connection = Open(isDirectory);
                await using var command = connection.CreateCommand();
                command.CommandText = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
                await command.ExecuteNonQueryAsync(cancellation);
            }
        }
    }
}
