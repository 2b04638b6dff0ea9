using Holdfast.Authority.Moving;

namespace Holdfast.Moving.Tests;

/// <summary>Copies of the directory and of each store are of moments of their own: whatever moved in between, each account has one home again.</summary>
public sealed class RestoredTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-moving-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_account_that_moved_while_the_copies_were_made_has_one_home(bool isDirectoryOlder)
    {
        for (var last = 1; last <= 26; last++)
        {
            await using var service = await MovingService.OpenAsync($"sqlite:{_folder}/{last}.directory", $"sqlite:{_folder}/{last}.a", $"sqlite:{_folder}/{last}.b", Cancellation);
            var account = await service.AddAccountAsync("customer", Cancellation);
            var (checker, client) = (new Checker(account), new Client(service, account, "client", last));
            await WriteAsync(10);
            var (at, reached) = (last, new TaskCompletionSource());

            // It hangs there for ever, as if its process had ended.
            var moving = new Steps(step =>
            {
                if (step.Number != at || !step.IsBehind)
                {
                    return Task.CompletedTask;
                }

                reached.SetResult();
                return new TaskCompletionSource().Task;
            }).NewMover(service, MoverSettings.Default with { FreezeMost = Timeout.InfiniteTimeSpan }).MoveAsync(account, "b", new MoveWatch(), Cancellation);
            await await Task.WhenAny(reached.Task, moving);
            if (isDirectoryOlder)
            {
                await service.DirectoryDatabase.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE accounts SET home = 'a', epoch = 1, move_state = 'none', move_other = NULL, mover = NULL, move_attempt = 0"), Cancellation);
            }

            await new RestoredMoves(service.DirectoryDatabase, service.Homes).SettleAsync(Cancellation);
            await checker.CheckAsync(service, Cancellation);
            await WriteAsync(5);
            var watch = new MoveWatch();
            var target = (await service.Ledger.ReadAsync(account, Cancellation)).Home == "a" ? "b" : "a";
            Assert.True(await service.Movers.New().MoveAsync(account, target, watch, Cancellation) == MoveOutcome.Moved, watch.Reason);
            await WriteAsync(5);
            await checker.CheckAsync(service, Cancellation);

            async Task WriteAsync(int count)
            {
                for (var i = 0; i < count; i++)
                {
                    var (version, rows) = await client.WriteAsync(checker.Begun, Cancellation);
                    checker.Done(version, rows);
                }
            }
        }
    }

    /// <summary>The source was copied while it was fenced; the target an hour later, with what was written there since, and under the same epoch.</summary>
    [Fact]
    public async Task Of_two_stores_with_the_same_epoch_the_open_one_is_home()
    {
        await using var service = await MovingService.OpenAsync($"sqlite:{_folder}/directory", $"sqlite:{_folder}/a", $"sqlite:{_folder}/b", Cancellation);
        var account = await service.AddAccountAsync("customer", Cancellation);
        var (checker, client) = (new Checker(account), new Client(service, account, "client", 1));
        await WriteAsync(10);
        Assert.Equal(MoveOutcome.Moved, await service.Movers.New().MoveAsync(account, "b", new MoveWatch(), Cancellation));
        await WriteAsync(10);
        await service.Homes["a"].WriteAsync(transaction => transaction.ExecuteAsync("UPDATE fence SET state = 'frozen' WHERE state = 'left'"), Cancellation);
        await new RestoredMoves(service.DirectoryDatabase, service.Homes).SettleAsync(Cancellation);
        await checker.CheckAsync(service, Cancellation);

        // No store has it: it begins empty where the directory says, and the pod fills it.
        await service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM fence"), Cancellation);
        await service.Homes["b"].WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM objects"), Cancellation);
        await new RestoredMoves(service.DirectoryDatabase, service.Homes).SettleAsync(Cancellation);
        checker = new Checker(account);
        await WriteAsync(5);
        await checker.CheckAsync(service, Cancellation);

        async Task WriteAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                var (version, rows) = await client.WriteAsync(checker.Begun, Cancellation);
                checker.Done(version, rows);
            }
        }
    }
}
