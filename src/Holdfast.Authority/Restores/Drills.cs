using System.Text.Json;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Verifying;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Restores;

/// <summary>Restore drills of managed accounts: each about once a month, spread over its days; a restorer makes them, and the result is kept with the account's proofs.</summary>
internal sealed partial class Drills(IDatabase directory, AccountDirectory accounts, AccountStore store, ProofTable proofs, AuditLog audit, TimeProvider time, ILogger logger) : IJobKind
{
    public const string JobName = "drills";

    /// <summary>An account is drilled again behind so many days; one that had nothing to restore is looked at again sooner.</summary>
    private const int EveryDays = 30;
    private const int LookAgainDays = 7;

    /// <summary>A day's part of all: a little more than needed, so that who was left behind comes to their turn.</summary>
    private const int PartOfAll = 25;

    private const int AttemptsMax = 10;
    private const int CandidatesMax = 16;

    private static readonly TimeSpan _lease = TimeSpan.FromMinutes(5);

    /// <summary>A lease that lies further ahead was given before the clock was set back.</summary>
    private static readonly TimeSpan _leaseFarthest = TimeSpan.FromMinutes(30);

    private static readonly TimeSpan _every = TimeSpan.FromHours(6);

    public string Name => JobName;

    private long Far => Now + (long)_leaseFarthest.TotalSeconds;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Asks for a day's part of drills, a quarter of it each time.</summary>
    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        const string Due = "a.escrow_key IS NOT NULL AND a.state = 'open' AND (d.account_id IS NULL OR (d.state = 'done' AND (d.ended_at < @before OR d.ended_at > @tomorrow)))";
        var due = await directory.ReadAsync(async transaction =>
        {
            transaction.IsPatient = true;
            var all = await transaction.FindAsync<long>("SELECT count(*) FROM accounts WHERE escrow_key IS NOT NULL");
            return await transaction.QueryAsync<byte[]>($"SELECT a.account_id FROM accounts a LEFT JOIN drills d ON d.account_id = a.account_id WHERE {Due} ORDER BY coalesce(d.ended_at, 0), a.account_id LIMIT @most",
                new { before = Now - (EveryDays * Month.SecondsPerDay), tomorrow = Now + Month.SecondsPerDay, most = (all / PartOfAll / 4) + 1 });
        }, cancellation);
        foreach (var id in due)
        {
            var hasSnapshots = await HasSnapshotsAsync(new AccountId(id), cancellation);
            var parameters = new { id, now = Now, state = hasSnapshots ? "waiting" : "done", ended = hasSnapshots ? null : (long?)(Now - ((EveryDays - LookAgainDays) * Month.SecondsPerDay)) };
            await directory.WriteAsync(transaction => transaction.ExecuteAsync(
                """
                INSERT INTO drills (account_id, state, asked_at, ended_at) VALUES (@id, @state, @now, @ended)
                ON CONFLICT (account_id) DO UPDATE SET state = excluded.state, asked_at = excluded.asked_at, ended_at = excluded.ended_at, attempts = 0
                """, parameters), cancellation);
        }

