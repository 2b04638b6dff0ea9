using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Tests;

namespace Holdfast.Moving.Tests;

/// <summary>What went wrong in other movers of live data, by their trackers: each has a test here.</summary>
public sealed class BugClassTests(SharedClusters clusters) : IClassFixture<SharedClusters>, IAsyncLifetime
{
    private static readonly MoverSettings _small = MoverSettings.Default with { RowsAtOnce = 3 };

    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-moving-").FullName;
    private readonly MoveWatch _watch = new();
    private MovingService _service = null!;
    private AccountId _account;
    private Checker _checker = null!;
    private Client _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>From PostgreSQL to SQLite: the two differ most.</summary>
    public async ValueTask InitializeAsync()
    {
        _service = await MovingService.OpenAsync($"sqlite:{_folder}/directory.db", await clusters.One.NewDatabaseAsync("a", Cancellation), $"sqlite:{_folder}/b.db", Cancellation);
        _account = await _service.AddAccountAsync("customer", Cancellation);
        (_checker, _client) = (new Checker(_account), new Client(_service, _account, "client", 1));
        await WriteAsync(20);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>vitess#6951: the switch did not wait until all was copied.</summary>
    [Fact]
    public async Task Class_1_what_is_written_just_before_the_fence_is_there_behind_it()
    {
        await MovesAsync(step => step is { What: "a FenceAsync", IsBehind: false } ? WriteAsync(30) : Task.CompletedTask, _small);
    }

    /// <summary>vitess#9400: a transaction that began before the freeze committed after the switch.</summary>
    [Fact]
    public async Task Class_2_a_write_that_is_under_way_comes_along_or_the_move_is_given_up()
    {
        var (begun, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var place = await _service.PlaceOfAsync(_account, Cancellation);
        Task<int> HoldAsync(string name) => _service.Store.WriteAsync(place, async transaction =>
        {
            var written = await transaction.ExecuteAsync("INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, version) VALUES (@account, 1, @name, @hash, 'Add', 0, 1, @version) ON CONFLICT (account_id, computer) DO UPDATE SET name = @name, version = @version", new { name, hash = new byte[1] });
            begun.TrySetResult();
            await go.Task;
            return written;
        }, Cancellation);

        // It holds on for longer than writers may wait: the source goes on, and what it wrote is there.
        var writing = HoldAsync("early");
        await begun.Task;
        var givenUp = NewMover(_ => Task.CompletedTask).MoveAsync(_account, "b", _watch, Cancellation);
        await WaitAsync(async () => (await _service.Ledger.ReadAsync(_account, Cancellation)).State == MoveState.Aborting);
        go.SetResult();
        Assert.Equal(1, await writing);
        await Assert.ThrowsAnyAsync<Exception>(() => givenUp);
        await StaysAsync();

        // It ends in time: it is there behind the move.
        (begun, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        place = await _service.PlaceOfAsync(_account, Cancellation);
        writing = HoldAsync("late");
        await begun.Task;
        var moved = NewMover(step =>
        {
            if (step is { What: "a FenceAsync", IsBehind: false })
            {
                go.SetResult();
            }

            return Task.CompletedTask;
        }).MoveAsync(_account, "b", _watch, Cancellation);
        Assert.Equal(MoveOutcome.Moved, await moved);
        Assert.Equal(1, await writing);
        Assert.Equal("late", await _service.Store.ReadAsync(await _service.PlaceOfAsync(_account, Cancellation), transaction => transaction.FindAsync<string>("SELECT name FROM devices WHERE account_id = @account"), Cancellation));
        await EndsAsync();
    }

    /// <summary>vitess#19680, #17326: a cancellation or a crash between the decision and the end left both sides half.</summary>
    [Fact]
    public async Task Class_3_behind_the_decision_nothing_stops_it()
    {
        using var caller = new CancellationTokenSource();
        Assert.Equal(MoveOutcome.Moved, await NewMover(step => IsDecision(step) ? caller.CancelAsync() : Task.CompletedTask).MoveAsync(_account, "b", _watch, caller.Token));
        await WriteAsync(5);

        // And one that is gone at that moment is completed by whoever finds it: here a writer that waits.
        await _service.Movers.SettleAsync(_account, Cancellation);
        var died = NewMover(step => IsDecision(step) ? throw new IOException("killed") : Task.CompletedTask);
        var away = new Steps(step => IsDecision(step) ? new TaskCompletionSource().Task : Task.CompletedTask).NewMover(_service);
        var hanging = away.MoveAsync(_account, "a", _watch, Cancellation);
        await WaitAsync(async () => (await _service.Ledger.ReadAsync(_account, Cancellation)).State == MoveState.Decided);
        await WriteAsync(5);
        await _service.Movers.RecoverAsync(_account, Cancellation);
        Assert.Equal(("a", MoveState.Reverse), ((await _service.Ledger.ReadAsync(_account, Cancellation)).Home, (await _service.Ledger.ReadAsync(_account, Cancellation)).State));
        Assert.False(hanging.IsCompleted);
        Assert.Equal(MoveOutcome.Moved, await CompleteAsync(died));
        await EndsAsync();

        async Task<MoveOutcome> CompleteAsync(Mover mover)
        {
            await _service.Movers.SettleAsync(_account, Cancellation);
            await Assert.ThrowsAsync<IOException>(() => mover.MoveAsync(_account, "b", _watch, Cancellation));
            return (await _service.Ledger.ReadAsync(_account, Cancellation)).Home == "b" ? MoveOutcome.Moved : MoveOutcome.GivenUp;
        }
    }

    /// <summary>ghostferry#149, #217: a row that was written while it was compared was taken for one that differs, again and again.</summary>
    [Fact]
    public async Task Class_4_rows_that_are_written_while_they_are_compared_are_no_difference()
    {
        var left = 15;
        await MovesAsync(step => step is { What: "a ReadMarksAsync" or "b ReadMarksAsync" or "a SumAsync" } && left-- > 0 ? WriteAsync(3) : Task.CompletedTask, _small);
        Assert.Null(_watch.Reason);
    }

    /// <summary>While all is compared more is written than writers may wait for: what comes next is compared without what was compared already, so it becomes less.</summary>
    [Fact]
    public async Task Class_4_an_account_that_is_written_to_while_all_of_it_is_compared_moves()
    {
        await WriteAsync(30);
        await MovesAsync(step => step is { What: "a FindEndAsync", IsBehind: false } ? WriteAsync(1) : Task.CompletedTask, _small with { UnverifiedMost = 6 });
    }

    /// <summary>What is written while indexes are made may be much: it is copied before anybody is fenced.</summary>
    [Fact]
    public async Task Class_1_what_is_written_while_indexes_are_made_is_copied_before_the_fence()
    {
        var (ready, written, steps) = (new TaskCompletionSource(), new TaskCompletionSource(), new List<string>());
        var watch = new MoveWatch { Ready = ready.Task };
        var moving = NewMover(async step =>
        {
            steps.Add(step.What);
            if (step is { What: "b ApplyAsync", IsBehind: true } && !written.Task.IsCompleted)
            {
                await WriteAsync(20);
                written.SetResult();
            }
        }, MoverSettings.Default).MoveAsync(_account, "b", watch, Cancellation);
        await written.Task;
        await Task.Delay(500, Cancellation);
        Assert.DoesNotContain("a FenceAsync", steps);
        ready.SetResult();
        Assert.True(await moving == MoveOutcome.Moved, watch.Reason);
        Assert.InRange(watch.Rows, 40, 100);
        Assert.InRange(steps.Take(steps.IndexOf("a FenceAsync")).Count(step => step == "b ApplyAsync"), 4, 100);
        await WriteAsync(5);
        await EndsAsync();
    }

    /// <summary>Others go before a freeze: what is written meanwhile is copied before anybody waits, and who has taken the place by then is asked for.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Class_1_what_is_written_while_a_freeze_waits_for_its_turn_is_copied_before_the_fence(bool isTaken)
    {
        var turns = new MoveTurns(1, TimeProvider.System, TimeSpan.FromMinutes(1));
        var (piece, compared, steps) = (await turns.PieceAsync(Cancellation), new TaskCompletionSource(), new List<string>());
        var moving = NewMover(step =>
        {
            steps.Add(step.What);
            if (step is { What: "b ReadMarksAsync", IsBehind: true })
            {
                compared.TrySetResult();
            }

            return Task.CompletedTask;
        }, MoverSettings.Default, turns).MoveAsync(_account, "b", _watch, Cancellation);
        await compared.Task;
        await WriteAsync(7);
        if (isTaken)
        {
            var row = await _service.Ledger.ReadAsync(_account, Cancellation);
            Assert.True(await _service.Side("b").PrepareAsync(_account, row.Epoch, row.Attempt, "another", Cancellation));
        }

        await Task.Delay(2 * MoverSettings.Default.PieceMost, Cancellation);
        Assert.DoesNotContain("a FenceAsync", steps);
        piece.Dispose();
        Assert.True(await moving == MoveOutcome.Moved, _watch.Reason);
        Assert.Contains("b ApplyAsync", steps.Take(steps.IndexOf("a FenceAsync")).Skip(steps.IndexOf("b ReadMarksAsync")));
        Assert.Equal(isTaken ? 2 : 1, steps.Count(step => step == "b PrepareAsync") / 2);
        await WriteAsync(5);
        await EndsAsync();
        (await turns.PieceAsync(Cancellation)).Dispose();
    }

    /// <summary>Only what came since is compared again: a row whose deletion did not come along must not live on.</summary>
    [Fact]
    public async Task Class_5_a_deletion_that_did_not_come_along_is_found()
    {
        var (isDeleted, was) = (false, 0L);
        var outcome = await NewMover(async step =>
        {
            if (step is { What: "a SumAsync" or "a ReadMarksAsync", IsBehind: true } && !isDeleted)
            {
                isDeleted = true;
                was = await _client.ReadAsync(7, Cancellation);
                await _service.Store.WriteAsync(await _service.PlaceOfAsync(_account, Cancellation), transaction =>
                    transaction.ExecuteAsync("UPDATE objects SET deleted = 1, version = @version WHERE account_id = @account AND number = 7"), Cancellation);
            }
            else if (step is { What: "b ApplyAsync", IsBehind: true } && isDeleted)
            {
                await _service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync("UPDATE objects SET deleted = 0, version = @was WHERE number = 7", new { was }), Cancellation);
            }
        }, MoverSettings.Default with { UnverifiedMost = 0, PieceMost = Timeout.InfiniteTimeSpan }).MoveAsync(_account, "b", _watch, Cancellation);
        Assert.Equal(MoveOutcome.GivenUp, outcome);
        Assert.Contains("objects/n7", _watch.Reason, StringComparison.Ordinal);
    }

    /// <summary>ghostferry#99: who verified shared code with who copied. Here what is stored is compared, by other statements.</summary>
    [Theory]
    [InlineData("UPDATE objects SET checksum = @wrong WHERE number = 7")]
    [InlineData("DELETE FROM objects WHERE number = 7")]
    [InlineData("UPDATE objects SET number = -7 WHERE number = 7")]
    public async Task Class_5_a_row_that_was_copied_wrongly_is_found(string wrongly)
    {
        var outcome = await NewMover(step => step is { What: "b ApplyAsync", IsBehind: true }
            ? _service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync(wrongly, new { wrong = new byte[] { 1 } }), Cancellation) : Task.CompletedTask).MoveAsync(_account, "b", _watch, Cancellation);
        Assert.Equal(MoveOutcome.GivenUp, outcome);
        Assert.Contains("objects/n7", _watch.Reason, StringComparison.Ordinal);
        await StaysAsync();
    }

    /// <summary>A row that the target has and the source has not would be taken for one that was written meanwhile.</summary>
    [Fact]
    public async Task Class_5_a_row_too_many_is_found_while_others_are_written()
    {
        var left = 15;
        var outcome = await NewMover(async step =>
        {
            if (step is { What: "b ApplyAsync", IsBehind: true })
            {
                await _service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync("UPDATE objects SET number = 77777 WHERE number = 3"), Cancellation);
            }
            else if (step is { What: "a ReadMarksAsync" or "a SumAsync" } && left-- > 0)
            {
                await WriteAsync(3);
            }
        }, _small).MoveAsync(_account, "b", _watch, Cancellation);
        Assert.Equal(MoveOutcome.GivenUp, outcome);
        Assert.Contains("objects/n77777", _watch.Reason, StringComparison.Ordinal);
        await StaysAsync();
    }

