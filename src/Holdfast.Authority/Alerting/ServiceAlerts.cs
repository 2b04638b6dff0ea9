using Holdfast.Authority.Databases;
using Holdfast.Authority.Incidents;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Restores;
using Holdfast.Authority.SelfBackups;
using Holdfast.Authority.Verifying;
using Holdfast.Authority.Windows;

namespace Holdfast.Authority.Alerting;

/// <summary>The service's copies of its own databases fail, or are too old.</summary>
internal sealed class SelfBackupAlerts(SelfBackup backups, TimeSpan every, DateTimeOffset startedAt, TimeProvider time) : IAlertSource
{
    private static readonly TimeSpan _grace = TimeSpan.FromHours(2);

    public string Kind => "self_backup";

    public TimeSpan Patience => TimeSpan.FromMinutes(15);

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation)
    {
        var (status, now) = (await backups.StatusAsync(cancellation), time.GetUtcNow());
        var last = status.Backups.Select(backup => (long?)backup.StoredAt).Max() is { } at ? DateTimeOffset.FromUnixTimeSeconds(at) : startedAt;
        if (now - last > every + _grace)
        {
            return [new Finding("", true, $"The last copy of the service's own databases is {(now - last).TotalHours:0} hours old{(status.Failure is { } why ? $" ({why})" : "")}. If the databases were lost, what came since would have to be found on the pod: see `holdfast admin self-backup list` and the log.")];
        }

        return status.Failure is { } failure ? [new Finding("", false, $"The service's own databases could not be copied: {failure} It is tried again.")] : [];
    }
}

/// <summary>The certificate runs out.</summary>
/// <param name="expires">When; null if https is served by a proxy, which has its own.</param>
/// <param name="time">The clock.</param>
internal sealed class CertificateAlerts(Func<DateTimeOffset?> expires, TimeProvider time) : IAlertSource
{
    private const int WarnedDays = 21;
    private const int CriticalDays = 7;

    public string Kind => "certificate";

    public TimeSpan Patience => TimeSpan.Zero;

    public Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation)
    {
        var days = expires() is { } at ? (at - time.GetUtcNow()).TotalDays : double.MaxValue;
        return Task.FromResult<IReadOnlyList<Finding>>(days > WarnedDays ? []
            : [new Finding("", days <= CriticalDays, $"The certificate {(days <= 0 ? "has run out: clients refuse the service" : $"is good for {Math.Floor(days):0} more days")}. Renew its PEM files; the service reads them again by itself.")]);
    }
}

/// <summary>Jobs that are begun again and again and do not get on.</summary>
internal sealed class JobAlerts(JobTable jobs) : IAlertSource
{
    public string Kind => "job";

    public TimeSpan Patience => TimeSpan.Zero;

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation) => [.. (await jobs.StuckAsync(cancellation)).Select(stuck =>
        new Finding(stuck.Kind, false, $"{stuck.Count} job{(stuck.Count == 1 ? "" : "s")} of the kind {stuck.Kind} failed {Job.StuckAttempts} times or more, the last: {stuck.Failure ?? "it was ended without a word"} See `holdfast admin jobs`."))];
}

/// <summary>Verifications and drills that found damage.</summary>
internal sealed class ProofAlerts(ProofTable proofs) : IAlertSource
{
    public string Kind => "damage";

    public TimeSpan Patience => TimeSpan.Zero;

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation)
    {
        var (verifications, drills) = await proofs.DamagedAsync(cancellation);
        var findings = new List<Finding>();
        if (verifications > 0)
        {
            findings.Add(new Finding("verification", true, $"The latest verification of {verifications} accounts found objects that cannot be read: `holdfast admin verification`."));
        }

        if (drills > 0)
        {
            findings.Add(new Finding("drill", true, $"The latest restore drill of {drills} accounts found files that cannot be restored: `holdfast admin proofs ACCOUNT`."));
        }

        return findings;
    }
}

/// <summary>Restorers that were not heard of for a while.</summary>
internal sealed class RestorerAlerts(Restorers restorers, TimeProvider time) : IAlertSource
{
    private static readonly TimeSpan _silent = TimeSpan.FromMinutes(10);

    public string Kind => "restorer";

    public TimeSpan Patience => TimeSpan.FromMinutes(2);

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation) => [.. (await restorers.ListAsync(cancellation)).Restorers
        .Where(restorer => restorer.SeenAt is { } at && time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(at) > _silent)
        .Select(restorer => new Finding(restorer.Name, false, $"The restorer '{restorer.Name}' was last heard of at {DateTimeOffset.FromUnixTimeSeconds(restorer.SeenAt!.Value):yyyy-MM-dd HH:mm} UTC: archives that customers ask for wait. Start it, or remove it (`holdfast admin restorer remove`)."))];
}

