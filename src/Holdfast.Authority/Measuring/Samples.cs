using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Measuring;

/// <summary>How much there was of what, a value a day; older ones are thinned out.</summary>
internal sealed class Samples(IDatabase directory)
{
    /// <summary>Days of which every one is kept; behind them one of a week, and behind those one of four weeks.</summary>
    private const int DailyDays = 60;
    private const int WeeklyDays = 400;

    /// <summary>Keeps a day's values; the same day again replaces them.</summary>
    public Task<int> KeepAsync(long day, IReadOnlyCollection<(string Metric, string Subject, long Value)> values, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var kept = await transaction.ExecuteEachAsync(
            "INSERT INTO samples (metric, subject, day, value) VALUES (@metric, @subject, @day, @value) ON CONFLICT (metric, subject, day) DO UPDATE SET value = excluded.value",
            [.. values.Select(value => new { value.Metric, value.Subject, day, value.Value })]);
        await transaction.ExecuteAsync("DELETE FROM samples WHERE (day < @daily AND day % 7 <> 0) OR (day < @weekly AND day % 28 <> 0)", new { daily = day - DailyDays, weekly = day - WeeklyDays });
        return kept;
    }, cancellation);

    /// <summary>What one metric's subjects were on a day, or on the first on which they were counted if that is later.</summary>
    public Task<Dictionary<string, (long Day, long Value)>> BeforeAsync(string metric, long day, CancellationToken cancellation) => directory.AskAsync(async transaction => (await transaction.QueryAsync<(string Subject, long Day, long Value)>(
        """
        SELECT s.subject, s.day, s.value FROM samples s
        JOIN (SELECT subject, coalesce(max(CASE WHEN day <= @day THEN day END), min(day)) AS day FROM samples WHERE metric = @metric GROUP BY subject) b ON b.subject = s.subject AND b.day = s.day
        WHERE s.metric = @metric
        """, new { metric, day })).ToDictionary(row => row.Subject, row => (row.Day, row.Value)), cancellation);

    /// <summary>All that is kept of some metrics, by metric, subject and day.</summary>
    public Task<IReadOnlyList<GrowthSample>> ReadAsync(IReadOnlyCollection<string> metrics, CancellationToken cancellation) => directory.ReadAsync<IReadOnlyList<GrowthSample>>(async transaction =>
    {
        var all = new List<GrowthSample>();
        foreach (var metric in metrics)
        {
            all.AddRange((await transaction.QueryAsync<(string Metric, string Subject, long Day, long Value)>("SELECT metric, subject, day, value FROM samples WHERE metric = @metric ORDER BY subject, day", new { metric }))
                .Select(row => new GrowthSample(row.Metric, row.Subject, row.Day, row.Value)));
        }

        return all;
    }, cancellation);

    /// <summary>The values of one metric, or of all, by metric, subject and day.</summary>
    public Task<Page<GrowthSample>> ListAsync(string? metric, Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction =>
    {
        var (lastMetric, lastSubject, lastDay) = paging.After?.Split('\n') is [var m, var s, var d] && long.TryParse(d, out var day) ? (m, s, day) : ("", "", -1L);
        return paging.Cut((await transaction.QueryAsync<(string Metric, string Subject, long Day, long Value)>(
            """
            SELECT metric, subject, day, value FROM samples WHERE (metric, subject, day) > (@lastMetric, @lastSubject, @lastDay) AND (@metric = '' OR metric = @metric)
            ORDER BY metric, subject, day LIMIT @rows
            """, new { lastMetric, lastSubject, lastDay, metric = metric ?? "", rows = paging.Rows }))
            .Select(row => new GrowthSample(row.Metric, row.Subject, row.Day, row.Value)).ToList(), sample => $"{sample.Metric}\n{sample.Subject}\n{sample.Day}");
    }, cancellation);
}
