using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Tests;

namespace Holdfast.Moving.Tests;

/// <summary>Movers, nodes and both databases, in real processes, killed at every durable step and in between: customers go on, and nothing that was acknowledged is lost.</summary>
public sealed class CrashTests : IAsyncLifetime
{
    /// <summary>More than a move of a small account has.</summary>
    private const int StepsMost = 26;

    private readonly List<string> _sources = [];
    private PostgresCluster _one = null!;
    private PostgresCluster _other = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static bool IsLong => Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1";

    public async ValueTask InitializeAsync()
    {
        (_one, _other) = (await PostgresCluster.StartAsync(Cancellation), await PostgresCluster.StartAsync(Cancellation));
        _sources.AddRange([await _one.NewDatabaseAsync("directory", Cancellation), await _one.NewDatabaseAsync("a", Cancellation), await _other.NewDatabaseAsync("b", Cancellation)]);
    }

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _other.DisposeAsync();
    }

    /// <summary>The mover kills itself before or behind a step, another begins; the customers notice nothing but a moment's wait.</summary>
    [Fact]
    public async Task Movers_that_are_killed_at_every_step_lose_nothing()
    {
        await using var service = await OpenAsync();
        var account = await service.AddAccountAsync("customer", Cancellation);
        await using var customers = new Customers(service, account, writers: 2, readers: 1);
        await customers.WaitForAsync(50);
        var random = new Random(7);
        var (kills, moves) = (0, 0);
        for (var round = 0; round < (IsLong ? 180 : 14); round++)
        {
            // Every step is before and behind in a long run; a short one draws some of them.
            var (step, moment) = IsLong ? (1 + (round / 2 % StepsMost), round % 2 == 0 ? "before" : "behind") : (1 + random.Next(StepsMost), random.Next(2) == 0 ? "before" : "behind");
            using (var mover = await MoverAsync(service, account, step, moment, "kill"))
            {
                var said = await mover.EndAsync(Cancellation);
                kills += said.StartsWith("at ", StringComparison.Ordinal) ? 1 : 0;
                Assert.True(said.StartsWith("at ", StringComparison.Ordinal) || said.StartsWith("Moved", StringComparison.Ordinal) || said.StartsWith("GivenUp", StringComparison.Ordinal) || said.StartsWith("Elsewhere", StringComparison.Ordinal), said);
            }

            await customers.WaitForAsync(customers.Checker.Acknowledged + 5);
            moves += await EndMoveAsync(service, account, random) ? 1 : 0;
        }

        await customers.StopAsync();
        await service.Movers.SettleAsync(account, Cancellation);
        await customers.Checker.CheckAsync(service, Cancellation);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kills} movers killed, {moves} moves, {customers.Checker.Acknowledged} writes, {customers.Checker.Reads} reads"));
        Assert.True(kills > (IsLong ? 120 : 7) && moves > 0, $"{kills} kills, {moves} moves");
    }

    /// <summary>A database loses its power while a mover is at a step, and comes back.</summary>
    [Fact]
    public async Task Databases_that_are_killed_while_an_account_moves_lose_nothing()
    {
        await using var service = await OpenAsync();
        var account = await service.AddAccountAsync("customer", Cancellation);
        var checker = new Checker(account);
        var random = new Random(11);
        var client = new Client(service, account, "client", 1);
        var moves = 0;
        for (var round = 0; round < (IsLong ? 40 : 3); round++)
        {
            for (var write = 0; write < 5; write++)
            {
                var (version, rows) = await AgainAsync(() => client.WriteAsync(checker.Begun, Cancellation));
                checker.Done(version, rows);
            }

            using var mover = await MoverAsync(service, account, 1 + random.Next(StepsMost), random.Next(2) == 0 ? "before" : "behind", "hold");
            if (await mover.ReadLineAsync(Cancellation) is { } at && at.StartsWith("at ", StringComparison.Ordinal))
            {
                var victim = random.Next(2) == 0 ? _one : _other;
                await victim.KillAsync(Cancellation);
                await victim.StartServerAsync(Cancellation);
                await mover.GoOnAsync();
            }

            await mover.EndAsync(Cancellation);
            moves += await AgainAsync(() => EndMoveAsync(service, account, random)) ? 1 : 0;
        }

        await service.Movers.SettleAsync(account, Cancellation);
        await checker.CheckAsync(service, Cancellation);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{moves} moves, {checker.Acknowledged} writes"));
    }

    /// <summary>A node that writes is killed in the middle of whatever it does, while its account moves.</summary>
    [Fact]
    public async Task Nodes_that_are_killed_while_their_account_moves_lose_nothing()
    {
        await using var service = await OpenAsync();
        var account = await service.AddAccountAsync("customer", Cancellation);
        var checker = new Checker(account);
        var random = new Random(13);
        for (var round = 0; round < (IsLong ? 30 : 3) || (checker.Acknowledged <= 10 && round < 30); round++)
        {
            using var node = NodeProcess.Start(["client", .. _sources, account.ToString(), $"node{round}", $"{round}"]);
            Assert.Equal("up", await node.ReadLineAsync(Cancellation));
            var moving = MoveThereAsync(service, account);
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(20 + random.Next(400)));
            await moment.WaitForNextTickAsync(Cancellation);
            node.Kill();
            foreach (var line in (await node.EndAsync(Cancellation)).Split('\n')[..^1])
            {
                // What a kill cut off is no acknowledgement: it has no end of the line.
                switch (line.Split(' '))
                {
                    case ["begin", var rows]:
                        checker.Begun(Client.Read(rows));
                        break;
                    case ["done", var version, var rows]:
                        checker.Done(long.Parse(version, CultureInfo.InvariantCulture), Client.Read(rows));
                        break;
                    default:
                        Assert.Fail(line);
                        break;
                }
            }

            await moving;
        }

        await service.Movers.SettleAsync(account, Cancellation);
        await checker.CheckAsync(service, Cancellation);
        Assert.True(checker.Acknowledged > 10, $"{checker.Acknowledged} writes");
    }

    private async Task<MovingService> OpenAsync() => await MovingService.OpenAsync(_sources[0], _sources[1], _sources[2], Cancellation);

    private async Task<NodeProcess> MoverAsync(MovingService service, AccountId account, int step, string moment, string what) =>
        NodeProcess.Start(["mover", .. _sources, account.ToString(), (await service.Ledger.ReadAsync(account, Cancellation)).Home == "a" ? "b" : "a", $"{step}", moment, what]);

    /// <summary>As clients do: connections that died with a database are found out by using them.</summary>
    private static async Task<T> AgainAsync<T>(Func<Task<T>> ask)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await ask();
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable && tries < 50)
            {
                // Whether it was done is not known.
            }
        }
    }

    private static async Task MoveThereAsync(MovingService service, AccountId account)
    {
        var row = await service.Ledger.ReadAsync(account, Cancellation);
        var watch = new MoveWatch();
        await (row.State == MoveState.Reverse ? service.Movers.New().ReverseAsync(account, watch, Cancellation) : service.Movers.New().MoveAsync(account, row.Home == "a" ? "b" : "a", watch, Cancellation));
    }

    /// <summary>What a node does when it finds a move that nobody goes on with; sometimes it goes on to the end, sometimes the way back is gone later. True if home has changed.</summary>
    private static async Task<bool> EndMoveAsync(MovingService service, AccountId account, Random random)
    {
        await service.Movers.RecoverAsync(account, Cancellation);
        var row = await service.Ledger.ReadAsync(account, Cancellation);
        if (row.State == MoveState.Copying && random.Next(2) == 0)
        {
            return await service.Movers.New().MoveAsync(account, row.Other!, new MoveWatch(), Cancellation) == MoveOutcome.Moved;
        }

        if (row.State != MoveState.Reverse || random.Next(2) == 0)
        {
            await service.Movers.SettleAsync(account, Cancellation);
        }

        return row.State == MoveState.Reverse;
    }
}
