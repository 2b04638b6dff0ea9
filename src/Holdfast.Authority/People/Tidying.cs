using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;

namespace Holdfast.Authority.People;

/// <summary>Once a day: what has expired is forgotten, codes, sessions, tokens, counts of attempts, and that mail was sent.</summary>
internal sealed class Tidying(IDatabase directory, TimeProvider time) : IJobKind
{
    public const string JobName = "tidying";

    private static readonly TimeSpan _kept = TimeSpan.FromDays(30);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var parameters = new { now = now.ToUnixTimeSeconds(), day = (now - TimeSpan.FromDays(1)).ToUnixTimeSeconds(), old = (now - _kept).ToUnixTimeSeconds(), year = (now - TimeSpan.FromDays(366)).ToUnixTimeSeconds(), yearMilliseconds = (now - TimeSpan.FromDays(366)).ToUnixTimeMilliseconds() };
        foreach (var statement in new[]
        {
            "DELETE FROM one_time_codes WHERE expires_at < @now", "DELETE FROM sign_ins WHERE expires_at < @now", "DELETE FROM api_tokens WHERE expires_at < @now",
            "DELETE FROM enrolment_codes WHERE expires_at < @old", "DELETE FROM attempts WHERE begun_at < @day", "DELETE FROM outbox WHERE created_at < @old",
            "DELETE FROM deliveries WHERE created_at < @old", "DELETE FROM alerts WHERE resolved_at < @year", "DELETE FROM mail_choices WHERE NOT EXISTS (SELECT 1 FROM people WHERE person_id = mail_choices.person_id)",
            "DELETE FROM gate_waits WHERE asked_at < @year", "DELETE FROM rehearsals WHERE ended_at < @yearMilliseconds", "DELETE FROM throttles WHERE ends_at < @old", "DELETE FROM browsing_sessions WHERE expires_at < @now",
            "DELETE FROM prepared_restores WHERE state IN ('failed', 'cancelled', 'expired') AND created_at < @old",
            "DELETE FROM prepared_restores WHERE created_at < @day AND NOT EXISTS (SELECT 1 FROM accounts WHERE account_id = prepared_restores.account_id)",
        })
        {
            await directory.WriteAsync(transaction => transaction.ExecuteAsync(statement, parameters), cancellation);
        }

        await directory.WriteAsync(transaction => RepeatedRequests.TidyAsync(transaction, now), cancellation);
        return now + TimeSpan.FromDays(1);
    }
}
