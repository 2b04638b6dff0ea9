using Holdfast.Authority.Databases;
using Holdfast.Authority.Incidents;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Probing;

/// <summary>
/// What probes came to, by component and day. A time counts as away from a probe that failed to the next, and where nobody was there to try: a service that is down cannot say so, but its next probe finds the gap. What lasts
/// is an incident, opened and closed by itself.
/// </summary>
internal sealed class ProbeTable(IDatabase directory, IncidentTable incidents, TimeProvider time)
{
    /// <summary>Days that are shown.</summary>
    public const int DaysShown = 90;

    /// <summary>Probes come at least so often.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(30);

    /// <summary>Behind a gap as long as this, nobody was there: another node takes a killed one's job over within a lease.</summary>
    public static readonly TimeSpan Gap = TimeSpan.FromMinutes(2);

    private const long SecondsPerDay = 86_400;
    private const int DaysKept = 400;

    /// <summary>What fails for so long is an incident.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    /// <summary>When this node kept what probes came to, by a clock that does not leap.</summary>
    private long? _keptAt;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Keeps what probes came to.</summary>
    public Task KeepAsync(IReadOnlyList<ProbeOutcome> outcomes, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        // A clock that leapt is no gap: this node was there just now.
        var wasHere = _keptAt is { } kept && time.GetElapsedTime(kept) <= Gap;
        var (now, gapSince) = (Now, (long?)null);
        foreach (var outcome in outcomes.OrderBy(outcome => outcome.Component, StringComparer.Ordinal))
        {
            var component = outcome.Component;
            await transaction.ExecuteAsync("INSERT INTO probes (component, probed_at) VALUES (@component, 0) ON CONFLICT DO NOTHING", new { component });

            // Of two nodes that keep at once, one waits here for the other.
            await transaction.ExecuteAsync("UPDATE probes SET probed_at = probed_at WHERE component = @component", new { component });
            var before = (await transaction.FindAsync<Row>("SELECT component, probed_at AS ProbedAt, failing_since AS FailingSince, failure FROM probes WHERE component = @component", new { component }))!;
            var since = outcome.Failure is null ? (long?)null : before.FailingSince ?? now;
            var isGap = !wasHere && before.ProbedAt > 0 && now - before.ProbedAt > (long)Gap.TotalSeconds;
            var awayFrom = before.FailingSince is not null ? wasHere ? Math.Max(before.ProbedAt, now - (long)Gap.TotalSeconds) : before.ProbedAt : isGap ? before.ProbedAt + (long)Every.TotalSeconds : now;
            await KeepDaysAsync(transaction, outcome, awayFrom, now);
            await transaction.ExecuteAsync("UPDATE probes SET probed_at = @now, failing_since = @since, failure = @failure WHERE component = @component", new { component, now, since, failure = outcome.Failure });
            gapSince = isGap ? Math.Min(gapSince ?? long.MaxValue, before.ProbedAt) : gapSince;
            await (since is { } began && now - began >= (long)_patience.TotalSeconds ? incidents.OpenMeasuredAsync(transaction, component, began, outcome.Failure!)
                : since is null && before.FailingSince is not null ? incidents.CloseMeasuredAsync(transaction, component, now) : Task.CompletedTask);
        }

        if (gapSince is { } from)
        {
            await incidents.AddGapAsync(transaction, from, now);
        }

        _keptAt = time.GetTimestamp();
        return 0;
    }, cancellation);

    /// <summary>How each component was at its last probe: when that was, and since when and why it fails.</summary>
    public static async Task<IReadOnlyDictionary<string, (long ProbedAt, long? FailingSince, string? Failure)>> NowAsync(DatabaseTransaction transaction) =>
        (await transaction.QueryAsync<Row>("SELECT component, probed_at AS ProbedAt, failing_since AS FailingSince, failure FROM probes")).ToDictionary(row => row.Component, row => (row.ProbedAt, row.FailingSince, row.Failure));

    /// <summary>The days of a component that were measured, from one on: how long it was away.</summary>
    public static async Task<IReadOnlyDictionary<long, long>> DaysAsync(DatabaseTransaction transaction, string component, long from) => (await transaction.QueryAsync<(long Day, long Away)>(
        "SELECT day, away_seconds FROM probe_days WHERE component = @component AND day >= @from ORDER BY day", new { component, from })).ToDictionary(row => row.Day, row => row.Away);

    private static async Task KeepDaysAsync(DatabaseTransaction transaction, ProbeOutcome outcome, long awayFrom, long now)
    {
        var today = now / SecondsPerDay;

        // Written while the clock was ahead.
        await transaction.ExecuteAsync("DELETE FROM probe_days WHERE component = @component AND day > @today", new { outcome.Component, today });
        for (var day = Math.Max(awayFrom / SecondsPerDay, today - DaysKept); day <= today; day++)
        {
            var away = Math.Max(0, Math.Min(now, (day + 1) * SecondsPerDay) - Math.Max(awayFrom, day * SecondsPerDay));
            var (tried, failed, worst) = day == today ? (1L, outcome.Failure is null ? 0L : 1L, outcome.Milliseconds) : (0L, 0L, 0L);
            await transaction.ExecuteAsync(
                """
                INSERT INTO probe_days (component, day, tried, failed, away_seconds, worst) VALUES (@component, @day, @tried, @failed, @away, @worst)
                ON CONFLICT (component, day) DO UPDATE SET tried = probe_days.tried + excluded.tried, failed = probe_days.failed + excluded.failed, away_seconds = probe_days.away_seconds + excluded.away_seconds,
                    worst = CASE WHEN probe_days.worst < excluded.worst THEN excluded.worst ELSE probe_days.worst END
                """, new { outcome.Component, day, tried, failed, away, worst });
        }
    }

    private sealed record Row
    {
        public string Component { get; init; } = "";

        public long ProbedAt { get; init; }

        public long? FailingSince { get; init; }

        public string? Failure { get; init; }
    }
}
