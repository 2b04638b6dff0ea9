using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>
/// Runs windows: each look does one thing, writes it down, and comes again. Whatever was under way when a node was killed is found by the next from the window's rows and from what it works with. Each looks a step in the
/// eye: its engine's own state decides, never what this job remembers.
/// </summary>
internal sealed class WindowJob(WindowTable table, WindowSteps kinds, WindowEstimates estimates, WindowNotices notices, WindowProbe probe, Actuals actuals, TimeProvider time) : IJobKind
{
    public const string JobName = "window";

    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _probesEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _pausedLooksEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _triesAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _sleepMax = TimeSpan.FromHours(1);
    private static readonly TimeSpan _forecastKept = TimeSpan.FromMinutes(10);

    private (string Window, DateTimeOffset At, WindowForecast Forecast)? _forecast;

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await table.FindAsync(lease.Job.Subject, cancellation) is not var (window, steps))
        {
            return null;
        }

        var now = time.GetUtcNow();
        switch (window.State)
        {
            case WindowStates.Announced when now.ToUnixTimeSeconds() < window.StartsAt:
                var left = DateTimeOffset.FromUnixTimeSeconds(window.StartsAt) - now;
                return now + (left < _sleepMax ? left : _sleepMax);
            case WindowStates.Announced:
                return await table.ChangeAsync(window.Id, [WindowStates.Announced], $"state = '{WindowStates.InProgress}', started_at = @now", "Begun, as planned.", new { now = now.ToUnixTimeSeconds() }, cancellation, alone: true) ? now
                    : throw new HoldfastException(FailureTable.WindowRefused, "Another window is in progress.");
            case WindowStates.Paused:
                await LookAsync(window, steps, kinds.Parse(window.Plan), window.Failure, cancellation);
                return now + _pausedLooksEvery;
            case WindowStates.InProgress:
                return await AdvanceAsync(window, steps, cancellation);
            case WindowStates.Aborting:
                return await UndoAsync(window, steps, cancellation);
            default:
                return null;
        }
    }

    private async Task<DateTimeOffset?> AdvanceAsync(Window window, IReadOnlyList<WindowStep> steps, CancellationToken cancellation)
    {
        var (plan, now) = (kinds.Parse(window.Plan), time.GetUtcNow());
        if (steps.FirstOrDefault(step => step.State is StepStates.Waiting or StepStates.Running) is not { } row)
        {
            await table.ChangeAsync(window.Id, [WindowStates.InProgress], $"state = '{WindowStates.Completed}', back_at = coalesce(back_at, @now), ended_at = @now", "Completed.", new { now = now.ToUnixTimeSeconds() }, cancellation);
            return null;
        }

        var step = plan.Steps[(int)row.Position];
        var kind = kinds[step];
        if (row.State == StepStates.Waiting)
        {
            row = row with { State = StepStates.Running, StartedAt = now.ToUnixTimeMilliseconds() };
            await table.StepAsync(window.Id, row, $"The step {row.Name} begins.", cancellation);
            if (!kind.IsBefore && window.BackAt is null)
            {
                await table.ChangeAsync(window.Id, [WindowStates.InProgress], "back_at = @now", "Services are back.", new { now = now.ToUnixTimeSeconds() }, cancellation);
                window = window with { BackAt = now.ToUnixTimeSeconds() };
            }
        }

        StepOutlook outlook;
        string? failure = null;
        try
        {
            outlook = await kind.AdvanceAsync(new Steps.StepRun(step, row, window, plan.Message), cancellation);
        }
        catch (HoldfastException exception)
        {
            // Such as a store that is away: it is tried again, and those who look see why it takes so long.
            (outlook, failure) = (new StepOutlook(false, null, row.Detail, row.Reference), exception.Message);
        }

        var next = row with { Detail = outlook.Detail ?? row.Detail, Reference = outlook.Reference ?? row.Reference, Share = WindowStep.ShareOf(outlook.Share) ?? row.Share };
        if (outlook.IsOver)
        {
            next = next with { State = StepStates.Done, EndedAt = time.GetUtcNow().ToUnixTimeMilliseconds(), Share = WindowStep.ShareOf(1) };
            await KeepAsync(window, step, next, cancellation);
        }

        await table.StepAsync(window.Id, next, outlook.IsOver ? $"The step {next.Name} is done{(next.Detail is { Length: > 0 } detail ? $": {detail}" : "")}." : null, cancellation);
        if (outlook.Failure is { } reason)
        {
            failure = reason;
            await table.ChangeAsync(window.Id, [WindowStates.InProgress], $"state = '{WindowStates.Paused}'", $"The step {next.Name} needs somebody: {reason}", new { now = now.ToUnixTimeSeconds() }, cancellation);
        }

        await LookAsync(window, [.. steps.Select(one => one.Position == next.Position ? next : one)], plan, failure, cancellation);
        return time.GetUtcNow() + (outlook.IsOver ? TimeSpan.Zero : failure is not null ? _triesAgain : _looksEvery);
    }

    private async Task<DateTimeOffset?> UndoAsync(Window window, IReadOnlyList<WindowStep> steps, CancellationToken cancellation)
    {
        var (plan, now) = (kinds.Parse(window.Plan), time.GetUtcNow());
        if (steps.LastOrDefault(step => step.State is StepStates.Running or StepStates.Done) is not { } row)
        {
            await table.ChangeAsync(window.Id, [WindowStates.Aborting], $"state = '{WindowStates.Cancelled}', ended_at = @now", "Given up; what could be taken back was.", new { now = now.ToUnixTimeSeconds() }, cancellation);
            if (window.AnnouncedAt is not null)
            {
                await notices.TellAsync(window, WindowNotices.GivenUp, plan.Message, cancellation);
            }

            return null;
        }

        string? failure = null;
        try
        {
            var step = plan.Steps[(int)row.Position];
            var outlook = await kinds[step].UndoAsync(new Steps.StepRun(step, row, window, plan.Message), cancellation);
            if (outlook is not { IsOver: false })
            {
                var state = outlook is null ? StepStates.Left : StepStates.Undone;
                await table.StepAsync(window.Id, row with { State = state, EndedAt = now.ToUnixTimeMilliseconds(), Detail = outlook?.Detail ?? row.Detail }, outlook is null ? $"What the step {row.Name} did stays." : $"The step {row.Name} was taken back: {outlook.Detail}.", cancellation);
                return now;
            }

            await table.StepAsync(window.Id, row with { Detail = outlook.Detail }, null, cancellation);
        }
        catch (HoldfastException exception)
        {
            failure = exception.Message;
        }

        await LookAsync(window, steps, plan, failure, cancellation);
        return now + (failure is null ? _looksEvery : _triesAgain);
    }

    /// <summary>What is expected now, and whether restores and sign-ins work.</summary>
    private async Task LookAsync(Window window, IReadOnlyList<WindowStep> steps, WindowPlan plan, string? failure, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var since = now - DateTimeOffset.FromUnixTimeSeconds(window.ProbedAt);
        var result = since >= _probesEvery || since < TimeSpan.Zero ? await probe.TryAsync(cancellation) : null;
        var (backBy, caughtUpBy) = (window.BackAt, (long?)null);
        if (window is { StartedAt: { } started, State: not WindowStates.Aborting })
        {
            if (_forecast is not { } kept || kept.Window != window.Id || now - kept.At > _forecastKept || now < kept.At)
            {
                _forecast = kept = (window.Id, now, estimates.ForecastOf(plan, started, await estimates.ReadAsync(cancellation)));
            }

            // What passed between steps, in pauses, is over too.
            var progress = steps.TakeWhile(step => step.StartedAt is not null).Select(step => new StepProgress(TimeSpan.FromMilliseconds(Math.Max(0, (step.EndedAt ?? now.ToUnixTimeMilliseconds()) - step.StartedAt!.Value)), step.Status.Share, step.EndedAt is not null)).ToList();
            var lost = Math.Max(0, now.ToUnixTimeSeconds() - started - progress.Sum(step => step.Elapsed.TotalSeconds));
            long By(int count) => started + (long)Math.Ceiling(lost + kept.Forecast.Live(progress, count).NineTenths.TotalSeconds);
            (backBy, caughtUpBy) = (backBy ?? By(estimates.StepsBefore(plan)), By(int.MaxValue));
        }

        await table.LiveAsync(window.Id, backBy, caughtUpBy, failure, result, cancellation);
    }

    /// <summary>What it took, for the next estimate; engines that keep their own do that themselves.</summary>
    private async Task KeepAsync(Window window, PlanStep step, WindowStep row, CancellationToken cancellation)
    {
        if (row is not { StartedAt: { } started, EndedAt: { } ended } || ended <= started || step.Kind is not (VerifyStep.Work or RunStep.Work or BringUpStep.Work))
        {
            return;
        }

        var history = kinds[step].HistoryOf(step, await estimates.ReadAsync(cancellation));
        var volume = history.Volume ?? history.Samples.Where(sample => sample.Value >= 1).OrderBy(sample => sample.Day).LastOrDefault().Value;
        var shared = history.Turnover is { } turnover && window.StartedAt is { } began ? Math.Clamp((started / 1000.0 - began) / turnover.TotalSeconds, 0, 1) : 1;
        if (volume * shared >= 1)
        {
            await actuals.KeepAsync($"{window.Id}-{row.Position}", new Actual(step.Kind, step.Find("command") ?? "", ended / 1000, (long)(volume * shared), (long)(volume * shared), ended - started, 0, ""), cancellation);
        }
    }
}
