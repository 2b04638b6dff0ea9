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
internal sealed class WindowJob(WindowTable table, WindowSteps kinds, WindowEstimates estimates, WindowNotices notices, WindowWatch watch, Actuals actuals, TimeProvider time) : IJobKind
{
    public const string JobName = "window";

    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _pausedLooksEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _triesAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _looksAhead = TimeSpan.FromSeconds(10);

    /// <summary>What is later begins only if somebody says so.</summary>
    private static readonly TimeSpan _lateMost = TimeSpan.FromMinutes(30);
    /// <summary>Of what was announced long before, people are reminded.</summary>
    private static readonly TimeSpan _remindsBefore = TimeSpan.FromDays(1);

    private (string Window, long Changes) _toldChanges;

    public string Name => JobName;

    public bool IsPrompt => true;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await table.FindAsync(lease.Job.Subject, cancellation) is not var (window, steps))
        {
            return null;
        }

        var plan = kinds.Parse(window.Plan);
        if (window.Changes > 0 && _toldChanges != (window.Id, window.Changes))
        {
            await notices.TellAsync(window, WindowNotices.Changed, plan.Message, cancellation);
            _toldChanges = (window.Id, window.Changes);
        }

        switch (window.State)
        {
            case WindowStates.Announced:
                return await WaitAsync(lease, window, plan, cancellation);
            case WindowStates.Paused:
                await watch.LookAsync(lease, window, steps, plan, window.Failure, cancellation);
                if (steps.Any(step => step.State == StepStates.Failed))
                {
                    // Tried again it begins anew: what the clock did meanwhile is nothing to it.
                    watch.Clock.Take();
                }

                return time.GetUtcNow() + _pausedLooksEvery;
            case WindowStates.InProgress:
                return await AdvanceAsync(lease, window, steps, plan, cancellation);
            case WindowStates.Aborting:
                return await UndoAsync(lease, window, steps, plan, cancellation);
            default:
                return null;
        }
    }

    /// <summary>Tells those who are affected, once, and begins when the time has come.</summary>
    private async Task<DateTimeOffset?> WaitAsync(JobLease lease, Window window, WindowPlan plan, CancellationToken cancellation)
    {
        await notices.TellAsync(window, WindowNotices.Announced, plan.Message, cancellation);
        var now = time.GetUtcNow();
        var late = now.ToUnixTimeSeconds() - window.StartsAt;
        if (late is < 0 && -late <= _remindsBefore.TotalSeconds && window.StartsAt - (window.ChangedAt ?? window.AnnouncedAt) >= 2 * (long)_remindsBefore.TotalSeconds)
        {
            await notices.TellAsync(window, WindowNotices.Reminder, plan.Message, cancellation);
        }

        if (late < 0)
        {
            // Whoever starts it, or gives it up, while this looks, is seen at the next look.
            return now + (late > -_looksAhead.TotalSeconds ? TimeSpan.FromSeconds(-late) : _looksAhead);
        }

        var why = late > _lateMost.TotalSeconds ? "It should have begun long ago, when no node was there or the clock was wrong: `holdfast admin maintenance start` begins it, `abort` gives it up." : "Another window is in progress.";
        if (late <= _lateMost.TotalSeconds && await table.ChangeAsync(window.Id, [WindowStates.Announced], $"state = '{WindowStates.InProgress}', started_at = @now", "Begun, as planned.", new { now = now.ToUnixTimeSeconds() }, cancellation, alone: true, promisedAs: window))
        {
            return now;
        }

        await table.LiveAsync(lease, window.Id, window.LiveBackBy, window.LiveCaughtUpBy, why, null, null, cancellation);
        return now + _triesAgain;
    }

    private async Task<DateTimeOffset?> AdvanceAsync(JobLease lease, Window window, IReadOnlyList<WindowStep> steps, WindowPlan plan, CancellationToken cancellation)
    {
        watch.Clock.Look();
        var now = time.GetUtcNow();
        if (steps.FirstOrDefault(step => step.State is StepStates.Waiting or StepStates.Running or StepStates.Failed) is not { } row)
        {
            // Whether the plan says so or not: who was told that it comes is told that it is over.
            await notices.TellAsync(window with { BackAt = window.BackAt ?? now.ToUnixTimeSeconds() }, WindowNotices.Over, plan.Message, cancellation);
            await LearnAsync(window, plan, cancellation);
            await OpenAsync(window, steps, plan, cancellation);
            return await table.ChangeAsync(window.Id, [WindowStates.InProgress], $"state = '{WindowStates.Completed}', back_at = coalesce(back_at, @now), ended_at = @now", "Completed.", new { now = now.ToUnixTimeSeconds() }, cancellation) ? null : now;
        }

        if (row.State == StepStates.Failed)
        {
            // Killed between the step's row and the window's.
            await PauseAsync(window, null, cancellation);
            return now;
        }

        var step = plan.Steps[(int)row.Position];
        var kind = kinds[step];
        if (row.State == StepStates.Waiting)
        {
            watch.Clock.Take();
            if (row.Position == 0 && !plan.Steps.Any(one => kinds[one] is AnnounceStep))
            {
                await notices.TellAsync(window, WindowNotices.Begins, plan.Message, cancellation);
            }

            var waiting = row;
            row = row with { State = StepStates.Running, StartedAt = now.ToUnixTimeMilliseconds() };
            await table.StepAsync(lease, window.Id, waiting, row, $"The step {row.Name} begins.", cancellation);
        }

        if (!kind.IsBefore && window.BackAt is null)
        {
            await table.ChangeAsync(window.Id, [WindowStates.InProgress], "back_at = @now", "Services are back.", new { now = now.ToUnixTimeSeconds() }, cancellation);
            window = window with { BackAt = now.ToUnixTimeSeconds() };
        }

        var run = new Steps.StepRun(step, row, window, plan.Message, (reference, token) => table.StepAsync(lease, window.Id, row, row = row with { Reference = reference }, null, token), async token =>
        {
            await watch.LookAsync(lease, window, steps, plan, null, token);
            return await table.FindAsync(window.Id, token) is var (now, rows) && now.State != WindowStates.Aborting && rows[(int)row.Position].State == StepStates.Running;
        });
        StepOutlook outlook;
        var leapt = watch.Clock.Take();
        row = row with { Leapt = row.Leapt + (long)leapt.TotalMilliseconds };
        run = run with { Row = row };
        try
        {
            outlook = (await kind.AdvanceAsync(run, cancellation)).Checked();
        }
        catch (HoldfastException exception)
        {
            // Such as a store that is away: it is tried again, and those who look see why it takes so long.
            outlook = new StepOutlook(false, null, row.Detail, row.Reference, Trouble: exception.Message);
        }
        catch (Exception exception) when (StepOutlook.IsNonsense(exception))
        {
            outlook = StepOutlook.Failed($"What it works with says something that cannot be understood: {exception.Message}");
        }

        watch.Clock.Look();
        var later = watch.Clock.Take();
        leapt += later;
        var next = row with { Leapt = row.Leapt + (long)later.TotalMilliseconds, Detail = outlook.Detail ?? row.Detail, Reference = outlook.Reference ?? row.Reference, Share = WindowStep.ShareOf(outlook.Share) ?? row.Share };
        if (outlook.IsOver)
        {
            next = next with { State = StepStates.Done, EndedAt = time.GetUtcNow().ToUnixTimeMilliseconds(), Share = WindowStep.ShareOf(1) };
            await KeepAsync(window, step, next, steps.Where(one => one.Position < next.Position).Sum(one => one.Leapt), outlook.Volume, cancellation);
        }
        else if (outlook.Failure is not null)
        {
            next = next with { State = StepStates.Failed };
        }

        if (leapt != TimeSpan.Zero)
        {
            await table.SayAsync(lease, $"The clock leapt by {leapt:c} while the step {next.Name} ran.", cancellation);
        }

        if (!await table.StepAsync(lease, window.Id, row, next, outlook.IsOver ? $"The step {next.Name} is done{(next.Detail is { Length: > 0 } detail ? $": {detail}" : "")}." : outlook.Failure is { } why ? $"The step {next.Name} needs somebody: {why}" : null, cancellation))
        {
            // Somebody skipped it meanwhile.
            return time.GetUtcNow();
        }

        if (outlook.Failure is { } failure)
        {
            await PauseAsync(window, failure, cancellation);
        }

        await watch.LookAsync(lease, window, [.. steps.Select(one => one.Position == next.Position ? next : one)], plan, outlook.Failure ?? outlook.Trouble, cancellation);
        return time.GetUtcNow() + (outlook.IsOver ? TimeSpan.Zero : outlook.Trouble is not null ? _triesAgain : _looksEvery);
    }

    private Task PauseAsync(Window window, string? failure, CancellationToken cancellation) => table.ChangeAsync(window.Id, [WindowStates.InProgress], $"state = '{WindowStates.Paused}', failure = coalesce(@failure, failure)", "It waits for somebody.", new { failure }, cancellation);

    private async Task<DateTimeOffset?> UndoAsync(JobLease lease, Window window, IReadOnlyList<WindowStep> steps, WindowPlan plan, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (steps.LastOrDefault(step => step.State is StepStates.Running or StepStates.Done or StepStates.Failed) is not { } row)
        {
            if (window.AnnouncedAt is not null)
            {
                await notices.TellAsync(window, WindowNotices.GivenUp, plan.Message, cancellation);
            }

            return await table.ChangeAsync(window.Id, [WindowStates.Aborting], $"state = '{WindowStates.Cancelled}', ended_at = @now", "Given up; what could be taken back was.", new { now = now.ToUnixTimeSeconds() }, cancellation) ? null : now;
        }

        string? trouble;
        try
        {
            var outlook = await kinds[plan.Steps[(int)row.Position]].UndoAsync(Steps.StepRun.Over(plan, row, window), cancellation);
            if (outlook is not { IsOver: false })
            {
                var state = outlook is null ? StepStates.Left : StepStates.Undone;
                await table.StepAsync(lease, window.Id, row, row with { State = state, EndedAt = row.EndedAt ?? now.ToUnixTimeMilliseconds(), Detail = outlook?.Detail ?? row.Detail },
                    outlook is null ? $"What the step {row.Name} did stays." : $"The step {row.Name} was taken back: {outlook.Detail}.", cancellation);
                return now;
            }

            await table.StepAsync(lease, window.Id, row, row with { Detail = outlook.Detail }, null, cancellation);
            trouble = outlook.Trouble;
        }
        catch (HoldfastException exception)
        {
            trouble = exception.Message;
        }
        catch (Exception exception) when (StepOutlook.IsNonsense(exception))
        {
            // Whom nobody understands nobody can have take anything back.
            await table.StepAsync(lease, window.Id, row, row with { State = StepStates.Left, EndedAt = row.EndedAt ?? now.ToUnixTimeMilliseconds() }, $"What the step {row.Name} did stays: what it works with says something that cannot be understood.", cancellation);
            return now;
        }

        await watch.LookAsync(lease, window, steps, plan, trouble, cancellation);
        return now + (trouble is null ? _looksEvery : _triesAgain);
    }

    /// <summary>Lets computers come back if no step of the plan did: a gate that a window closed does not stay closed behind it.</summary>
    private async Task OpenAsync(Window window, IReadOnlyList<WindowStep> steps, WindowPlan plan, CancellationToken cancellation)
    {
        IWindowStep KindOf(WindowStep row) => kinds[plan.Steps[(int)row.Position]];
        if (steps.Any(row => KindOf(row) is BringUpStep && row.Reference is not null))
        {
            return;
        }

        foreach (var row in steps.Where(row => KindOf(row) is GateStep))
        {
            await KindOf(row).UndoAsync(Steps.StepRun.Over(plan, row, window), cancellation);
        }
    }

    /// <summary>What the same steps would be estimated to take now, for the report.</summary>
    private async Task LearnAsync(Window window, WindowPlan plan, CancellationToken cancellation) =>
        await table.LearnAsync(window.Id, [.. estimates.Of(plan, window.StartedAt ?? window.StartsAt, await estimates.ReadAsync(cancellation)).Steps.Select(step => step.Seconds)], cancellation);

    /// <summary>What it took, for the next estimate; engines that keep their own do that themselves.</summary>
    private async Task KeepAsync(Window window, PlanStep step, WindowStep row, long leaptBefore, double? worked, CancellationToken cancellation)
    {
        if (row is not { StartedAt: { } started, EndedAt: { } ended } || row.TookUntil(ended) is not { TotalMilliseconds: >= 1 and var took } || kinds[step].IsKeptByEngine || kinds[step].Work is null)
        {
            return;
        }

        // What stood still meanwhile says nothing of how long it takes.
        if ((await table.EventsAsync(window.Id, cancellation)).Any(one => one.At >= started / 1000 && one.Event.StartsWith(MaintenanceWindows.PausedBy, StringComparison.Ordinal)))
        {
            return;
        }

        var history = kinds[step].HistoryOf(step.Without(PlanStep.Expected), await estimates.ReadAsync(cancellation));
        var volume = worked ?? history.Volume ?? history.Samples.Where(sample => sample.Value >= 1).OrderBy(sample => sample.Day).LastOrDefault().Value;
        var shared = history.Turnover is { } turnover && window.StartedAt is { } began ? Math.Clamp((((started - leaptBefore) / 1000.0) - began) / turnover.TotalSeconds, 0, 1) : 1;
        if (volume * shared >= 1)
        {
            await actuals.KeepAsync($"{window.Id}-{row.Position}", new Actual(kinds[step].Work!, step.Find("command") ?? "", ended / 1000, (long)(volume * shared), (long)(volume * shared), (long)took, 0, ""), cancellation);
        }
    }
}
