using System.Text.Json;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Reports;
using Holdfast.Authority.Windows.Rehearsing;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Documents;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>Maintenance windows that operators plan, estimate, announce and run.</summary>
internal sealed class MaintenanceWindows(WindowTable table, WindowSteps kinds, WindowEstimates estimates, WindowPromises promises, AffectedCustomers affected, ReportMail mail, RehearsalTable rehearsals, LiveNodes nodes, TimeProvider time)
{
    /// <summary>How the event of a pause begins.</summary>
    public const string PausedBy = "Paused by";

    private static readonly TimeSpan _aheadMax = TimeSpan.FromDays(3 * 365);
    private static readonly TimeSpan _rehearsedBefore = TimeSpan.FromHours(1);
    private const int ApologyMax = 4000;
    private const int HistoryMost = 100;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Looks whether a plan can be carried out, estimates it, and writes it down unless that is all that was asked.</summary>
    public async Task<EstimatedWindow> PlanAsync(PlanWindow asked, string by, CancellationToken cancellation)
    {
        var plan = kinds.Parse(asked.Plan);
        var start = plan.Start.ToUnixTimeSeconds();
        if (start > Now + (long)_aheadMax.TotalSeconds)
        {
            throw new HoldfastException(FailureTable.InvalidPlan, $"The window would begin at {plan.Start:yyyy-MM-dd}: nobody plans further ahead than {_aheadMax.TotalDays / 365:0} years.");
        }

        if (start < Now)
        {
            throw new HoldfastException(FailureTable.InvalidPlan, $"The window would begin at {plan.Start:yyyy-MM-dd HH:mm zzz}, which is over.");
        }

        await kinds.CheckAsync(plan, cancellation);
        if (plan.Steps.Any(step => step.Find(PlanStep.Expected) is not null || step.Find(PlanStep.Again) is not null) && await nodes.UnableAsync(_ => true, cancellation) is { Count: > 0 } older)
        {
            throw new HoldfastException(FailureTable.WindowRefused, $"The nodes {string.Join(", ", older)} are of another version, and do not know `{PlanStep.Expected}` and `{PlanStep.Again}`: plan without it, or once all are of this one.");
        }

        var known = await estimates.ReadAsync(cancellation);
        var estimate = estimates.Of(plan, start, known, asked.Seed);
        var now = time.GetUtcNow();
        var window = new Window { Id = asked.IsDry ? "" : Guid.CreateVersion7(now).ToString(), Name = plan.Name, Plan = asked.Plan, State = WindowStates.Planned, StartsAt = start, PlannedAt = now.ToUnixTimeSeconds(), PlannedBy = by };
        if (!asked.IsDry)
        {
            await table.AddAsync(window, plan.Steps, cancellation);
        }

        return new EstimatedWindow(window.StatusOf([.. plan.Steps.Select((step, position) => new WindowStep { Position = position, Kind = step.Kind, Name = step.Name, State = StepStates.Waiting })]), estimate, ProposalsOf(plan),
            estimates.Play(plan, window, await table.OpenAsync(cancellation), known, asked.Seed));
    }

    /// <summary>How long a window takes that is planned, by what is known now.</summary>
    public async Task<EstimatedWindow> EstimateAsync(string id, int seed, CancellationToken cancellation)
    {
        var (window, steps) = await FindAsync(id, cancellation);
        var (plan, known) = (kinds.Parse(window.Plan), await estimates.ReadAsync(cancellation));
        return new EstimatedWindow(window.StatusOf(steps), estimates.Of(plan, window.StartsAt, known, seed), ProposalsOf(plan), estimates.Play(plan, window, await table.OpenAsync(cancellation), known, seed));
    }

