namespace Holdfast.Client.Tests;

/// <summary>No failure of a stage is lost, and a real one is told before the cancellations it caused.</summary>
public sealed class StagesTests
{
    [Fact]
    public async Task A_cancelled_stage_ends_the_run()
    {
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Stages.RunAllAsync(stop, Task.CompletedTask, Task.FromCanceled(new CancellationToken(true))));
        Assert.True(stop.IsCancellationRequested);
    }

    [Fact]
    public async Task The_cause_is_told_and_not_the_cancellations_it_leads_to()
    {
        using var stop = new CancellationTokenSource();
        var others = Task.Delay(Timeout.Infinite, stop.Token);
        var failing = Task.FromException(new InvalidOperationException("cause"));
        Assert.Equal("cause", (await Assert.ThrowsAsync<InvalidOperationException>(() => Stages.RunAllAsync(stop, Task.FromCanceled(new CancellationToken(true)), others, failing))).Message);
    }
}
