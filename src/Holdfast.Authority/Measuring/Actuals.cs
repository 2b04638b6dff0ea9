using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Measuring;

/// <summary>What long work really took, kept for ever: what the next is estimated by.</summary>
internal sealed class Actuals(IDatabase directory)
{
    /// <summary>What was measured on a sample is of this, and the kind of work.</summary>
    public const string OfSample = "rehearsal:";

    private const string Columns = "id, kind, subject, ended_at AS EndedAt, volume, changed, milliseconds, threads, medium";

    /// <summary>Keeps one; the same id again changes nothing, so that who was killed behind it may repeat it.</summary>
    public Task KeepAsync(string id, Actual actual, CancellationToken cancellation) => directory.WriteAsync(transaction => KeepAsync(transaction, id, actual), cancellation);

    /// <summary>The same with what else the transaction does.</summary>
    public static Task<int> KeepAsync(DatabaseTransaction transaction, string id, Actual actual) => transaction.ExecuteAsync(
        """
        INSERT INTO actuals (id, kind, subject, ended_at, volume, changed, milliseconds, threads, medium) VALUES (@id, @kind, @subject, @endedAt, @volume, @changed, @milliseconds, @threads, @medium)
        ON CONFLICT DO NOTHING
        """, new { id, actual.Kind, actual.Subject, actual.EndedAt, actual.Volume, actual.Changed, actual.Milliseconds, threads = (long)actual.Threads, actual.Medium });

    /// <summary>The latest first.</summary>
    public async Task<ActualList> ListAsync(Paging paging, CancellationToken cancellation)
    {
        var page = paging.Cut(await ReadAsync(paging.After ?? "~", paging.Rows, cancellation), row => row.Id);
        return new ActualList([.. page.Items.Select(row => row.Actual)], page.Next);
    }

    /// <summary>The latest of each kind of work, not more than so many of each.</summary>
    public Task<IReadOnlyList<Actual>> LatestAsync(IReadOnlyCollection<string> kinds, int most, CancellationToken cancellation) => directory.ReadAsync<IReadOnlyList<Actual>>(async transaction =>
    {
        var latest = new List<Actual>();
        foreach (var kind in kinds)
        {
            latest.AddRange((await transaction.QueryAsync<Row>($"SELECT {Columns} FROM actuals WHERE kind = @kind ORDER BY id DESC LIMIT @most", new { kind, most })).Select(row => row.Actual));
        }

        return latest;
    }, cancellation);

    private Task<IReadOnlyList<Row>> ReadAsync(string before, int rows, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<Row>(
        $"SELECT {Columns} FROM actuals WHERE id < @before ORDER BY id DESC LIMIT @rows", new { before, rows }), cancellation);

    private sealed record Row
    {
        public string Id { get; init; } = "";

        public string Kind { get; init; } = "";

        public string Subject { get; init; } = "";

        public long EndedAt { get; init; }

        public long Volume { get; init; }

        public long Changed { get; init; }

        public long Milliseconds { get; init; }

        public long Threads { get; init; }

        public string Medium { get; init; } = "";

        public Actual Actual => new(Kind, Subject, EndedAt, Volume, Changed, Milliseconds, (int)Threads, Medium);
    }
}
