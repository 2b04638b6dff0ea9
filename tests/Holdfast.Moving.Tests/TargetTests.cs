using System.Diagnostics;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Tests;

namespace Holdfast.Moving.Tests;

/// <summary>Targets that are full, of another version, or away half-way; several movers at once. The source goes on, whatever they do.</summary>
public sealed class TargetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-moving-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Shell($"umount '{_folder}/small' 2>/dev/null || true");
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_full_target_is_said_and_what_came_in_can_be_taken_away()
    {
        Directory.CreateDirectory($"{_folder}/small");
        Assert.SkipUnless(Shell($"mount -t tmpfs -o size=2m none '{_folder}/small' 2>/dev/null && echo mounted || true").Contains("mounted", StringComparison.Ordinal), "this needs the right to mount");
        await using var service = await OpenAsync($"sqlite:{_folder}/small/b.db");
        var account = await service.AddAccountAsync("customer", Cancellation);
        await using var customers = new Customers(service, account, writers: 1, readers: 1);
        await customers.WaitForAsync(20);
        await FillAsync(service, account, 4000);
        var full = await Assert.ThrowsAsync<HoldfastException>(() => service.Movers.New().MoveAsync(account, "b", new MoveWatch(), Cancellation));
        Assert.Equal(FailureTable.PodUnavailable, full.Kind);
        await customers.WaitForAsync(customers.Checker.Acknowledged + 20);
        Shell($"mount -o remount,size=64m '{_folder}/small'");
        await service.Movers.SettleAsync(account, Cancellation);
        Assert.Equal(0, await service.CountRowsAsync("b", account, Cancellation));
        var watch = new MoveWatch();
        Assert.True(await service.Movers.New().MoveAsync(account, "b", watch, Cancellation) == MoveOutcome.Moved, watch.Reason);
        await customers.WaitForAsync(customers.Checker.Acknowledged + 20);
        await customers.StopAsync();
        await customers.Checker.CheckAsync(service, Cancellation);
    }

    [Fact]
    public async Task A_store_of_another_version_is_refused_before_and_in_the_middle()
    {
        await using var service = await OpenAsync($"sqlite:{_folder}/b.db");
        var account = await service.AddAccountAsync("customer", Cancellation);
        var check = new StoreCheck(service.Homes);
        await check.CheckAsync("a", "b", Cancellation);
        await UpgradeAsync("number + 1");
        Assert.Equal(FailureTable.MoveRefused, (await Assert.ThrowsAsync<HoldfastException>(() => check.CheckAsync("a", "b", Cancellation))).Kind);
        Assert.Equal(FailureTable.MoveRefused, (await Assert.ThrowsAsync<HoldfastException>(() => service.Movers.New().MoveAsync(account, "b", new MoveWatch(), Cancellation))).Kind);
        await UpgradeAsync("number - 1");

        // A column more, as while versions are exchanged.
        await service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync("ALTER TABLE devices ADD COLUMN colour TEXT"), Cancellation);
        Assert.Contains("colour", (await Assert.ThrowsAsync<HoldfastException>(() => check.CheckAsync("a", "b", Cancellation))).Message, StringComparison.Ordinal);
        await service.Movers.SettleAsync(account, Cancellation);

        Task UpgradeAsync(string to) => service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync($"UPDATE holdfast_schema SET number = {to}"), Cancellation);
    }

    /// <summary>A table that is added to the schema and not to the list would be left behind.</summary>
    [Fact]
    public async Task Every_table_of_accounts_moves_by_its_whole_key()
    {
        await using var service = await OpenAsync($"sqlite:{_folder}/b.db");
        Assert.Equal(service.Homes["a"].Tables.Except(["fence", "store_marks"]).Order(), AccountTables.Names.Order());
        foreach (var table in AccountTables.Names)
        {
            var key = await service.Homes["a"].ReadAsync(transaction => transaction.QueryAsync<string>("SELECT name FROM pragma_table_info(@table) WHERE pk > 0 ORDER BY pk", new { table }), Cancellation);
            Assert.Equal(["account_id", .. AccountTables.KeyOf(table)], key);
        }
    }

    [Fact]
    public async Task A_target_that_is_away_half_way_keeps_nobody_waiting()
    {
        await using var cluster = await PostgresCluster.StartAsync(Cancellation);
        await using var service = await OpenAsync(await cluster.NewDatabaseAsync("b", Cancellation));
        var account = await service.AddAccountAsync("customer", Cancellation);
        await using var customers = new Customers(service, account, writers: 2, readers: 1);
        await customers.WaitForAsync(20);
        foreach (var at in (string[])["b ApplyAsync", "b SealAsync"])
        {
            var mover = new Steps(step => step.What == at && !step.IsBehind ? cluster.KillAsync(Cancellation) : Task.CompletedTask).NewMover(service);
            await Assert.ThrowsAnyAsync<Exception>(() => mover.MoveAsync(account, "b", new MoveWatch(), Cancellation));
            await customers.WaitForAsync(customers.Checker.Acknowledged + 20);
            Assert.Equal("a", (await service.PlaceOfAsync(account, Cancellation)).Home);
            await cluster.StartServerAsync(Cancellation);
            await SettleAsync();
        }

        var watch = new MoveWatch();
        Assert.True(await service.Movers.New().MoveAsync(account, "b", watch, Cancellation) == MoveOutcome.Moved, watch.Reason);
        await customers.WaitForAsync(customers.Checker.Acknowledged + 20);
        await customers.StopAsync();
        await customers.Checker.CheckAsync(service, Cancellation);

        async Task SettleAsync()
        {
            for (var tries = 0; ; tries++)
            {
                try
                {
                    await service.Movers.SettleAsync(account, Cancellation);
                    return;
                }
                catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable && tries < 50)
                {
                    // Connections that died are found out by using them.
                }
            }
        }
    }

    [Fact]
    public async Task Of_several_movers_at_once_one_moves_it_and_nothing_is_lost()
    {
        await using var service = await OpenAsync($"sqlite:{_folder}/b.db");
        var account = await service.AddAccountAsync("customer", Cancellation);
        await using var customers = new Customers(service, account, writers: 2, readers: 1);
        await customers.WaitForAsync(50);
        for (var round = 0; round < 5; round++)
        {
            var target = (await service.Ledger.ReadAsync(account, Cancellation)).Home == "a" ? "b" : "a";
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => service.Movers.New(MoverSettings.Default with { RowsAtOnce = 20 }).MoveAsync(account, target, new MoveWatch(), Cancellation))));
            await customers.WaitForAsync(customers.Checker.Acknowledged + 10);
            await service.Movers.SettleAsync(account, Cancellation);
            var home = (await service.Ledger.ReadAsync(account, Cancellation)).Home;
            Assert.Equal(home == target, outcomes.Contains(MoveOutcome.Moved));
        }

        await customers.StopAsync();
        await customers.Checker.CheckAsync(service, Cancellation);
    }

    private static string Shell(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", script]) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    private static async Task FillAsync(MovingService service, AccountId account, int rows) => await service.Store.WriteAsync(await service.PlaceOfAsync(account, Cancellation), transaction => transaction.ExecuteEachAsync(
        "INSERT INTO collected (account_id, collection_number, pack, frame, version) VALUES (@account, 1, 1234567890123, @row, @version)", Enumerable.Range(0, rows * 10).Select(row => (object)new { row = (long)row })), Cancellation);

    private Task<MovingService> OpenAsync(string b) => MovingService.OpenAsync($"sqlite:{_folder}/directory.db", $"sqlite:{_folder}/a.db", b, Cancellation);
}