    /// <summary>Promises when services are back and everyone is caught up, and tells those who are affected. Less than the estimate's P90 is promised only by force, and that is recorded.</summary>
    public async Task<WindowStatus> AnnounceAsync(string id, AnnounceWindow asked, string by, CancellationToken cancellation)
    {
        var (window, _) = await FindAsync(id, cancellation);
        await promises.AnnounceAsync(window, asked, by, cancellation);
        return await StatusAsync(window.Id, cancellation);
    }

    /// <summary>Promises something else, and tells those who are affected of it.</summary>
    public async Task<WindowStatus> ChangePromiseAsync(string id, ChangePromise asked, string by, CancellationToken cancellation)
    {
        var (window, steps) = await FindAsync(id, cancellation);
        await promises.ChangeAsync(window, steps, asked, by, cancellation);
        return await StatusAsync(window.Id, cancellation);
    }

    /// <summary>Has steps tried with a part, to learn how fast they are; one after the other, beside customers.</summary>
    public async Task<WindowRehearsal> RehearseAsync(string id, CancellationToken cancellation)
    {
        var (window, _) = await FindAsync(id, cancellation);
        if (window.State is not (WindowStates.Planned or WindowStates.Announced))
        {
            throw new HoldfastException(FailureTable.WindowRefused, $"The window is {window.State}: only one that has not begun is rehearsed.");
        }

        var plan = kinds.Parse(window.Plan);
        if (window.StartsAt < Now + (long)_rehearsedBefore.TotalSeconds)
        {
            throw new HoldfastException(FailureTable.WindowRefused, $"The window begins within {_rehearsedBefore.TotalHours:0} hour: it is too late to rehearse it.");
        }

        await rehearsals.BeginAsync(window.Id, [.. plan.Steps.Select(step => (step, kinds[step].IsRehearsed ? RehearsalJob.NameOf(kinds[step].RehearsedAt(step)) : null))], cancellation);
        return await RehearsalAsync(window.Id, cancellation);
    }

    /// <summary>Gives that up.</summary>
    public async Task<WindowRehearsal> StopRehearsalAsync(string id, CancellationToken cancellation)
    {
        var (window, _) = await FindAsync(id, cancellation);
        await rehearsals.StopAsync(window.Id, cancellation);
        return await RehearsalAsync(window.Id, cancellation);
    }

    /// <summary>What that came to, so far.</summary>
    public async Task<WindowRehearsal> RehearsalAsync(string id, CancellationToken cancellation)
    {
        var (window, _) = await FindAsync(id, cancellation);
        var (plan, rows) = (kinds.Parse(window.Plan), await rehearsals.ReadAsync(window.Id, cancellation));
        if (rows.FirstOrDefault(row => row.IsUnderWay) is { } next)
        {
            // Its job may have ended just when this was written down.
            await rehearsals.GoOnAsync(window.Id, RehearsalJob.NameOf(kinds[plan.Steps[(int)next.Position]].RehearsedAt(plan.Steps[(int)next.Position])), cancellation);
        }

        return new WindowRehearsal([.. rows.Select(row => row.StatusOf(plan.Steps[(int)row.Position], kinds[plan.Steps[(int)row.Position]].Unit))], !rows.Any(row => row.IsUnderWay));
    }

    /// <summary>Begins a window now that is announced, unless by its estimate it would not be over before the next.</summary>
    public async Task<WindowStatus> StartAsync(string id, string by, CancellationToken cancellation)
    {
        var (window, _) = await FindAsync(id, cancellation);
        return await ChangeAsync(id, [WindowStates.Announced], $"state = '{WindowStates.InProgress}', started_at = @now", $"Begun by {by}.", "is not announced, or another one is in progress", cancellation, alone: true,
            checkAsync: transaction => table.CheckAloneAsync(transaction, window.Id, Now, Now + (window.CaughtUpMost ?? 0)));
    }

    /// <summary>Begins no other step, and looks no further after this one; what it began goes on by itself.</summary>
    public Task<WindowStatus> PauseAsync(string id, string by, CancellationToken cancellation) => ChangeAsync(id, [WindowStates.InProgress], $"state = '{WindowStates.Paused}'", $"{PausedBy} {by}.", "is not in progress", cancellation);

