using Holdfast.Authority.Callers;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Probing;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>Windows, their steps, and what happened: all that a node has to know that goes on with one.</summary>
internal sealed class WindowTable(IDatabase directory, TimeProvider time)
{
    private const string IsOpen = $"state NOT IN ('{WindowStates.Completed}', '{WindowStates.Cancelled}')";

    /// <summary>Who promises or begins a window looks at the others under this lock.</summary>
    private const string OneAtATime = "windows";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Writes a plan down.</summary>
    public Task AddAsync(Window window, IReadOnlyList<PlanStep> steps, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await transaction.ExecuteAsync("INSERT INTO windows (window_id, name, plan, state, starts_at, planned_at, planned_by) VALUES (@id, @name, @plan, @state, @startsAt, @plannedAt, @plannedBy)",
            new { window.Id, window.Name, window.Plan, window.State, window.StartsAt, window.PlannedAt, window.PlannedBy });
        await transaction.ExecuteEachAsync($"INSERT INTO window_steps (window_id, position, kind, name, state) VALUES (@id, @position, @kind, @name, '{StepStates.Waiting}')",
            [.. steps.Select((step, position) => (object)new { window.Id, position, step.Kind, step.Name })]);
        return await AddEventAsync(transaction, window.Id, $"Planned by {window.PlannedBy}.");
    }, cancellation);

    public Task<(Window Window, IReadOnlyList<WindowStep> Steps)?> FindAsync(string id, CancellationToken cancellation) => directory.ReadAsync<(Window, IReadOnlyList<WindowStep>)?>(async transaction =>
    {
        var window = id == "latest"
            ? await transaction.FindAsync<Window>($"SELECT {Window.Columns} FROM windows WHERE window_id < '~' ORDER BY window_id DESC LIMIT 1")
            : await transaction.FindAsync<Window>($"SELECT {Window.Columns} FROM windows WHERE window_id = @id", new { id });
        return window is null ? null : (window, await StepsAsync(transaction, window.Id));
    }, cancellation);

    /// <summary>The latest first.</summary>
    public Task<Page<(Window Window, IReadOnlyList<WindowStep> Steps)>> ListAsync(Paging paging, CancellationToken cancellation) => directory.ReadAsync(async transaction =>
    {
        var page = paging.Cut(await transaction.QueryAsync<Window>($"SELECT {Window.Columns} FROM windows WHERE window_id < @before ORDER BY window_id DESC LIMIT @rows", new { before = paging.After ?? "~", rows = paging.Rows }), window => window.Id);
        var windows = new List<(Window, IReadOnlyList<WindowStep>)>();
        foreach (var window in page.Items)
        {
            windows.Add((window, await StepsAsync(transaction, window.Id)));
        }

        return new Page<(Window, IReadOnlyList<WindowStep>)>(windows, page.Next);
    }, cancellation);

    /// <summary>What happened, in order.</summary>
    public Task<IReadOnlyList<WindowEvent>> EventsAsync(string id, CancellationToken cancellation) => directory.AskAsync<IReadOnlyList<WindowEvent>>(async transaction =>
        [.. (await transaction.QueryAsync<(long At, string Event)>("SELECT at, event FROM window_events WHERE window_id = @id ORDER BY number", new { id })).Select(row => new WindowEvent(row.At, row.Event))], cancellation);

    /// <summary>Windows that have not ended, and were promised or began: none of them may be while another is.</summary>
    public Task<IReadOnlyList<Window>> OpenAsync(CancellationToken cancellation) => directory.AskAsync(OpenAsync, cancellation);

    /// <summary>The same, within a transaction.</summary>
    public static Task<IReadOnlyList<Window>> OpenAsync(DatabaseTransaction transaction) => transaction.QueryAsync<Window>($"SELECT {Window.Columns} FROM windows WHERE {IsOpen} AND state <> '{WindowStates.Planned}' ORDER BY starts_at");

    /// <summary>Looks whether no other window is in a time: one that was promised, or one that is under way, by what is known now.</summary>
    /// <exception cref="HoldfastException"><see cref="FailureTable.WindowRefused"/>: which is.</exception>
    public async Task CheckAloneAsync(DatabaseTransaction transaction, string id, long from, long until)
    {
        static string At(long seconds) => $"{DateTimeOffset.FromUnixTimeSeconds(seconds):yyyy-MM-dd HH:mm} UTC";
        foreach (var other in (await OpenAsync(transaction)).Where(other => other.Id != id))
        {
            var (begins, ends) = (other.StartedAt ?? other.StartsAt, other.StartedAt is null ? other.CaughtUpBy ?? long.MaxValue : Math.Max(other.LiveCaughtUpBy ?? other.CaughtUpBy ?? 0, Now + 1));
            if (begins < until && from < ends)
            {
                throw new HoldfastException(FailureTable.WindowRefused, $"The window '{other.Name}' ({other.Id}) is from {At(begins)} until {At(ends)}{(other.StartedAt is null ? "" : ", by what is known now")}: two windows cannot overlap. `holdfast admin maintenance promise --start` moves one that has not begun.");
            }
        }
    }

    /// <summary>Windows that were announced and begin, or began, since a moment, the latest first; not more than <paramref name="most"/>.</summary>
    public static Task<IReadOnlyList<Window>> PublicAsync(DatabaseTransaction transaction, long since, int most) =>
        transaction.QueryAsync<Window>($"SELECT {Window.Columns} FROM windows WHERE starts_at >= @since AND announced_at IS NOT NULL ORDER BY starts_at DESC LIMIT @most", new { since, most });

    /// <summary>Keeps what steps would be estimated to take, now that it is known what they took.</summary>
    public Task LearnAsync(string id, IReadOnlyList<EstimatedSeconds?> steps, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteEachAsync(
        "UPDATE window_steps SET learned_half = @half, learned_most = @most WHERE window_id = @id AND position = @position",
        [.. steps.Select((step, position) => (object)new { id, position, half = (long?)(step?.Half * 1000), most = (long?)(step?.Most * 1000) })]), cancellation);

    /// <summary>Keeps what the operator says to those who were affected.</summary>
    public Task ApologiseAsync(string id, string apology, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE windows SET apology = @apology WHERE window_id = @id", new { id, apology }), cancellation);

    /// <summary>Changes a window that is still in one of these states, says so, and has its job look at it.</summary>
    /// <param name="id">The window.</param>
    /// <param name="from">Its states.</param>
    /// <param name="set">What is set, as SQL.</param>
    /// <param name="what">What happened.</param>
    /// <param name="values">The values of it.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <param name="alone">It may not be while another window is in progress.</param>
    /// <param name="promisedAs">It may not be once something else was promised than here.</param>
    /// <param name="checkAsync">Looks, in the same transaction, and throws if it may not be; nobody else does so meanwhile.</param>
    /// <returns>False if it is in another state, or another is in progress.</returns>
    public Task<bool> ChangeAsync(string id, IReadOnlyList<string> from, string set, string what, object values, CancellationToken cancellation, bool alone = false, Func<DatabaseTransaction, Task>? checkAsync = null, Window? promisedAs = null) => directory.WriteAsync(async transaction =>
    {
        if (alone || checkAsync is not null)
        {
            await transaction.LockAsync(OneAtATime);
        }

        if (alone && await transaction.FindAsync<long>($"SELECT count(*) FROM windows WHERE {IsOpen} AND state IN ('{WindowStates.InProgress}', '{WindowStates.Paused}', '{WindowStates.Aborting}') AND window_id <> @id", new { id }) > 0)
        {
            return false;
        }

        if (promisedAs is { Changes: var changes } && await transaction.FindAsync<long?>("SELECT changes FROM windows WHERE window_id = @id", new { id }) != changes)
        {
            return false;
        }

        if (checkAsync is not null)
        {
            await checkAsync(transaction);
        }

        // The job's row before the window's, as its own writes lock them.
        await JobTable.EnqueueAsync(transaction, WindowJob.JobName, id, time);
        var states = string.Join(", ", from.Select(state => $"'{state}'"));
        if (await transaction.ExecuteAsync($"UPDATE windows SET {set} WHERE window_id = '{Guid.Parse(id)}' AND state IN ({states})", values) == 0)
        {
            return false;
        }

        await AddEventAsync(transaction, id, what);
        await transaction.ExecuteAsync($"UPDATE jobs SET due_at = @now WHERE kind = '{WindowJob.JobName}' AND subject = @id AND state = 'waiting'", new { id, Now });
        return true;
    }, cancellation);

    /// <summary>Keeps the estimate that a window is announced with.</summary>
    public static Task EstimateAsync(DatabaseTransaction transaction, string id, IReadOnlyList<EstimatedSeconds?> steps) => transaction.ExecuteEachAsync(
        "UPDATE window_steps SET half = @half, most = @most WHERE window_id = @id AND position = @position",
        [.. steps.Select((step, position) => (object)new { id, position, half = (long?)(step?.Half * 1000), most = (long?)(step?.Most * 1000) })]);

    /// <summary>Keeps how a step stands, and what happened, under a lease of the window's job: who lost it changes nothing, and a step that somebody else changed meanwhile stays as they left it.</summary>
    /// <returns>False if somebody else did.</returns>
    public Task<bool> StepAsync(JobLease lease, string id, WindowStep was, WindowStep step, string? what, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await HoldAsync(transaction, lease);
        var isChanged = await ChangeStepAsync(transaction, id, was, step);
        if (isChanged && what is not null)
        {
            await AddEventAsync(transaction, id, what);
        }

        return isChanged;
    }, cancellation);

    /// <summary>Keeps that something happened, under the same lease.</summary>
    public Task SayAsync(JobLease lease, string what, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await HoldAsync(transaction, lease);
        return await AddEventAsync(transaction, lease.Job.Subject, what);
    }, cancellation);

    /// <summary>Changes the step at which a window that is paused is, and has it go on.</summary>
    public Task<bool> ResumeAsync(string id, WindowStep was, WindowStep step, string what, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        if (await transaction.ExecuteAsync($"UPDATE windows SET failure = NULL WHERE window_id = @id AND state = '{WindowStates.Paused}'", new { id }) == 0 || !await ChangeStepAsync(transaction, id, was, step))
        {
            return false;
        }

        await AddEventAsync(transaction, id, what);
        return true;
    }, cancellation);

    private static async Task<bool> ChangeStepAsync(DatabaseTransaction transaction, string id, WindowStep was, WindowStep step) => await transaction.ExecuteAsync(
        "UPDATE window_steps SET state = @state, reference = @reference, detail = @detail, share = @share, started_at = @startedAt, ended_at = @endedAt, leapt = @leapt WHERE window_id = @id AND position = @position AND state = @before",
        new { id, step.Position, step.State, step.Reference, step.Detail, step.Share, step.StartedAt, step.EndedAt, step.Leapt, before = was.State }) == 1;

    /// <summary>Locks the job's row, so that nobody takes it over before this is written; and the window's, so that what happened is numbered one after the other.</summary>
    public static async Task HoldAsync(DatabaseTransaction transaction, JobLease lease)
    {
        var (id, token, window) = (lease.Job.Id, lease.Job.Token, lease.Job.Subject);
        if (await transaction.ExecuteAsync("UPDATE jobs SET token = token WHERE job_id = @id AND token = @token AND state = 'running'", new { id, token }) == 0)
        {
            throw new LeaseLostException(lease.Job);
        }

        await transaction.ExecuteAsync("UPDATE windows SET state = state WHERE window_id = @window", new { window });
    }

    /// <summary>Keeps what is expected now, why it does not go on, how the probes went, and when the gate opens that the window closed for a reason.</summary>
    public Task LiveAsync(JobLease lease, string id, long? backBy, long? caughtUpBy, string? failure, IReadOnlyList<ProbeOutcome>? probe, (string Reason, long OpensAt)? gate, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        // Backups pause by themselves: whether they work then says nothing of the promise.
        var promised = (probe ?? []).Where(outcome => outcome.Component != ServiceComponents.Backups).ToList();
        var failures = promised.Where(outcome => outcome.Failure is not null).Select(outcome => $"A probe of {outcome.Component} failed: {outcome.Failure}").ToList();
        await HoldAsync(transaction, lease);
        var now = Now;
        if (gate is var (reason, opensAt))
        {
            await GateTable.ExpectAsync(transaction, reason, opensAt, now);
        }

        return await transaction.ExecuteAsync(
            """
            UPDATE windows SET live_back_by = @backBy, live_caught_up_by = @caughtUpBy, failure = @failure, probes = probes + @tried, probes_failed = probes_failed + @failed,
                probe_worst = CASE WHEN probe_worst < @worst THEN @worst ELSE probe_worst END, probed_at = CASE WHEN @tried > 0 THEN @now ELSE probed_at END WHERE window_id = @id
            """, new { id, backBy, caughtUpBy, failure, tried = (long)promised.Count, failed = (long)failures.Count, worst = promised.Select(outcome => outcome.Milliseconds).DefaultIfEmpty().Max(), now })
            + (failures.Count > 0 ? await AddEventAsync(transaction, id, string.Join("; ", failures)) : 0);
    }, cancellation);

    /// <summary>Has all windows looked at that have not ended.</summary>
    public async Task ContinueAsync(CancellationToken cancellation)
    {
        foreach (var window in await OpenAsync(cancellation))
        {
            await directory.WriteAsync(async transaction =>
            {
                await JobTable.EnqueueAsync(transaction, WindowJob.JobName, window.Id, time);
                return 0;
            }, cancellation);
        }
    }

    private async Task<int> AddEventAsync(DatabaseTransaction transaction, string id, string what) => await transaction.ExecuteAsync(
        "INSERT INTO window_events (window_id, number, at, event) SELECT @id, coalesce(max(number), 0) + 1, @now, @what FROM window_events WHERE window_id = @id", new { id, Now, what });

    private static Task<IReadOnlyList<WindowStep>> StepsAsync(DatabaseTransaction transaction, string id) =>
        transaction.QueryAsync<WindowStep>($"SELECT {WindowStep.Columns} FROM window_steps WHERE window_id = @id ORDER BY position", new { id });
}