    /// <summary>ghostferry#249: the positions of two streams were mixed up. Here each belongs to an attempt and a mover.</summary>
    [Fact]
    public async Task Class_6_a_mover_goes_on_from_its_own_position_and_no_other()
    {
        var applied = 0;
        await Assert.ThrowsAsync<IOException>(() => NewMover(step => step is { What: "b ApplyAsync", IsBehind: true } && ++applied == 3 ? throw new IOException("killed") : Task.CompletedTask, _small).MoveAsync(_account, "b", _watch, Cancellation));
        var row = await _service.Ledger.ReadAsync(_account, Cancellation);
        Assert.NotEqual(RowPosition.Begin, await _service.Side("b").PositionAsync(_account, row.Attempt, row.Mover!, Cancellation));
        Assert.Equal(RowPosition.Begin, await _service.Side("b").PositionAsync(_account, row.Attempt, "another", Cancellation));
        Assert.Equal(RowPosition.Begin, await _service.Side("b").PositionAsync(_account, row.Attempt + 1, row.Mover!, Cancellation));

        // The next one goes on there: less than all is copied.
        var watch = new MoveWatch();
        Assert.Equal(MoveOutcome.Moved, await NewMover(_ => Task.CompletedTask, _small).MoveAsync(_account, "b", watch, Cancellation));
        Assert.True(watch.Rows < await _service.CountRowsAsync("b", _account, Cancellation), $"{watch.Rows} rows were copied");
        await EndsAsync();
    }

