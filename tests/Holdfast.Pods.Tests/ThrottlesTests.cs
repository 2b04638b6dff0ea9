using Holdfast.Format.Objects;
using Holdfast.Pods.Serving;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Tests;

public sealed class ThrottlesTests
{
    private const long Rate = 64 << 10;
    private readonly Throttles _throttles = new(new StillTime());

    [Fact]
    public async Task What_went_before_is_paid_for_and_who_gives_up_is_given_back_what_did_not_pass()
    {
        using var first = new CancellationTokenSource();
        await PassAsync(1, 10 << 20);

        // It waits for what went before, and all behind it would wait for it: longer than anybody may.
        var waiting = PassAsync(1, 170 << 20, first.Token);
        Assert.False(waiting.IsCompleted);
        await IsBusyAsync(PassAsync(1, 1));
        await PassAsync(2, 1);

        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        using var second = new CancellationTokenSource();
        var next = PassAsync(1, 1, second.Token);
        Assert.False(next.IsCompleted);
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => next);
    }

    [Fact]
    public async Task So_many_wait_for_one_limit_and_no_more_and_all_together_pay_for_what_all_share()
    {
        using var ending = new CancellationTokenSource();
        await PassAsync(1, 1 << 20);
        var waiting = Enumerable.Range(0, 64).Select(_ => PassAsync(1, 1, ending.Token)).ToList();
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
        await IsBusyAsync(PassAsync(1, 1));

        // Refused for what all share, it owes nothing of its own.
        await _throttles.PassAsync(Of(2, new GrantFlow { SharedRate = Rate }), 300 << 20, ending.Token);
        await IsBusyAsync(_throttles.PassAsync(Of(3, new GrantFlow { AccountRate = Rate, SharedRate = Rate }), 300 << 20, ending.Token).AsTask());
        await PassAsync(3, 1);
        await ending.CancelAsync();
        foreach (var task in waiting)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        }
    }

    [Fact]
    public async Task A_computers_own_limit_holds_up_that_computer_and_no_other_of_its_account()
    {
        using var ending = new CancellationTokenSource();
        var grant = Of(1, new GrantFlow { ComputerRate = Rate }) with { Computer = 1 };
        await _throttles.PassAsync(grant, 1 << 20, ending.Token);
        var waiting = _throttles.PassAsync(grant, 1, ending.Token).AsTask();
        Assert.False(waiting.IsCompleted);
        await _throttles.PassAsync(grant with { Computer = 2 }, 1, ending.Token);
        await PassAsync(1, 1);
        await ending.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    [Fact]
    public async Task So_many_are_in_transit_at_once_and_the_next_comes_when_one_has_ended()
    {
        var grant = Of(1, new GrantFlow { AtOnce = 2 });
        var (one, two) = (await _throttles.EnterAsync(grant, TestContext.Current.CancellationToken), await _throttles.EnterAsync(grant, TestContext.Current.CancellationToken));
        var third = _throttles.EnterAsync(grant, TestContext.Current.CancellationToken).AsTask();
        Assert.False(third.IsCompleted);
        Assert.Null(await _throttles.EnterAsync(Of(1, default), TestContext.Current.CancellationToken));

        // Reads are not uploads.
        using var read = await _throttles.EnterAsync(grant with { Method = GrantMethod.Get }, TestContext.Current.CancellationToken);
        var waiting = Enumerable.Range(0, 63).Select(_ => _throttles.EnterAsync(grant, TestContext.Current.CancellationToken).AsTask()).ToList();
        await IsBusyAsync(_throttles.EnterAsync(grant, TestContext.Current.CancellationToken).AsTask());
        one!.Dispose();
        (await third)!.Dispose();
        two!.Dispose();
        foreach (var task in waiting)
        {
            (await task)!.Dispose();
        }
    }

    private Task PassAsync(byte account, long bytes, CancellationToken cancellation = default) => _throttles.PassAsync(Of(account, new GrantFlow { AccountRate = Rate }), bytes, cancellation).AsTask();

    private static async Task IsBusyAsync(Task task) => Assert.Equal(FailureTable.PodBusy, (await Assert.ThrowsAsync<HoldfastException>(() => task)).Kind);

    private static Grant Of(byte account, GrantFlow flow) => new()
    {
        Method = GrantMethod.Put, Name = new ObjectName(new AccountId([.. Enumerable.Repeat(account, AccountId.Length)]), ObjectSpace.Numbered, 1), Flow = flow, Expires = DateTimeOffset.MaxValue,
    };

    /// <summary>No time passes.</summary>
    private sealed class StillTime : TimeProvider
    {
        public override long GetTimestamp() => 0;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
