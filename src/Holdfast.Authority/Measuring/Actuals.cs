using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Measuring;

/// <summary>What long work really took, kept for ever: what the next is estimated by.</summary>
internal sealed class Actuals(IDatabase directory)
{
    /// <summary>Keeps one; the same id again changes nothing, so that who was killed behind it may repeat it.</summary>
    public Task KeepAsync(string id, Actual actual, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        """
        INSERT INTO actuals (id, kind, subject, ended_at, volume, changed, milliseconds, threads, medium) VALUES (@id, @kind, @subject, @endedAt, @volume, @changed, @milliseconds, @threads, @medium)
        ON CONFLICT DO NOTHING
        """, new { id, actual.Kind, actual.Subject, actual.EndedAt, actual.Volume, actual.Changed, actual.Milliseconds, threads = (long)actual.Threads, actual.Medium }), cancellation);

    /// <summary>The latest first.</summary>
    public async Task<ActualList> ListAsync(Paging paging, CancellationToken cancellation)
    {
        var page = await directory.AskAsync(async transaction => paging.Cut(await transaction.QueryAsync<Row>(
            "SELECT id, kind, subject, ended_at AS EndedAt, volume, changed, milliseconds, threads, medium FROM actuals WHERE id < @before ORDER BY id DESC LIMIT @rows",
            new { before = paging.After ?? "~", rows = paging.Rows }), row => row.Id), cancellation);
        return new ActualList([.. page.Items.Select(row => new Actual(row.Kind, row.Subject, row.EndedAt, row.Volume, row.Changed, row.Milliseconds, (int)row.Threads, row.Medium))], page.Next);
    }

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
    }
}