    /// <summary>Goes on; with the step that failed, or without it.</summary>
    public async Task<WindowStatus> ResumeAsync(string id, bool skips, string by, CancellationToken cancellation)
    {
        var (window, steps) = await FindAsync(id, cancellation);
        var at = window.State == WindowStates.Paused ? steps.FirstOrDefault(step => step.State is StepStates.Running or StepStates.Failed) : null;
        if (at is not null && (skips || at.State == StepStates.Failed))
        {
            var now = time.GetUtcNow().ToUnixTimeMilliseconds();
            var plan = kinds.Parse(window.Plan);
            var kind = kinds[plan.Steps[(int)at.Position]];
            if (skips)
            {
                // Before it is written down, so that whoever is killed in between asks again.
                try
                {
                    await kind.StopAsync(Steps.StepRun.Over(plan, at, window), cancellation);
                }
                catch (Exception exception) when (StepOutlook.IsNonsense(exception))
                {
                    // Whom nobody understands nobody can stop: that is why it is skipped.
                }
            }

            if (!await table.ResumeAsync(window.Id, at, skips ? at with { State = StepStates.Done, EndedAt = now, Detail = $"{WindowStep.Skipped} {by}: {window.Failure ?? at.Detail}" } : at with { State = StepStates.Running, Reference = kind.TriedAgain(at.Reference), StartedAt = now, Leapt = 0 },
                skips ? $"The step {at.Name} was skipped by {by}." : $"The step {at.Name} is tried again.", cancellation))
            {
                throw Changed();
            }
        }
        else if (skips)
        {
            throw new HoldfastException(FailureTable.WindowRefused, "Only a step that runs in a window that is paused can be skipped.");
        }

        return await ChangeAsync(window.Id, [WindowStates.Paused], $"state = '{WindowStates.InProgress}', failure = NULL", $"Resumed by {by}.", "is not paused", cancellation);
    }

    /// <summary>Gives a window up: steps take back what they did where they can, the last first, and computers come back by turns.</summary>
    public async Task<WindowStatus> AbortAsync(string id, string by, CancellationToken cancellation)
    {
        var (window, _) = await FindAsync(id, cancellation);
        return window.State switch
        {
            WindowStates.Planned => await ChangeAsync(window.Id, [WindowStates.Planned], $"state = '{WindowStates.Cancelled}', ended_at = @now", $"Cancelled by {by}.", "has begun just now: give it up again", cancellation),
            _ => await ChangeAsync(window.Id, [WindowStates.Announced, WindowStates.InProgress, WindowStates.Paused, WindowStates.Aborting], $"state = '{WindowStates.Aborting}', failure = NULL", $"Given up by {by}.", "cannot be given up any more", cancellation),
        };
    }

    public async Task<WindowStatus> StatusAsync(string id, CancellationToken cancellation)
    {
        var (window, steps) = await FindAsync(id, cancellation);
        return window.StatusOf(steps);
    }

    public async Task<WindowList> ListAsync(Paging paging, CancellationToken cancellation)
    {
        var page = await table.ListAsync(paging, cancellation);
        return new WindowList([.. page.Items.Select(one => one.Window.StatusOf(one.Steps))], page.Next);
    }

    /// <summary>Windows that were completed, with what was known when each was planned.</summary>
    public async Task<WindowHistory> HistoryAsync(CancellationToken cancellation)
    {
        var (known, page) = (await estimates.ReadAsync(cancellation), await table.ListAsync(Paging.Of(null, HistoryMost), cancellation));
        return new WindowHistory([.. page.Items.Reverse().Select(one => estimates.PastOf(kinds.Parse(one.Window.Plan), one.Window, one.Steps, known)).OfType<PastWindow>().Select(past => JsonDocument.Parse(HistoryFile.Write(past)).RootElement)]);
    }

