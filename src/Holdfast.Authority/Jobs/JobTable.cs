using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Jobs;

/// <summary>Jobs and their leases. Clocks only decide how soon a job is taken over; that nobody else's work is overwritten is decided by tokens.</summary>
/// <param name="directory">Where they are.</param>
/// <param name="node">Who works on them here.</param>
/// <param name="time">The clock.</param>
/// <param name="pauseMax">The longest that any kind waits between two runs; what waits for longer was told when by a clock that has been set back.</param>
internal sealed class JobTable(IDatabase directory, string node, TimeProvider time, TimeSpan? pauseMax = null)
{
    public static readonly TimeSpan LeaseLength = TimeSpan.FromSeconds(15);

    /// <summary>A lease that lies further ahead was given before the clock was set back; nodes' clocks differ by less.</summary>
    private static readonly TimeSpan _leaseFarthest = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan _pauseMax = TimeSpan.FromHours(25);

    private const int CandidatesMax = 16;

    /// <summary>Of each kind: what was verified last is asked for when thousands of mails have been sent.</summary>
    private const int EndedKept = 1000;

    private const string Columns =
        "job_id AS Id, kind, subject, state, due_at AS DueAt, lease_until AS LeaseUntil, token, node, attempts, progress, failure, created_at AS CreatedAt, ended_at AS EndedAt";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Makes a job, unless one of its kind and subject is under way; returns the one that is.</summary>
    public Task<Job> EnqueueAsync(string kind, string subject, CancellationToken cancellation, DateTimeOffset? dueAt = null) => directory.WriteAsync(async transaction =>
    {
        await EnqueueAsync(transaction, kind, subject, time, dueAt);
        return (await transaction.FindAsync<Job>($"SELECT {Columns} FROM jobs WHERE kind = @kind AND subject = @subject AND state IN ('waiting', 'running')", new { kind, subject }))!;
    }, cancellation);

