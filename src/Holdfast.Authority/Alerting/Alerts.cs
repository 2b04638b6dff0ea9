using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Alerting;

/// <summary>Alerts: each is told once when it is raised, once more if it gets critical, and once when it is over, in the transaction that keeps it.</summary>
/// <param name="directory">Where they are.</param>
/// <param name="outbox">Mail.</param>
/// <param name="webhooks">Programs that are told.</param>
/// <param name="addresses">Who gets the mail; all operators and admins if null.</param>
/// <param name="time">The clock.</param>
internal sealed class Alerts(IDatabase directory, Outbox outbox, Webhooks webhooks, IReadOnlyList<string>? addresses, TimeProvider time)
{
    private const string Columns = "alert_id AS Id, kind, subject, severity, message, raised_at AS RaisedAt, seen_at AS SeenAt, told_at AS ToldAt, resolved_at AS ResolvedAt";
    private const string Critical = "critical";
    private const string Warning = "warning";

    /// <summary>What was not found for so long is over: what comes and goes is one alert.</summary>
    private static readonly TimeSpan _over = TimeSpan.FromMinutes(5);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Takes in what was found of a kind.</summary>
    public Task TakeInAsync(string kind, TimeSpan patience, IReadOnlyList<Finding> findings, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var now = Now;
        var open = (await transaction.QueryAsync<Row>($"SELECT {Columns} FROM alerts WHERE kind = @kind AND resolved_at IS NULL", new { kind })).ToDictionary(row => row.Subject);
        foreach (var finding in findings.GroupBy(finding => finding.Subject).Select(same => same.First()))
        {
            var severity = finding.IsCritical ? Critical : Warning;
            if (!open.Remove(finding.Subject, out var row))
            {
                row = new Row { Id = Guid.CreateVersion7(time.GetUtcNow()).ToString(), Kind = kind, Subject = finding.Subject, RaisedAt = now };
                await transaction.ExecuteAsync("INSERT INTO alerts (alert_id, kind, subject, severity, message, raised_at, seen_at) VALUES (@id, @kind, @subject, @severity, @message, @now, @now) ON CONFLICT DO NOTHING",
                    new { row.Id, kind, finding.Subject, severity, finding.Message, now });
            }

            // What was critical stays so until it is over: what comes and goes at the edge is told once. A clock that was set back begins patience anew.
            var isWorse = row.ToldAt is not null && severity == Critical && row.Severity == Warning;
            var isTold = isWorse || (row.ToldAt is null && now - row.RaisedAt >= patience.TotalSeconds);
            severity = row.Severity == Critical ? Critical : severity;

            // Of two nodes that both think that it is theirs to tell, one changes the row.
            if (await transaction.ExecuteAsync(
                $"""
                UPDATE alerts SET severity = @severity, message = @message, seen_at = @now, told_at = CASE WHEN @isTold = 1 THEN @now ELSE told_at END, raised_at = CASE WHEN raised_at > @now THEN @now ELSE raised_at END
                WHERE alert_id = @id AND resolved_at IS NULL AND (@isTold = 0 OR (@isWorse = 1 AND severity = '{Warning}') OR (@isWorse = 0 AND told_at IS NULL))
                """, new { row.Id, severity, finding.Message, now, isTold = isTold ? 1 : 0, isWorse = isWorse ? 1 : 0 }) == 1 && isTold)
            {
                await TellAsync(transaction, row with { Severity = severity, Message = finding.Message }, isOver: false);
            }
        }

        foreach (var row in open.Values.Where(row => now - row.SeenAt >= _over.TotalSeconds || now < row.SeenAt))
        {
            var ended = await transaction.ExecuteAsync(row.ToldAt is null ? "DELETE FROM alerts WHERE alert_id = @id AND told_at IS NULL" : "UPDATE alerts SET resolved_at = @now WHERE alert_id = @id AND resolved_at IS NULL", new { row.Id, now });
            if (row.ToldAt is not null && ended == 1)
            {
                await TellAsync(transaction, row, isOver: true);
            }
        }

        return 0;
    }, cancellation);

    /// <summary>Those that somebody was told of, the latest first; only open ones, or all.</summary>
    public async Task<AlertList> ListAsync(bool all, Paging paging, CancellationToken cancellation)
    {
        var page = await directory.AskAsync(async transaction => paging.Cut(await transaction.QueryAsync<Row>(
            $"SELECT {Columns} FROM alerts WHERE alert_id < @before AND told_at IS NOT NULL AND (@all = 1 OR resolved_at IS NULL) ORDER BY alert_id DESC LIMIT @rows", new { before = paging.After ?? "~", all = all ? 1 : 0, rows = paging.Rows }), row => row.Id), cancellation);
        return new AlertList([.. page.Items.Select(row => new Alert(row.Id, row.Kind, row.Subject, row.Severity, row.Message, row.RaisedAt, row.ResolvedAt))], page.Next);
    }

    private async Task TellAsync(DatabaseTransaction transaction, Row row, bool isOver)
    {
        if (await outbox.IsSentAsync(transaction))
        {
            var letter = isOver ? Letter.Of(Outbox.Language, "alert_resolved", row.Kind, row.Subject, row.Message, $"{DateTimeOffset.FromUnixTimeSeconds(row.RaisedAt):yyyy-MM-dd HH:mm}")
                : Letter.Of(Outbox.Language, row.Severity == Critical ? "alert_critical" : "alert", row.Kind, row.Subject, row.Message);
            foreach (var address in addresses ?? await transaction.QueryAsync<string>("SELECT email FROM people WHERE operator_role IN ('operator', 'admin') AND suspended_at IS NULL"))
            {
                await outbox.AddAsync(transaction, address, letter);
            }
        }

        await webhooks.TellAsync(transaction, isOver ? WebhookTopics.AlertResolved : WebhookTopics.AlertRaised, null,
            new Dictionary<string, string> { ["id"] = row.Id, ["kind"] = row.Kind, ["subject"] = row.Subject, ["severity"] = row.Severity, ["message"] = row.Message });
    }

    private sealed record Row
    {
        public string Id { get; init; } = "";

        public string Kind { get; init; } = "";

        public string Subject { get; init; } = "";

        public string Severity { get; init; } = "";

        public string Message { get; init; } = "";

        public long RaisedAt { get; init; }

        public long SeenAt { get; init; }

        public long? ToldAt { get; init; }

        public long? ResolvedAt { get; init; }
    }
}