    /// <summary>What became of it.</summary>
    public async Task<WindowReport> ReportAsync(string id, CancellationToken cancellation)
    {
        var (window, steps) = await FindAsync(id, cancellation);
        var (status, events, now) = (window.StatusOf(steps), await table.EventsAsync(window.Id, cancellation), time.GetUtcNow());
        var plan = kinds.Parse(window.Plan);
        var (until, touching) = (window.EndedAt ?? now.ToUnixTimeSeconds(), steps.Where(step => step.StartedAt is not null && kinds[plan.Steps[(int)step.Position]].ChangesData).ToList());

        // Who gives up touches data once more, to take back what was done.
        var isTouched = window.State is WindowStates.Aborting or WindowStates.Cancelled || touching.Any(step => step.EndedAt is null);
        var whom = window.StartedAt is { } began ? await affected.FindAsync(began, until, isTouched ? until : (touching.Max(step => step.EndedAt) / 1000) ?? began, cancellation) : null;
        var markdown = WindowReportText.Of(status, events, plan.Message, window.Apology, (window.BackHalf, window.BackMost, window.CaughtUpHalf, window.CaughtUpMost), whom, now);
        return new WindowReport(status, events, markdown, await PageRenderer.RenderMarkdownAsync(window.Name, markdown, Mailing.Outbox.Language));
    }

    /// <summary>Adds the operator's words to a report, and sends it to the owners of all accounts.</summary>
    public async Task<WindowReport> FinishReportAsync(string id, FinishReport asked, CancellationToken cancellation)
    {
        var (window, _) = await FindAsync(id, cancellation);
        if (asked.Mail && window.EndedAt is null)
        {
            throw new HoldfastException(FailureTable.WindowRefused, "The window is not over: its report is sent once it is.");
        }

        if (asked.Apology is { } apology)
        {
            await table.ApologiseAsync(window.Id, apology.Length is > 0 and <= ApologyMax && apology.All(letter => !char.IsControl(letter) || letter is '\n' or '\t') ? apology
                : throw new HoldfastException(FailureTable.InvalidRequest, $"An apology has 1 to {ApologyMax} characters, and no control characters."), cancellation);
        }

        var report = await ReportAsync(window.Id, cancellation);
        if (asked.Mail)
        {
            await mail.SendAsync($"window {window.Id}", window.Name, report.Markdown, cancellation);
        }

        return report;
    }

    /// <summary>Has all windows looked at that have not ended.</summary>
    public Task ContinueAsync(CancellationToken cancellation) => table.ContinueAsync(cancellation);

    private List<string> ProposalsOf(WindowPlan plan) => [.. plan.Steps.Select(step => kinds[step].Propose(step, plan)).OfType<string>()];

    private async Task<WindowStatus> ChangeAsync(string id, IReadOnlyList<string> from, string set, string what, string otherwise, CancellationToken cancellation, bool alone = false, Func<DatabaseTransaction, Task>? checkAsync = null)
    {
        var (window, _) = await FindAsync(id, cancellation);
        return await table.ChangeAsync(window.Id, from, set, what, new { now = Now }, cancellation, alone, checkAsync) ? await StatusAsync(window.Id, cancellation) : throw new HoldfastException(FailureTable.WindowRefused, $"The window is {window.State}: it {otherwise}.");
    }

    private async Task<(Window Window, IReadOnlyList<WindowStep> Steps)> FindAsync(string id, CancellationToken cancellation) =>
        await table.FindAsync(id == "latest" || Guid.TryParse(id, out _) ? id : "", cancellation) ?? throw new HoldfastException(FailureTable.NotFound, id == "latest" ? "No window was planned yet." : $"There is no window {id}.");

    private static HoldfastException Changed() => new(FailureTable.WindowRefused, "The window was changed by somebody else just now: look again.");
}
