using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Rehearsing;

/// <summary>States of a step's rehearsal.</summary>
internal static class RehearsalStates
{
    public const string Waiting = "waiting";
    public const string Running = "running";
    public const string Done = "done";
    public const string Failed = "failed";

    /// <summary>It cannot be tried on a part, or there is none.</summary>
    public const string LeftOut = "left_out";
}

/// <summary>Rehearsals of windows' steps.</summary>
internal sealed class RehearsalTable(IDatabase directory, TimeProvider time)
{
    private const string IsUnderWay = $"state IN ('{RehearsalStates.Waiting}', '{RehearsalStates.Running}')";

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Begins a rehearsal anew, by the job of the kind that a step is rehearsed by; fails while another, of whichever window, is under way.</summary>
    public Task BeginAsync(string window, IReadOnlyList<(PlanStep Step, string? Job)> steps, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await transaction.LockAsync("rehearsals");
        if (await transaction.FindAsync<string>($"SELECT window_id FROM rehearsals WHERE {IsUnderWay} LIMIT 1") is { } other)
        {
            throw new HoldfastException(FailureTable.Conflict, $"The window {other} is being rehearsed: wait until that has ended, or give it up (`holdfast admin maintenance rehearse {other} --stop`).");
        }

        await transaction.ExecuteAsync("DELETE FROM rehearsals WHERE window_id = @window", new { window });
        await transaction.ExecuteEachAsync("INSERT INTO rehearsals (window_id, position, state) VALUES (@window, @position, @state)",
            [.. steps.Select((step, position) => (object)new { window, position, state = step.Job is null ? RehearsalStates.LeftOut : RehearsalStates.Waiting })]);
        if (steps.FirstOrDefault(step => step.Job is not null).Job is { } first)
        {
            await JobTable.EnqueueAsync(transaction, first, window, time);
        }

        return 0;
    }, cancellation);

    /// <summary>Gives up what has not ended; the step that is under way ends by itself, and is learned nothing from.</summary>
    public Task StopAsync(string window, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        $"UPDATE rehearsals SET state = '{RehearsalStates.LeftOut}', detail = 'It was given up.', ended_at = @now WHERE window_id = @window AND {IsUnderWay}", new { window, Now }), cancellation);

    /// <summary>Has the job of another kind go on.</summary>
    public Task GoOnAsync(string window, string job, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await JobTable.EnqueueAsync(transaction, job, window, time);
        return 0;
    }, cancellation);

    public Task<IReadOnlyList<RehearsalRow>> ReadAsync(string window, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<RehearsalRow>(
        "SELECT position, state, detail, volume, milliseconds, started_at AS StartedAt, ended_at AS EndedAt FROM rehearsals WHERE window_id = @window ORDER BY position", new { window }), cancellation);

    /// <summary>A step's rehearsal begins; again, if it was killed: it keeps the time at which it began first.</summary>
    public Task StartAsync(JobLease lease, long position, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await WindowTable.HoldAsync(transaction, lease);
        return await transaction.ExecuteAsync($"UPDATE rehearsals SET state = '{RehearsalStates.Running}', started_at = coalesce(started_at, @now) WHERE window_id = @window AND position = @position AND {IsUnderWay}",
            new { window = lease.Job.Subject, position, Now });
    }, cancellation);

    /// <summary>It has ended, and is learned from unless it was given up meanwhile; both by who has the lease.</summary>
    public Task EndAsync(JobLease lease, long position, string state, string? detail, Actual? actual, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await WindowTable.HoldAsync(transaction, lease);
        if (await transaction.ExecuteAsync(
            $"UPDATE rehearsals SET state = @state, detail = @detail, volume = @volume, milliseconds = @milliseconds, ended_at = @now WHERE window_id = @window AND position = @position AND {IsUnderWay}",
            new { window = lease.Job.Subject, position, state, detail, actual?.Volume, actual?.Milliseconds, Now }) == 1 && actual is not null)
        {
            await Actuals.KeepAsync(transaction, $"{lease.Job.Subject}-{position}-{Now}", actual);
        }

        return 0;
    }, cancellation);
}

/// <summary>A step's rehearsal. Times are milliseconds since 1970.</summary>
internal sealed record RehearsalRow
{
    public long Position { get; init; }

    public string State { get; init; } = "";

    public string? Detail { get; init; }

    public long? Volume { get; init; }

    public long? Milliseconds { get; init; }

    public long? StartedAt { get; init; }

    public long? EndedAt { get; init; }

    public bool IsUnderWay => State is RehearsalStates.Waiting or RehearsalStates.Running;

    public RehearsedStep StatusOf(PlanStep step, string? unit) => new(step.Name, step.Kind, State, Detail, Volume, unit, Milliseconds / 1000.0);
}