/// <summary>Mail that came back, or that nobody took for days, and webhooks that took nothing for days: one finding each, however many there are.</summary>
internal sealed class UndeliveredAlerts(IDatabase directory, TimeProvider time) : IAlertSource
{
    private const int ShownMax = 10;

    /// <summary>An address that was corrected gets no more mail under the old one: what is so old is over.</summary>
    private static readonly TimeSpan _remembered = TimeSpan.FromDays(7);

    public string Kind => "mail";

    public TimeSpan Patience => TimeSpan.Zero;

    public Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation) => directory.ReadAsync<IReadOnlyList<Finding>>(async transaction =>
    {
        var findings = new List<Finding>();
        var bounced = await transaction.QueryAsync<(string Recipient, string? Failure)>(
            """
            SELECT recipient, max(failure) FROM outbox b WHERE bounced_at IS NOT NULL AND bounced_at > @since
              AND coalesce((SELECT max(s.sent_at) FROM outbox s WHERE s.recipient = b.recipient), 0) <= b.bounced_at GROUP BY recipient ORDER BY recipient
            """, new { since = (time.GetUtcNow() - _remembered).ToUnixTimeSeconds() });
        if (bounced.Count > 0)
        {
            findings.Add(new Finding("undelivered", false, $"Mail to {bounced.Count} address{(bounced.Count == 1 ? "" : "es")} could not be delivered: {string.Join("; ", bounced.Take(ShownMax).Select(mail => $"{mail.Recipient} ({mail.Failure})"))}{(bounced.Count > ShownMax ? "; …" : ".")} Have whoever they belong to give others."));
        }

        // An address of a webhook may be a secret: only where it leads is said.
        findings.AddRange((await transaction.QueryAsync<(string Id, string Url, string Failure)>("SELECT webhook_id, url, failure FROM webhooks WHERE failure IS NOT NULL ORDER BY webhook_id"))
            .Select(webhook => new Finding($"webhook {webhook.Id}", false, $"The webhook {webhook.Id} at {Webhooks.OriginOf(webhook.Url)} took nothing for days: {webhook.Failure} Mend it, or remove it (`holdfast admin webhook remove`).")));
        return findings;
    }, cancellation);
}

/// <summary>Incidents that are open.</summary>
internal sealed class IncidentAlerts(IncidentTable incidents) : IAlertSource
{
    public string Kind => "incident";

    public TimeSpan Patience => TimeSpan.Zero;

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation) => [.. (await incidents.OpenAsync(cancellation)).Select(open =>
        new Finding(open.Id, open.Impact == IncidentTable.Outage, $"{open.Title} ({open.Components}), since {DateTimeOffset.FromUnixTimeSeconds(open.BeganAt):yyyy-MM-dd HH:mm} UTC. See `holdfast admin incident show {open.Id}`."))];
}

/// <summary>Windows that need somebody, or will be over later than was promised.</summary>
internal sealed class WindowAlerts(IDatabase directory) : IAlertSource
{
    public string Kind => "window";

    public TimeSpan Patience => TimeSpan.Zero;

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation)
    {
        var findings = new List<Finding>();
        foreach (var window in await directory.AskAsync(WindowTable.OpenAsync, cancellation))
        {
            if (window is { State: WindowStates.Paused or WindowStates.Announced, Failure: { } why })
            {
                findings.Add(new Finding(window.Id, true, $"The window '{window.Name}' waits for somebody: {why} See `holdfast admin maintenance show`."));
            }
            else if (window.StartedAt is not null && (window.BackAt is null && window.LiveBackBy > window.BackBy || window.LiveCaughtUpBy > window.CaughtUpBy))
            {
                findings.Add(new Finding(window.Id, false, $"The window '{window.Name}' may end later than was promised: by what is known now services are back by {At(window.BackAt ?? window.LiveBackBy)} (promised {At(window.BackBy)}), and everyone is caught up by {At(window.LiveCaughtUpBy)} (promised {At(window.CaughtUpBy)}). `holdfast admin maintenance promise` tells customers."));
            }
        }

        return findings;
    }

    private static string At(long? seconds) => seconds is { } at ? $"{DateTimeOffset.FromUnixTimeSeconds(at):yyyy-MM-dd HH:mm} UTC" : "–";
}
