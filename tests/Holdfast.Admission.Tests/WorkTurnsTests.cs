using System.Collections.Concurrent;

namespace Holdfast.Admission.Tests;

public sealed class WorkTurnsTests
{
    [Fact]
    public async Task A_restore_goes_before_every_backup_that_waits_and_finds_a_place_of_its_own()
    {
        var turns = new WorkTurns<string>(new Slots(() => 4, () => 2), 100, new ManualTime());
        var backups = Enumerable.Range(0, 20).Select(number => turns.TryTakeAsync(WorkClass.Backup, $"account {number}", 1, TestContext.Current.CancellationToken).AsTask()).ToList();
        Assert.Equal(2, backups.Count(backup => backup.IsCompleted));
        Assert.True(await turns.TryTakeAsync(WorkClass.Interactive, "people", 1, TestContext.Current.CancellationToken));

        // All that others may have is taken; the restores' place is not.
        var console = turns.TryTakeAsync(WorkClass.Interactive, "people", 1, TestContext.Current.CancellationToken).AsTask();
        Assert.False(console.IsCompleted);
        Assert.True(await turns.TryTakeAsync(WorkClass.Restore, "somebody", 1, TestContext.Current.CancellationToken));
        var second = turns.TryTakeAsync(WorkClass.Restore, "somebody", 1, TestContext.Current.CancellationToken).AsTask();
        Assert.False(second.IsCompleted);

        turns.Return(WorkClass.Backup);
        Assert.True(await second);
        Assert.False(console.IsCompleted);
        Assert.Equal(2, backups.Count(backup => backup.IsCompleted));
    }

    [Fact]
    public async Task Who_waits_no_more_leaves_its_room_and_what_does_not_fit_is_refused()
    {
        var turns = new WorkTurns<string>(new Slots(() => 1, restoreShare: 0), 4, new ManualTime());
        using var gone = new CancellationTokenSource();
        Assert.True(await turns.TryTakeAsync(WorkClass.Backup, "first", 1, TestContext.Current.CancellationToken));
        var waiting = Enumerable.Range(0, 4).Select(number => turns.TryTakeAsync(WorkClass.Backup, $"account {number}", 1, number == 0 ? gone.Token : TestContext.Current.CancellationToken).AsTask()).ToList();
        Assert.False(await turns.TryTakeAsync(WorkClass.Backup, "late", 1, TestContext.Current.CancellationToken));

        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting[0]);
        waiting.Add(turns.TryTakeAsync(WorkClass.Backup, "late", 1, TestContext.Current.CancellationToken).AsTask());

        // What is more urgent takes the room of the newest.
        var urgent = turns.TryTakeAsync(WorkClass.Restore, "somebody", 1, TestContext.Current.CancellationToken).AsTask();
        Assert.False(await waiting[^1]);
        turns.Return(WorkClass.Backup);
        Assert.True(await urgent);
        turns.Return(WorkClass.Restore);
        Assert.True(await waiting[1]);
    }

    [Fact]
    public async Task Work_that_gives_way_has_one_step_at_once_for_each_processor_and_waits_take_none()
    {
        using var steps = new GivingWay("test", () => { }, processors: 2);
        var (atOnce, most, threads) = (0, 0, new ConcurrentDictionary<int, bool>());
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var began = 0;
        var all = Enumerable.Range(0, 100).Select(_ => steps.RunAsync(async () =>
        {
            Step();
            if (Interlocked.Increment(ref began) == 100)
            {
                // Everybody waits at the same time.
                release.SetResult();
            }

            await release.Task;
            Step();
        })).ToList();
        await Task.WhenAll(all);
        Assert.InRange(most, 1, 2);
        Assert.InRange(threads.Count, 1, 2);
        await Assert.ThrowsAsync<InvalidDataException>(() => steps.RunAsync(() => throw new InvalidDataException()));

        void Step()
        {
            threads[Environment.CurrentManagedThreadId] = true;
            var now = Interlocked.Increment(ref atOnce);
            InterlockedMax(ref most, now);
            Thread.SpinWait(1000);
            Interlocked.Decrement(ref atOnce);
        }
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var seen = Volatile.Read(ref most); seen < value; seen = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, seen);
        }
    }
}
