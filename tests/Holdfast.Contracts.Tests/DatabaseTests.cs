using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Holdfast.Tests;

namespace Holdfast.Contracts.Tests;

/// <summary>The twin for simulations.</summary>
public sealed class MemoryDatabaseTests : DatabaseContract
{
    private protected override async Task<IDatabase> OpenAsync(DatabaseKind kind) => await SqliteDatabase.OpenMemoryAsync(kind, Cancellation);
}

public sealed class SqliteDatabaseTests : DatabaseContract
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "holdfast-sqlite-" + Guid.NewGuid().ToString("N"));
    private int _count;

    private protected override async Task<IDatabase> OpenAsync(DatabaseKind kind)
    {
        System.IO.Directory.CreateDirectory(_root);
        return await DatabaseSource.OpenAsync($"sqlite:{_root}/{_count++}.db", kind, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        System.IO.Directory.Delete(_root, recursive: true);
    }
}

/// <summary>One real cluster for all tests that do not break it.</summary>
public sealed class SharedCluster : IAsyncLifetime
{
    internal PostgresCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Cluster = await PostgresCluster.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => Cluster.DisposeAsync();
}

public sealed class PostgresDatabaseTests(SharedCluster shared) : DatabaseContract, IClassFixture<SharedCluster>
{
    private protected override async Task<IDatabase> OpenAsync(DatabaseKind kind) =>
        await DatabaseSource.OpenAsync(await shared.Cluster.NewDatabaseAsync("holdfast", Cancellation), kind, Cancellation);

    [Fact]
    public async Task Many_programs_that_start_at_once_upgrade_it_once()
    {
        var source = await shared.Cluster.NewDatabaseAsync("fresh", Cancellation);
        var opened = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => DatabaseSource.OpenAsync(source, DatabaseKind.Accounts, Cancellation))));
        foreach (var database in opened)
        {
            await database.DisposeAsync();
        }

        Assert.Equal("Accounts", (await shared.Cluster.AskAsync(source, "SELECT kind FROM holdfast_schema", Cancellation)).Trim());
    }

    [Fact]
    public async Task A_schema_one_ahead_is_used_and_one_that_needs_more_is_refused()
    {
        var source = await shared.Cluster.NewDatabaseAsync("ahead", Cancellation);
        await (await DatabaseSource.OpenAsync(source, DatabaseKind.Directory, Cancellation)).DisposeAsync();
        await shared.Cluster.AskAsync(source, "UPDATE holdfast_schema SET oldest = number, number = number + 1", Cancellation);
        await (await DatabaseSource.OpenAsync(source, DatabaseKind.Directory, Cancellation)).DisposeAsync();
        await shared.Cluster.AskAsync(source, "UPDATE holdfast_schema SET oldest = number", Cancellation);
        var refused = await Assert.ThrowsAsync<HoldfastException>(() => DatabaseSource.OpenAsync(source, DatabaseKind.Directory, Cancellation));
        Assert.Equal(FailureTable.NewerVersion, refused.Kind);
    }

    [Fact]
    public async Task Two_kinds_and_two_schemas_share_a_database()
    {
        var source = await shared.Cluster.NewDatabaseAsync("shared", Cancellation);
        foreach (var (path, kind) in new[] { ("", DatabaseKind.Directory), ("", DatabaseKind.Accounts), (";Search Path=second", DatabaseKind.Accounts) })
        {
            await (await DatabaseSource.OpenAsync(source + path, kind, Cancellation)).DisposeAsync();
        }

        Assert.Equal("public|2\nsecond|1\n", await shared.Cluster.AskAsync(source, "SELECT table_schema, count(*) FROM information_schema.tables WHERE table_name IN ('fence', 'accounts') GROUP BY 1 ORDER BY 1", Cancellation));
    }

    [Fact]
    public async Task Where_nobody_answers_or_nothing_is_named_the_error_says_so()
    {
        var away = await Assert.ThrowsAsync<HoldfastException>(() => DatabaseSource.OpenAsync("Host=127.0.0.1;Port=1;Username=x;Database=y", DatabaseKind.Accounts, Cancellation));
        Assert.Equal(FailureTable.ServiceUnavailable, away.Kind);
        foreach (var source in new[] { "what", "Nonsense=1", "Host=h;Port=many" })
        {
            Assert.Equal(FailureTable.InvalidRequest, (await Assert.ThrowsAsync<HoldfastException>(() => DatabaseSource.OpenAsync(source, DatabaseKind.Accounts, Cancellation))).Kind);
        }
    }
}

/// <summary>A cluster of its own, to be killed.</summary>
public sealed class PostgresRestartTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_write_returned_is_there_after_the_server_was_killed_and_reads_go_on_by_themselves()
    {
        await using var cluster = await PostgresCluster.StartAsync(Cancellation);
        await using var database = await DatabaseSource.OpenAsync(await cluster.NewDatabaseAsync("killed", Cancellation), DatabaseKind.Directory, Cancellation);
        for (var round = 0; round < 3; round++)
        {
            var (written, kept) = (0, round * 1000);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var writing = Task.Run(async () =>
            {
                try
                {
                    while (!stop.IsCancellationRequested)
                    {
                        await InsertAsync(database, kept + written);
                        written++;
                        first.TrySetResult();
                    }
                }
                catch (HoldfastException exception)
                {
                    Assert.Equal(FailureTable.ServiceUnavailable, exception.Kind);
                }
            }, Cancellation);
            await Task.WhenAny(first.Task, writing);
            await Task.Delay(300, Cancellation);
            await cluster.KillAsync(Cancellation);
            await stop.CancelAsync();
            await writing;
            Assert.Equal(FailureTable.ServiceUnavailable, (await Assert.ThrowsAsync<HoldfastException>(() => CountAsync(database, kept))).Kind);
            await cluster.StartServerAsync(Cancellation);

            // One that was in doubt may be there as well.
            Assert.True(written > 0);
            Assert.InRange(await CountAsync(database, kept), written, written + 1);
        }
    }

    private static Task<int> InsertAsync(IDatabase database, int number) => database.WriteAsync(transaction => transaction.ExecuteAsync(
        "INSERT INTO operators (name, token_hash, created_at) VALUES (@name, @hash, @number)", new { name = $"{number}", hash = BitConverter.GetBytes(number), number }), Cancellation);

    private static Task<long> CountAsync(IDatabase database, int from) => database.ReadAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM operators WHERE created_at >= @from", new { from }), Cancellation);
}
