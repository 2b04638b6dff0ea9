using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Moving;
using Holdfast.Protocol.Failures;
using Holdfast.Tests;

namespace Holdfast.Moving.Tests;

/// <summary>Two real clusters for all tests that do not break them.</summary>
public sealed class SharedClusters : IAsyncLifetime
{
    internal PostgresCluster One { get; private set; } = null!;

    internal PostgresCluster Other { get; private set; } = null!;

    public async ValueTask InitializeAsync() => (One, Other) = (await PostgresCluster.StartAsync(CancellationToken.None), await PostgresCluster.StartAsync(CancellationToken.None));

    public async ValueTask DisposeAsync()
    {
        await One.DisposeAsync();
        await Other.DisposeAsync();
    }
}

/// <summary>Whole moves between every pair of engines, while customers write and read.</summary>
public sealed class MovePairTests(SharedClusters clusters) : IClassFixture<SharedClusters>, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-moving-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("sqlite", "postgres")]
    [InlineData("postgres", "sqlite")]
    [InlineData("postgres", "postgres")]
    [InlineData("sqlite", "sqlite")]
    public async Task An_account_moves_there_and_back_while_it_is_written_and_read(string from, string to)
    {
        await using var service = await OpenAsync(from, to);
        var account = await service.AddAccountAsync("customer", Cancellation);
        await using var customers = new Customers(service, account, writers: 4, readers: 2);
        await customers.WaitForAsync(200);
        foreach (var target in (string[])["b", "a", "b"])
        {
            var row = await service.Ledger.ReadAsync(account, Cancellation);
            var (outcome, watch) = (MoveOutcome.GivenUp, new MoveWatch());
            for (var tries = 0; tries < 20 && outcome != MoveOutcome.Moved; tries++)
            {
                outcome = row.State == MoveState.Reverse ? await service.Movers.New().ReverseAsync(account, watch, Cancellation) : await service.Movers.New().MoveAsync(account, target, watch, Cancellation);
                row = await service.Ledger.ReadAsync(account, Cancellation);
            }

            Assert.True(outcome == MoveOutcome.Moved, watch.Reason);
            await customers.WaitForAsync(customers.Checker.Acknowledged + 100);
            TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{from} to {to}: {target}, {watch.Rows} rows, writers waited {watch.Freeze?.TotalMilliseconds:0.0} ms"));
        }

        await customers.StopAsync();
        await customers.Checker.CheckAsync(service, Cancellation);
        await service.Movers.SettleAsync(account, Cancellation);
        await customers.Checker.CheckAsync(service, Cancellation);
        Assert.True(customers.Checker.Reads > 50, $"{customers.Checker.Reads} reads");
    }

    private async Task<MovingService> OpenAsync(string from, string to) => await MovingService.OpenAsync(
        from == "sqlite" ? $"sqlite:{_folder}/directory.db" : await clusters.One.NewDatabaseAsync("directory", Cancellation), await NewStoreAsync(from, clusters.One), await NewStoreAsync(to, clusters.Other), Cancellation);

    private async Task<string> NewStoreAsync(string engine, PostgresCluster cluster) => engine == "sqlite" ? $"sqlite:{_folder}/{Guid.NewGuid():N}.db" : await cluster.NewDatabaseAsync("store", Cancellation);
}