    /// <summary>Has a job that waits run at once, or makes it.</summary>
    public Task HurryAsync(string kind, string subject, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await EnqueueAsync(transaction, kind, subject, time);
        return await transaction.ExecuteAsync("UPDATE jobs SET due_at = @now, failure = NULL WHERE kind = @kind AND subject = @subject AND state = 'waiting'", new { kind, subject, Now });
    }, cancellation);

    /// <summary>Makes a job with what else the transaction does.</summary>
    public static Task EnqueueAsync(DatabaseTransaction transaction, string kind, string subject, TimeProvider time, DateTimeOffset? dueAt = null)
    {
        var now = time.GetUtcNow();
        return transaction.ExecuteAsync(
            """
            INSERT INTO jobs (job_id, kind, subject, state, due_at, lease_until, token, attempts, created_at) VALUES (@id, @kind, @subject, 'waiting', @due, 0, 0, 0, @now)
            ON CONFLICT DO NOTHING
            """, new { id = Guid.CreateVersion7(now).ToString(), kind, subject, due = (dueAt ?? now).ToUnixTimeSeconds(), now = now.ToUnixTimeSeconds() });
    }

    /// <summary>Takes a lease of a job of these kinds that is due and that nobody works on; null if there is none. What lies further ahead than it can was written before the clock was set back.</summary>
    public Task<JobLease?> ClaimAsync(IReadOnlyCollection<string> kinds, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
        await ClaimAsync(transaction, kinds, "due_at <= @now") ?? await ClaimAsync(transaction, kinds, "due_at > @dueFarthest"), cancellation);

    private async Task<JobLease?> ClaimAsync(DatabaseTransaction transaction, IReadOnlyCollection<string> kinds, string isDue)
    {
        foreach (var candidate in await transaction.QueryAsync<Job>(
            $"SELECT {Columns} FROM jobs WHERE state IN ('waiting', 'running') AND {isDue} AND (lease_until < @now OR lease_until > @leaseFarthest) AND kind IN ({string.Join(", ", kinds.Select(kind => $"'{kind}'"))}) ORDER BY due_at LIMIT {CandidatesMax}",
            new { Now, dueFarthest = Now + (long)(pauseMax ?? _pauseMax).TotalSeconds, leaseFarthest = Now + (long)_leaseFarthest.TotalSeconds }))
        {
            // Of several nodes that saw it, one finds the token unchanged.
            if (await transaction.FindAsync<Job>(
                $"UPDATE jobs SET state = 'running', lease_until = @until, token = token + 1, node = @node, attempts = attempts + 1 WHERE job_id = @id AND token = @token AND state = @state RETURNING {Columns}",
                new { candidate.Id, candidate.Token, candidate.State, until = Now + (long)LeaseLength.TotalSeconds, node }) is { } job)
            {
                return new JobLease(this, job);
            }
        }

        return null;
    }

    /// <summary>Prolongs a lease, keeps progress if there is some, and says that the job got on if it did; null if it is somebody else's.</summary>
    public Task<Job?> RenewAsync(Job job, string? progress, bool gotOn, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.FindAsync<Job>(
        $"""
        UPDATE jobs SET lease_until = @until, progress = CASE WHEN @hasProgress = 1 THEN @progress ELSE progress END, attempts = CASE WHEN @gotOn = 1 THEN 1 ELSE attempts END
        WHERE job_id = @id AND token = @token AND state = 'running' RETURNING {Columns}
        """, new { job.Id, job.Token, until = Now + (long)LeaseLength.TotalSeconds, progress = progress ?? "", hasProgress = progress is null ? 0 : 1, gotOn = gotOn ? 1 : 0 }), cancellation);

    /// <summary>Gives a job back, to be run again when it is due; false if it is somebody else's.</summary>
    /// <param name="job">The job.</param>
    /// <param name="dueAt">When to run it again.</param>
    /// <param name="failure">Why it did not end; null if it is to be repeated, or the node stops.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public async Task<bool> ReturnAsync(Job job, DateTimeOffset dueAt, string? failure, CancellationToken cancellation) => await directory.WriteAsync(transaction => transaction.ExecuteAsync(
        """
        UPDATE jobs SET state = 'waiting', lease_until = 0, due_at = @due, failure = @failure, attempts = CASE WHEN @hasFailed = 1 THEN attempts ELSE 0 END
        WHERE job_id = @id AND token = @token AND state = 'running'
        """, new { job.Id, job.Token, due = dueAt.ToUnixTimeSeconds(), failure, hasFailed = failure is null ? 0 : 1 }), cancellation) == 1;

    /// <summary>Ends a job for good; false if it is somebody else's. Of jobs that ended, the latest are kept.</summary>
    public async Task<bool> EndAsync(Job job, CancellationToken cancellation) => await directory.WriteAsync(async transaction =>
    {
        var ended = await transaction.ExecuteAsync(
            "UPDATE jobs SET state = 'done', lease_until = 0, ended_at = @now, failure = NULL WHERE job_id = @id AND token = @token AND state = 'running'", new { job.Id, job.Token, Now });
        await transaction.ExecuteAsync(
            $"DELETE FROM jobs WHERE state = 'done' AND kind = @kind AND job_id < (SELECT min(job_id) FROM (SELECT job_id FROM jobs WHERE state = 'done' AND kind = @kind ORDER BY job_id DESC LIMIT {EndedKept}) AS kept)", new { job.Kind });
        return ended;
    }, cancellation) == 1;

    /// <summary>Ends a job of a kind, whoever works on it: its lease is past.</summary>
    public Task GiveUpAsync(string kind, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE jobs SET state = 'done', lease_until = 0, token = token + 1, ended_at = @now, failure = 'It was given up.' WHERE kind = @kind AND state IN ('waiting', 'running')", new { kind, Now }), cancellation);

    /// <summary>Jobs that do not get on, by kind, and why one of them did not.</summary>
    public Task<IReadOnlyList<(string Kind, long Count, string? Failure)>> StuckAsync(CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<(string Kind, long Count, string? Failure)>(
        $"SELECT kind, count(*), max(failure) FROM jobs WHERE state IN ('waiting', 'running') AND attempts >= {Job.StuckAttempts} GROUP BY kind ORDER BY kind"), cancellation);

    /// <summary>Jobs, the latest first.</summary>
    public Task<Page<Job>> ListAsync(Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        await transaction.QueryAsync<Job>($"SELECT {Columns} FROM jobs WHERE job_id < @before ORDER BY job_id DESC LIMIT @rows", new { before = paging.After ?? "~", rows = paging.Rows }), job => job.Id), cancellation);

    /// <summary>Jobs of a kind and subject that were wanted since a moment and have ended, the earliest first, not more than <paramref name="most"/>.</summary>
    public Task<IReadOnlyList<Job>> EndedSinceAsync(string kind, string subject, long since, int most, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<Job>(
        $"SELECT {Columns} FROM jobs WHERE kind = @kind AND subject = @subject AND created_at >= @since AND ended_at IS NOT NULL ORDER BY job_id LIMIT @most", new { kind, subject, since, most }), cancellation);

    /// <summary>The latest job of a kind (of a subject, if one is given); null if there was none.</summary>
    public Task<Job?> FindLatestAsync(string kind, CancellationToken cancellation, string? subject = null) => directory.AskAsync(transaction => transaction.FindAsync<Job>(
        $"SELECT {Columns} FROM jobs WHERE kind = @kind{(subject is null ? "" : " AND subject = @subject")} ORDER BY job_id DESC LIMIT 1", new { kind, subject = subject ?? "" }), cancellation);
}