        return time.GetUtcNow() + _every;
    }

    /// <summary>An account whose store is away is looked at again later, and keeps no other waiting.</summary>
    private async Task<bool> HasSnapshotsAsync(AccountId account, CancellationToken cancellation)
    {
        try
        {
            return await accounts.FindAsync(account, cancellation) is { } place
                && await store.AskAsync(place, transaction => transaction.FindAsync<long>("SELECT CASE WHEN EXISTS (SELECT 1 FROM snapshots WHERE account_id = @account AND state = 'live') THEN 1 ELSE 0 END"), cancellation) == 1;
        }
        catch (HoldfastException exception)
        {
            LogNotLooked(exception, account);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "It could not be found out whether account {Account} has anything to drill.")]
    private partial void LogNotLooked(Exception exception, AccountId account);

    /// <summary>Keeps a drill for the restorer that makes it; the failure conflict if it is another's, or ended.</summary>
    public async Task RenewAsync(string restorer, AccountId account, long token, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE drills SET lease_until = @until WHERE account_id = @id AND restorer = @restorer AND token = @token AND state = 'drilling'",
            new { id = account.ToArray(), restorer, token, until = Now + (long)_lease.TotalSeconds }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.Conflict, "The drill was ended, or another restorer makes it.");
        }
    }

    /// <summary>Gives a restorer a drill of an account that it has the key of; null if there is none.</summary>
    public async Task<DrillWork?> TakeAsync(string restorer, IReadOnlyList<string> keys, CancellationToken cancellation)
    {
        var (work, hopeless) = await directory.WriteAsync(transaction => TakeAsync(transaction, restorer, keys), cancellation);
        foreach (var account in hopeless)
        {
            await KeepHopelessAsync(restorer, account, cancellation);
        }

        if (work is not null)
        {
            // What a restorer may read is written down, as what people have it read is.
            await audit.AppendAsync($"restorer {restorer}", "drill account", work.AccountName, cancellation);
        }

        return work;
    }

    /// <summary>A drill that no restorer ends is a failed one: its account's people and the operator see that it cannot be restored, or not like that.</summary>
    private async Task KeepHopelessAsync(string restorer, AccountId account, CancellationToken cancellation)
    {
        if (await accounts.FindAsync(account, cancellation) is { } place)
        {
            var evidence = JsonSerializer.Serialize(new DrillEvidenceOfRestorer(restorer, 0, [], $"It was begun {AttemptsMax} times and never ended: the restorers' logs say why."), MessageJson.Default.DrillEvidenceOfRestorer);
            await proofs.KeepAsync(place, new Proof(ProofKind.Drill, null, Now, Now, 0, 0, 0, 1, evidence), cancellation);
        }
    }

    private async Task<(DrillWork? Work, List<AccountId> Hopeless)> TakeAsync(DatabaseTransaction transaction, string restorer, IReadOnlyList<string> keys)
    {
        var hopeless = new List<AccountId>();
        if (await transaction.FindAsync<long>("SELECT count(*) FROM drills WHERE state = 'drilling' AND restorer = @restorer AND lease_until > @now AND lease_until <= @far", new { restorer, Now, far = Far }) > 0)
        {
            // One at a time: what it may read because of drills is one account.
            return (null, hopeless);
        }

        foreach (var (id, token, attempts, name) in await transaction.QueryAsync<(byte[] Id, long Token, long Attempts, string Name)>(
            $"""
            SELECT d.account_id, d.token, d.attempts, a.name FROM drills d JOIN accounts a ON a.account_id = d.account_id
            WHERE d.state <> 'done' AND (d.lease_until < @now OR d.lease_until > @far) AND a.state = 'open' AND a.escrow_key IN ({string.Join(", ", keys.Select(key => $"'{key}'"))}) ORDER BY d.asked_at LIMIT {CandidatesMax}
            """, new { Now, far = Far }))
        {
            // Of several that saw it, one finds the token unchanged; one that nobody ends is given up until its next time.
            var isHopeless = attempts >= AttemptsMax;
            if (await transaction.ExecuteAsync(
                "UPDATE drills SET state = @state, restorer = @restorer, lease_until = @until, token = token + 1, attempts = attempts + 1, ended_at = CASE WHEN @isHopeless = 1 THEN @now ELSE ended_at END WHERE account_id = @id AND token = @token AND state <> 'done'",
                new { id, token, restorer, Now, until = Now + (long)_lease.TotalSeconds, state = isHopeless ? "done" : "drilling", isHopeless = isHopeless ? 1 : 0 }) == 0)
            {
                continue;
            }

            if (!isHopeless)
            {
                return (new DrillWork(new AccountId(id).ToString(), name, token + 1), hopeless);
            }

            hopeless.Add(new AccountId(id));
        }

        return (null, hopeless);
    }

    /// <summary>Keeps how a drill went; the failure conflict if another restorer has it.</summary>
    public async Task EndAsync(string restorer, AccountId account, DrillEnded ended, CancellationToken cancellation)
    {
        if (ended.Files < 0 || ended.Bytes < 0 || ended.Failures < 0 || ended.Snapshots.Count > HandInDrill.SnapshotsMax || ended.Snapshots.Any(id => id is not { Length: 64 }))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A drill is of some files of at most {HandInDrill.SnapshotsMax} snapshots, named by their heads.");
        }

        var (id, place) = (account.ToArray(), await accounts.FindAsync(account, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, "There is no such account any more."));
        if (await directory.AskAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM drills WHERE account_id = @id AND restorer = @restorer AND token = @token AND state = 'drilling'", new { id, restorer, ended.Token }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.Conflict, "The drill was ended, or another restorer makes it.");
        }

        // The proof first: one that is kept twice, behind a kill, is no lie.
        if (ended.Files > 0 || ended.Failure is not null)
        {
            var evidence = JsonSerializer.Serialize(new DrillEvidenceOfRestorer(restorer, ended.Seed, ended.Snapshots, ended.Failure), MessageJson.Default.DrillEvidenceOfRestorer);
            await proofs.KeepAsync(place, new Proof(ProofKind.Drill, null, ended.StartedAt, Now, ended.Snapshots.Count, ended.Files, ended.Bytes, ended.Failures, evidence), cancellation);
        }

        await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE drills SET state = 'done', ended_at = @now, lease_until = 0 WHERE account_id = @id AND token = @token", new { id, ended.Token, Now }), cancellation);
    }
}
