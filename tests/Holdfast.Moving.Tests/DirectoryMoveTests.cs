using System.Globalization;
using Holdfast.Authority.Databases;
using Holdfast.Authority.DirectoryMoving;
using Holdfast.Protocol.Failures;
using Holdfast.Tests;

namespace Holdfast.Moving.Tests;

/// <summary>The directory moves between engines while nodes write and read, and whoever moves it is killed.</summary>
public sealed class DirectoryMoveTests(SharedClusters clusters) : IClassFixture<SharedClusters>, IAsyncLifetime
{
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(10);

    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-directory-").FullName;
    private readonly List<IDatabase> _opened = [];

    /// <summary>A file is opened once in a process.</summary>
    private readonly Dictionary<string, IDatabase> _files = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _opened)
        {
            await database.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>All tables move, each by the key that it has.</summary>
    [Fact]
    public async Task Every_table_of_the_directory_moves_by_its_key()
    {
        Assert.Equal(SchemaUpgrade.TablesOf(DatabaseKind.Directory).Where(table => table != DirectoryHome.FenceTable).Order(), DirectoryTables.Names.Order());
        var database = await OpenAsync(await NewAsync("postgres", clusters.One));
        foreach (var table in DirectoryTables.Names)
        {
            var key = await database.ReadAsync(transaction => transaction.QueryAsync<string>(
                "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) WHERE i.indrelid = to_regclass(@table) AND i.indisprimary", new { table }), Cancellation);
            Assert.Equal(key.Order(), DirectoryTables.KeyOf(table).Order());
        }
    }

    [Theory]
    [InlineData("sqlite", "postgres")]
    [InlineData("postgres", "sqlite")]
    [InlineData("postgres", "postgres")]
    [InlineData("sqlite", "sqlite")]
    public async Task The_directory_moves_there_and_back_while_nodes_use_it(string from, string to)
    {
        var (a, b) = (await NewAsync(from, clusters.One), await NewAsync(to, clusters.Other));
        await SeedAsync(a);
        foreach (var (source, target) in (IEnumerable<(string, string)>)[(a, b), (b, a), (a, b)])
        {
            var nodes = await NodesAsync(source, target);
            await using (var users = new DirectoryUsers(writer => nodes[writer % nodes.Count], writers: 4))
            {
                await users.WaitForAsync(60);
                var done = await new DirectoryMover(nodes[0].Current, nodes[0].Next!, "mover", TimeProvider.System).RunAsync(_pause, _ => Task.CompletedTask, Cancellation);
                await users.WaitForAsync(users.Acknowledged + 60);
                await users.StopAsync();
                Assert.All(nodes, node => Assert.Null(node.Next));
                Assert.Equal(DirectoryState.Home, (await DirectoryFence.ReadAsync(nodes[0].Current, Cancellation)).State);
                await users.CheckAsync(nodes[0], Cancellation);
                Assert.True(done.Rows > 9000 && users.Reads > 50, $"{done}, {users.Reads} reads");
                await ForgetUsersAsync(nodes[0]);
                TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{from} to {to}: {done}, {users.Acknowledged} writes, {users.Reads} reads, the longest write {users.Longest.TotalMilliseconds:0} ms"));
            }

            // Whatever their configuration calls which, nodes that start find it; but not where it was, if they know no other place.
            Assert.Equal((await DirectoryFence.ReadAsync(nodes[0].Current, Cancellation)).Id, (await DirectoryFence.ReadAsync((await NodesAsync(source, target))[0].Current, Cancellation)).Id);
            Assert.Equal((await DirectoryFence.ReadAsync(nodes[0].Current, Cancellation)).Id, (await DirectoryFence.ReadAsync((await NodesAsync(target, null))[0].Current, Cancellation)).Id);
            var lost = await Assert.ThrowsAsync<HoldfastException>(() => NodesAsync(source, null));
            Assert.Contains("has moved", lost.Message, StringComparison.Ordinal);
            await ClearAsync();
        }
    }

    [Theory]
    [InlineData("sqlite", "postgres")]
    [InlineData("postgres", "postgres")]
    public async Task Whoever_moves_the_directory_may_be_killed_at_any_step(string from, string to)
    {
        var (here, there) = (await NewAsync(from, clusters.One), await NewAsync(to, clusters.Other));
        var (kills, moves, random) = (0, 0, new Random(7));
        await SeedAsync(here);
        for (var round = 0; round < (Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1" ? 60 : 8); round++)
        {
            var nodes = await NodesAsync(here, there);
            await using var users = new DirectoryUsers(writer => nodes[writer % nodes.Count], writers: 3);
            await users.WaitForAsync(20);
            var hasMoved = false;
            for (var tries = 0; !hasMoved; tries++)
            {
                var (at, isBehind) = (tries < 3 ? random.Next(1, 200) : int.MaxValue, random.Next(2) == 0);
                using var killed = new CancellationTokenSource();
                var steps = new Steps(step =>
                {
                    // As if killed: nothing that it does from then on arrives.
                    if (killed.IsCancellationRequested || (step.Number == at && step.IsBehind == isBehind))
                    {
                        killed.Cancel();
                        throw new KilledException();
                    }

                    return Task.CompletedTask;
                });
                try
                {
                    if (nodes[0].Next is not { } next)
                    {
                        // It was killed behind the decision, and all have gone on.
                        hasMoved = true;
                        break;
                    }

                    await new DirectoryMover(Stepping<IDatabase>.Make(nodes[0].Current, steps, "source"), Stepping<IDatabase>.Make(next, steps, "target"), $"mover {tries}", TimeProvider.System)
                        .RunAsync(_pause, _ => Task.CompletedTask, Cancellation);
                    hasMoved = true;
                }
                catch (KilledException)
                {
                    kills++;
                    var progress = users.Acknowledged;
                    if ((await DirectoryFence.ReadAsync(nodes[0].Current, Cancellation)).State != DirectoryState.Frozen)
                    {
                        await users.WaitForAsync(progress + 5);
                    }
                }
            }

            moves++;
            await users.WaitForAsync(users.Acknowledged + 20);
            await users.StopAsync();
            await users.CheckAsync(nodes[0], Cancellation);
            (here, there) = (there, here);
            Assert.Equal((await DirectoryFence.ReadAsync(nodes[0].Current, Cancellation)).Id, (await DirectoryFence.ReadAsync((await NodesAsync(here, there))[0].Current, Cancellation)).Id);
            await ForgetUsersAsync(nodes[0]);
            await ClearAsync();
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{from} to {to}: {moves} moves, {kills} movers killed");
        Assert.True(kills > 2, $"{kills} movers were killed");
    }

    /// <summary>While writes wait, so that what is sealed must be what was copied: a server that loses what it had not synced would be found out.</summary>
    [Fact]
    public async Task The_targets_server_may_crash_at_any_step_of_the_freeze()
    {
        var (a, b) = (await NewAsync("postgres", clusters.One), await NewAsync("postgres", clusters.Other));
        await SeedAsync(a);
        var nodes = await NodesAsync(a, b);
        var (crashes, random, most) = (0, new Random(11), Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1" ? 40 : 6);
        const int Every = 50;
        await using var users = new DirectoryUsers(writer => nodes[writer % nodes.Count], writers: 3);
        await users.WaitForAsync(20);
        for (var tries = 0; nodes[0].Next is { } next; tries++)
        {
            var (at, frozen, current) = (tries < most ? random.Next(Every) : -1, 0, nodes[0].Current);
            var steps = new Steps(async _ =>
            {
                if ((await DirectoryFence.ReadAsync(current, Cancellation)).State == DirectoryState.Frozen && ++frozen % Every == at)
                {
                    crashes++;
                    await clusters.Other.KillAsync(Cancellation);
                    await clusters.Other.StartServerAsync(Cancellation);
                }
            });
            try
            {
                await new DirectoryMover(Stepping<IDatabase>.Make(current, steps, "source"), Stepping<IDatabase>.Make(next, steps, "target"), $"mover {tries}", TimeProvider.System).RunAsync(_pause, _ => Task.CompletedTask, Cancellation);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable || exception.Kind == FailureTable.MoveRefused)
            {
                await users.WaitForAsync(users.Acknowledged + 5);
            }
        }

        await users.WaitForAsync(users.Acknowledged + 20);
        await users.StopAsync();
        await users.CheckAsync(nodes[0], Cancellation);
        Assert.True(crashes >= 3, $"{crashes} crashes");
        TestContext.Current.TestOutputHelper?.WriteLine($"{crashes} crashes");
    }

    [Fact]
    public async Task A_node_that_only_reads_goes_along_too()
    {
        var nodes = await NodesAsync(await NewAsync("postgres", clusters.One), await NewAsync("postgres", clusters.Other));
        await new DirectoryMover(nodes[0].Current, nodes[0].Next!, "mover", TimeProvider.System).RunAsync(_pause, _ => Task.CompletedTask, Cancellation);
        await nodes[0].WriteAsync(transaction => transaction.ExecuteAsync("INSERT INTO attempts (attempt_key, begun_at, tries) VALUES (@key, 1, 7)", new { key = new byte[16] }), Cancellation);
        foreach (var node in nodes)
        {
            Assert.Equal(7, await node.AskAsync(transaction => transaction.FindAsync<long>("SELECT tries FROM attempts WHERE attempt_key = @key", new { key = new byte[16] }), Cancellation));
        }
    }

    [Fact]
    public async Task Writers_give_up_what_a_dead_mover_froze()
    {
        var (a, b) = (await NewAsync("postgres", clusters.One), await NewAsync("postgres", clusters.Other));
        var nodes = await NodesAsync(a, b, TimeSpan.FromMilliseconds(300));
        var (fence, next) = (await DirectoryFence.ReadAsync(nodes[0].Current, Cancellation), nodes[0].Next!);
        var frozen = fence with { State = DirectoryState.Frozen, Epoch = fence.Epoch + 1, Attempt = 1, Other = (await DirectoryFence.ReadAsync(next, Cancellation)).Id, Mover = "dead" };
        Assert.True(await DirectoryFence.ChangeAsync(nodes[0].Current, fence, frozen, Cancellation));
        await using (var users = new DirectoryUsers(writer => nodes[writer % nodes.Count], writers: 2))
        {
            await users.WaitForAsync(20);
            await users.StopAsync();
            await users.CheckAsync(nodes[0], Cancellation);
        }

        // Should it not be dead after all, it decides nothing.
        Assert.False(await DirectoryFence.ChangeAsync(nodes[0].Current, frozen, frozen with { State = DirectoryState.Left, Epoch = frozen.Epoch + 1 }, Cancellation));
    }

    [Fact]
    public async Task A_pause_that_would_be_too_long_leaves_everything_where_it_is()
    {
        var (a, b) = (await NewAsync("sqlite", clusters.One), await NewAsync("postgres", clusters.Other));
        await SeedAsync(a);
        var nodes = await NodesAsync(a, b);
        await using var users = new DirectoryUsers(_ => nodes[0], writers: 2);
        await users.WaitForAsync(20);
        var refused = await Assert.ThrowsAsync<HoldfastException>(() => new DirectoryMover(nodes[0].Current, nodes[0].Next!, "mover", TimeProvider.System).RunAsync(TimeSpan.FromMilliseconds(1), _ => Task.CompletedTask, Cancellation));
        Assert.Equal(FailureTable.MoveRefused, refused.Kind);
        await users.WaitForAsync(users.Acknowledged + 20);
        await users.StopAsync();
        await users.CheckAsync(nodes[0], Cancellation);
        Assert.NotNull(nodes[0].Next);
    }

    [Fact]
    public async Task What_is_no_place_for_the_directory_is_refused()
    {
        var (a, b, c) = (await NewAsync("sqlite", clusters.One), await NewAsync("postgres", clusters.Other), await NewAsync("sqlite", clusters.One));

        // Another service's directory; one that somebody filled by hand; the same database; one of another version.
        await NodesAsync(c, null);
        await RefusedAsync(a, c, "a directory of its own");
        await ClearAsync();
        await (await OpenAsync(b)).WriteAsync(transaction => transaction.ExecuteAsync("INSERT INTO operators (name, token_hash, created_at) VALUES ('x', @hash, 1)", new { hash = new byte[32] }), Cancellation);
        await RefusedAsync(a, b, "no move put them there");
        await (await OpenAsync(b)).WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM operators"), Cancellation);
        await (await OpenAsync(b)).WriteAsync(transaction => transaction.ExecuteAsync("ALTER TABLE people ADD COLUMN colour TEXT"), Cancellation);
        await RefusedAsync(a, b, "colour");
        await (await OpenAsync(b)).WriteAsync(transaction => transaction.ExecuteAsync("ALTER TABLE people DROP COLUMN colour"), Cancellation);
        await (await OpenAsync(b)).WriteAsync(transaction => transaction.ExecuteAsync("UPDATE holdfast_schema SET number = number + 1"), Cancellation);
        await RefusedAsync(a, b, "of the same version");
        await (await OpenAsync(b)).WriteAsync(transaction => transaction.ExecuteAsync("UPDATE holdfast_schema SET number = number - 1"), Cancellation);
        Assert.Contains("one and the same", (await Assert.ThrowsAsync<HoldfastException>(() => NodesAsync(b, b))).Message, StringComparison.Ordinal);

        // A node whose configuration names another service's directory as the next one does not take it for its own.
        Assert.Contains("a directory of its own", (await Assert.ThrowsAsync<HoldfastException>(() => NodesAsync(a, c))).Message, StringComparison.Ordinal);
        var elsewhere = await NodesAsync(c, await NewAsync("postgres", clusters.Other));
        var other = elsewhere[0].Next!;
        await new DirectoryMover(elsewhere[0].Current, other, "mover", TimeProvider.System).RunAsync(_pause, _ => Task.CompletedTask, Cancellation);
        Assert.Contains("a directory of its own", (await Assert.ThrowsAsync<HoldfastException>(() => DirectoryHome.OpenAsync(() => OpenAsync(a), () => Task.FromResult(other), TimeProvider.System, Cancellation))).Message, StringComparison.Ordinal);

        // A node whose configuration takes the copy for the directory.
        await ClearAsync();
        var nodes = await NodesAsync(a, b);
        var there = await DirectoryFence.ReadAsync(nodes[0].Next!, Cancellation);
        await DirectoryFence.ChangeAsync(nodes[0].Next!, there, there with { State = DirectoryState.Incoming, Attempt = 1 }, Cancellation);
        Assert.Contains("next_directory", (await Assert.ThrowsAsync<HoldfastException>(() => NodesAsync(b, null))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_node_is_left_behind_and_one_that_was_reads_nothing()
    {
        var (a, b) = (await NewAsync("postgres", clusters.One), await NewAsync("postgres", clusters.Other));
        var lonely = (await NodesAsync(a, null))[0];
        var nodes = await NodesAsync(a, b);

        // One that comes while it is copied and could not go along has the move given up.
        var refused = await Assert.ThrowsAsync<HoldfastException>(() => new DirectoryMover(nodes[0].Current, nodes[0].Next!, "mover", TimeProvider.System).RunAsync(_pause, _ => NodesAsync(a, null), Cancellation));
        Assert.Equal((FailureTable.MoveRefused, DirectoryState.Home), (refused.Kind, (await DirectoryFence.ReadAsync(nodes[0].Current, Cancellation)).State));

        // As does one whose next database is away: it begins, and the directory stays.
        Assert.Null((await NodesAsync(a, "Host=127.0.0.1;Port=1;Database=x;Username=x;Timeout=2"))[0].Next);
        await new DirectoryMover(nodes[0].Current, nodes[0].Next!, "mover", TimeProvider.System).RunAsync(_pause, _ => Task.CompletedTask, Cancellation);

        // A program from before there was a row to look at does not start where the directory was.
        Assert.InRange(await (await OpenAsync(a)).AskAsync(transaction => transaction.FindAsync<long>("SELECT oldest FROM holdfast_schema WHERE kind = 'Directory'"), Cancellation), 12, SchemaUpgrade.NewestOf(DatabaseKind.Directory));
        await Assert.ThrowsAsync<HoldfastException>(() => lonely.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM attempts"), Cancellation));
        Assert.Contains("has moved", (await Assert.ThrowsAsync<HoldfastException>(() => lonely.AskAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM attempts"), Cancellation))).Message, StringComparison.Ordinal);
    }

    private async Task RefusedAsync(string from, string to, string why)
    {
        var database = await OpenAsync(to);
        var home = await DirectoryHome.OpenAsync(() => OpenAsync(from), null, TimeProvider.System, Cancellation);
        var refused = await Assert.ThrowsAsync<HoldfastException>(() => new DirectoryMover(home.Current, database, "mover", TimeProvider.System).RunAsync(_pause, _ => Task.CompletedTask, Cancellation));
        Assert.Equal(FailureTable.MoveRefused, refused.Kind);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        await ClearAsync();
    }

    /// <summary>As many nodes as both engines bear: SQLite is for one.</summary>
    private async Task<IReadOnlyList<DirectoryHome>> NodesAsync(string directory, string? next, TimeSpan? givesUpAfter = null)
    {
        var nodes = new List<DirectoryHome>();
        var isShared = !directory.StartsWith("sqlite", StringComparison.Ordinal) && next?.StartsWith("sqlite", StringComparison.Ordinal) != true;
        for (var i = 0; i < (isShared ? 3 : 1); i++)
        {
            nodes.Add(await DirectoryHome.OpenAsync(() => OpenAsync(directory), next is null ? null : () => OpenAsync(next), TimeProvider.System, Cancellation, givesUpAfter));
        }

        return nodes;
    }

    private async Task<IDatabase> OpenAsync(string source)
    {
        if (_files.TryGetValue(source, out var open))
        {
            return open;
        }

        var database = await DatabaseSource.OpenAsync(source, DatabaseKind.Directory, Cancellation);
        _opened.Add(database);
        if (source.StartsWith("sqlite", StringComparison.Ordinal))
        {
            _files[source] = database;
        }

        return database;
    }

    private async Task ClearAsync()
    {
        foreach (var database in _opened)
        {
            await database.DisposeAsync();
        }

        _opened.Clear();
        _files.Clear();
    }

    private async Task<string> NewAsync(string engine, PostgresCluster cluster) => engine == "sqlite" ? $"sqlite:{_folder}/{Guid.NewGuid():N}.db" : $"{await cluster.NewDatabaseAsync("directory", Cancellation)};Maximum Pool Size=10";

    /// <summary>Rows enough for several pieces of a table, with every kind of value.</summary>
    private async Task SeedAsync(string source)
    {
        await (await OpenAsync(source)).WriteAsync(async transaction =>
        {
            await transaction.ExecuteEachAsync("INSERT INTO samples (metric, subject, day, value) VALUES (@metric, @subject, @day, @value)",
                Enumerable.Range(0, 9001).Select(i => (object)new { metric = $"metric {i % 7}", subject = $"é{i % 97:x}", day = (long)i, value = (long)i * i }));
            await transaction.ExecuteAsync("INSERT INTO people (person_id, email, email_key, name, security_stamp, two_factor, created_at, version) VALUES ('p', 'a@example.org', 'A@EXAMPLE.ORG', '', 's', 0, 1, 'v')");
            return await transaction.ExecuteAsync("INSERT INTO idempotency_keys (key_id, request_hash, begun_at, answer) VALUES (@key, @hash, 1, @empty)", new { key = new byte[32], hash = new byte[] { 0, 255, 39, 92 }, empty = Array.Empty<byte>() });
        }, Cancellation);
    }

    private static Task ForgetUsersAsync(IDatabase directory) => directory.WriteAsync(async transaction =>
        await transaction.ExecuteAsync("DELETE FROM attempts") + await transaction.ExecuteAsync("DELETE FROM outbox") + await transaction.ExecuteAsync("DELETE FROM accounts"), Cancellation);

    private sealed class KilledException : Exception;
}