    /// <summary>ghostferry#173: somebody else wrote to the target.</summary>
    [Fact]
    public async Task Class_7_foreign_rows_in_the_target_are_found_and_nobody_can_write_there()
    {
        var fenced = 0;
        var outcome = await NewMover(async step =>
        {
            if (step is { What: "b ApplyAsync", IsBehind: true } && fenced++ == 0)
            {
                // Whoever thinks that this is home already writes nothing.
                await Assert.ThrowsAsync<HoldfastException>(() => new AccountStore(_service.Homes, TimeProvider.System).WriteAsync(new AccountPlace(_account, "customer", "b", 1, "open"), transaction => transaction.ExecuteAsync("DELETE FROM objects"), Cancellation));
                await _service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync("INSERT INTO collected (account_id, collection_number, pack, frame, version) VALUES (@id, 1, 1, 1, 1)", new { id = _account.ToArray() }), Cancellation);
            }
        }).MoveAsync(_account, "b", _watch, Cancellation);
        Assert.Equal((MoveOutcome.GivenUp, true), (outcome, _watch.Reason!.Contains("collected/n1/n1/n1", StringComparison.Ordinal)));
        await StaysAsync();
    }

    /// <summary>What was copied is not synced before the seal: a crash of the target between the last look at its position and the seal undoes rows and position together, and nothing that is compared behind the fence would show it.</summary>
    [Fact]
    public async Task A_target_that_lost_what_was_compared_is_not_sealed()
    {
        var isFenced = false;
        var outcome = await NewMover(async step =>
        {
            isFenced |= step is { What: "a FenceAsync", IsBehind: true };
            if (isFenced && step is { What: "a ReadRowsAsync", IsBehind: true })
            {
                await _service.Homes["b"].WriteAsync(async transaction =>
                    await transaction.ExecuteAsync("UPDATE fence SET position_version = 0 WHERE account_id = @id", new { id = _account.ToArray() }) + await transaction.ExecuteAsync("DELETE FROM objects WHERE account_id = @id", new { id = _account.ToArray() }), Cancellation);
            }
        }).MoveAsync(_account, "b", _watch, Cancellation);
        Assert.Equal((MoveOutcome.GivenUp, true), (outcome, isFenced));
        await StaysAsync();
    }

    /// <summary>gh-ost#909, #444, #784: rows with binary keys were lost; a copy in part was taken for whole after time-outs; the switch was tried again and again while hours of work were left.</summary>
    [Fact]
    public async Task Class_8_keys_of_any_bytes_move_and_a_copy_in_part_is_never_taken_for_whole()
    {
        await _service.Store.WriteAsync(await _service.PlaceOfAsync(_account, Cancellation), async transaction =>
        {
            for (var i = 0; i < 40; i++)
            {
                byte[] head = [0, (byte)(i * 7), (byte)'/', 0xff, 0x27, 0x5c, (byte)i, 0];
                await transaction.ExecuteAsync("INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version) VALUES (@account, @head, 1, @i, @i, 'live', @head, 1, 1, @version)", new { head, i = (long)i });
                await transaction.ExecuteAsync("INSERT INTO snapshot_pages (account_id, head_id, page_index, page_number, page_hash, version) VALUES (@account, @head, @i, @i, @head, @version)", new { head, i = (long)i - 20 });
            }

            return await transaction.ExecuteAsync("INSERT INTO proofs (account_id, kind, number, started_at, ended_at, snapshots, objects, bytes, damages, evidence, version) VALUES (@account, @kind, 1, 1, 1, 1, 1, 1, 0, @evidence, @version)", new { kind = "it's @account/½", evidence = "\u00fc\\'\"\n" });
        }, Cancellation);

        // A target that does not answer in the middle: what came in is not home.
        var applied = 0;
        await Assert.ThrowsAsync<HoldfastException>(() => NewMover(step => step is { What: "b ApplyAsync", IsBehind: false } && ++applied == 5 ? throw new HoldfastException(FailureTable.ServiceUnavailable, "a time-out") : Task.CompletedTask, _small).MoveAsync(_account, "b", _watch, Cancellation));
        Assert.Equal("a", (await _service.PlaceOfAsync(_account, Cancellation)).Home);

        // A target that is slow: writers are not kept waiting at all.
        var slow = new MoveWatch();
        Assert.Equal(MoveOutcome.GivenUp, await NewMover(step => step is { What: "b ApplyAsync", IsBehind: false } ? Task.Delay(30, Cancellation) : Task.CompletedTask, MoverSettings.Default with { PieceMost = TimeSpan.FromMilliseconds(10), RoundsMost = 5 }).MoveAsync(_account, "b", slow, Cancellation));
        Assert.Null(slow.Freeze);
        await MovesAsync(_ => Task.CompletedTask, _small);
        Assert.Equal(40, await _service.Homes["b"].ReadAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM snapshots s JOIN snapshot_pages p ON p.head_id = s.head_id WHERE s.head = s.head_id"), Cancellation));
    }

    /// <summary>Citus#4955, #5329, #7896, #6727: what a killed coordinator had made was in the way, or stayed for ever.</summary>
    [Fact]
    public async Task Class_9_what_a_killed_mover_left_is_in_nobodys_way_and_does_not_stay()
    {
        for (var killed = 1; killed <= 6; killed++)
        {
            await Assert.ThrowsAsync<IOException>(() => NewMover(step => step.Number == 2 * killed ? throw new IOException("killed") : Task.CompletedTask, _small).MoveAsync(_account, "b", _watch, Cancellation));
            if (killed % 2 == 0)
            {
                await _service.Movers.SettleAsync(_account, Cancellation);
                Assert.Equal(0, await _service.CountRowsAsync("b", _account, Cancellation));
            }
        }

        const string CountIndexes = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%_versions'";
        // An index that was begun and not finished is of no use: it is made anew, and dropped behind the move.
        await using var there = await MovingService.OpenAsync($"sqlite:{_folder}/other.db", $"sqlite:{_folder}/c.db", await clusters.Other.NewDatabaseAsync("d", Cancellation), Cancellation);
        var source = await clusters.Other.NewDatabaseAsync("e", Cancellation);
        await using var database = await Authority.Databases.DatabaseSource.OpenAsync(source, Authority.Databases.DatabaseKind.Accounts, Cancellation);
        await VersionIndexes.MakeAsync(database, Cancellation);
        await clusters.Other.AskAsync(source, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'objects_versions'::regclass", Cancellation);
        await VersionIndexes.MakeAsync(database, Cancellation);
        Assert.Equal("t", (await clusters.Other.AskAsync(source, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'objects_versions'::regclass", Cancellation)).Trim());
        await VersionIndexes.DropAsync(database, () => Task.FromResult(true), Cancellation);
        Assert.Equal(AccountTables.Names.Count.ToString(CultureInfo.InvariantCulture), (await clusters.Other.AskAsync(source, CountIndexes, Cancellation)).Trim());
        await VersionIndexes.DropAsync(database, () => Task.FromResult(false), Cancellation);
        Assert.Equal("0", (await clusters.Other.AskAsync(source, CountIndexes, Cancellation)).Trim());

        // Two moves begin at once: neither drops as unfinished what the other is making.
        await clusters.Other.AskAsync(source, "INSERT INTO proofs (account_id, kind, number, started_at, ended_at, snapshots, objects, bytes, damages, evidence, version) SELECT '\\x01', 'kind', n, 1, 1, 1, 1, 1, 0, '', n FROM generate_series(1, 100000) n", Cancellation);
        await using var second = await Authority.Databases.DatabaseSource.OpenAsync(source, Authority.Databases.DatabaseKind.Accounts, Cancellation);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => VersionIndexes.MakeAsync(i % 2 == 0 ? database : second, Cancellation)));
        Assert.Equal(AccountTables.Names.Count.ToString(CultureInfo.InvariantCulture), (await clusters.Other.AskAsync(source, "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid::regclass::text LIKE '%_versions'", Cancellation)).Trim());
        await MovesAsync(_ => Task.CompletedTask, _small);
    }

    /// <summary>Logical replication copies rows, and no sequences: numbers began anew.</summary>
    [Fact]
    public async Task Class_10_numbers_and_versions_go_on_where_they_ended()
    {
        const string Numbers = "SELECT next_version, next_number, next_computer, next_session, collection_number FROM fence WHERE account_id = @id";
        await _service.Homes["a"].WriteAsync(transaction => transaction.ExecuteAsync("UPDATE fence SET next_computer = 17, next_session = 23, collection_number = 5"), Cancellation);
        var before = await NumbersAsync("a");
        await MovesAsync(_ => Task.CompletedTask, _small, writes: 0);
        Assert.Equal(before, await NumbersAsync("b"));
        await WriteAsync(3);
        await EndsAsync();

        Task<(long, long, long, long, long)> NumbersAsync(string store) => _service.Homes[store].ReadAsync(transaction => transaction.FindAsync<(long, long, long, long, long)>(Numbers, new { id = _account.ToArray() }), Cancellation);
    }

    private static bool IsDecision(Step step) => step is { What: "directory ChangeAsync", IsBehind: true } && step.Arguments[2] is MoveRow { State: MoveState.Decided };

    private static async Task WaitAsync(Func<Task<bool>> isDone)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!await isDone())
        {
            await look.WaitForNextTickAsync(Cancellation);
        }
    }

    private Mover NewMover(Func<Step, Task> act, MoverSettings? settings = null, MoveTurns? turns = null) => new Steps(act).NewMover(_service, settings, turns);

    private async Task WriteAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var (version, rows) = await _client.WriteAsync(_checker.Begun, Cancellation);
            _checker.Done(version, rows);
        }
    }

    private async Task MovesAsync(Func<Step, Task> act, MoverSettings settings, int writes = 5)
    {
        Assert.True(await NewMover(act, settings).MoveAsync(_account, "b", _watch, Cancellation) == MoveOutcome.Moved, _watch.Reason);
        await WriteAsync(writes);
        await EndsAsync();
    }

    /// <summary>The account stays where it was, is written to, and nothing is left elsewhere.</summary>
    private async Task StaysAsync()
    {
        await WriteAsync(5);
        Assert.Equal("a", (await _service.PlaceOfAsync(_account, Cancellation)).Home);
        await EndsAsync();
    }

    private async Task EndsAsync()
    {
        await _service.Movers.SettleAsync(_account, Cancellation);
        await _checker.CheckAsync(_service, Cancellation);
    }
}
