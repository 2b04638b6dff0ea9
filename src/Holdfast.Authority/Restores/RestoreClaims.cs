using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Placing;
using Holdfast.Documents.Letters;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Restores;

/// <summary>Archives as restorers see them: taken under a lease, shown while they grow, ended. What a killed restorer left it takes again when it is back, another when the lease has run out.</summary>
internal sealed class RestoreClaims(IDatabase directory, AccountDirectory accounts, Drills drills, PodClient pod, Outbox outbox, Webhooks webhooks, TimeProvider time)
{
    /// <summary>Without getting on: a pod that is away for a day, or an archive that ends its restorer each time.</summary>
    private const int AttemptsMax = 300;
    private const int HeldMax = 1000;
    private const int KeysMax = 100;
    private const int CandidatesMax = 32;

    private static readonly TimeSpan _lease = TimeSpan.FromMinutes(1);

    /// <summary>How long an archive is kept.</summary>
    private static readonly TimeSpan _kept = TimeSpan.FromDays(7);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    private long LeaseUntil => Now + (long)_lease.TotalSeconds;

    /// <summary>Takes an archive that waits, or that nobody works on any more; and says which of those it holds are to be deleted.</summary>
    public async Task<RestoreClaim> ClaimAsync(string restorer, ClaimRestore request, CancellationToken cancellation)
    {
        if (request.Held.Count > HeldMax || request.Working.Count > HeldMax || request.Held.Concat(request.Working).Any(id => !Guid.TryParse(id, out _)))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A restorer names at most {HeldMax} archives at once, by their ids.");
        }

        if (request.Keys.Count > KeysMax || request.Keys.Any(key => key.Length > 64 || !key.All(letter => char.IsAsciiHexDigitLower(letter) || letter == '-')))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A restorer names its keys by their fingerprints.");
        }

        await directory.WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE restorers SET seen_at = @now, keys = @keys WHERE name = @restorer", new { Now, restorer, keys = $" {string.Join(' ', request.Keys)} " });
            return await transaction.ExecuteAsync("UPDATE prepared_restores SET state = 'expired' WHERE (state = 'ready' OR kind = 'shared' AND state = 'preparing') AND expires_at <= @now", new { Now });
        }, cancellation);
        var drop = await DropAsync(restorer, request.Held, cancellation);
        var row = request.MayBegin && request.Keys.Count > 0 ? await directory.WriteAsync(transaction => TakeAsync(transaction, restorer, request), cancellation) : null;
        var drill = row is null && request is { MayDrill: true, Keys.Count: > 0 } ? await drills.TakeAsync(restorer, request.Keys, cancellation) : null;
        return new RestoreClaim(pod.AuthorityPublicKey, drop, row is null ? null : await WorkOfAsync(row, cancellation), drill);
    }

    /// <summary>Archives that nobody may fetch any more, or that another restorer makes: that one's work is not this one's to go on with, unless it comes back to it.</summary>
    private async Task<IReadOnlyList<string>> DropAsync(string restorer, IReadOnlyList<string> held, CancellationToken cancellation)
    {
        if (held.Count == 0)
        {
            return [];
        }

        var kept = await directory.AskAsync(transaction => transaction.QueryAsync<string>(
            $"SELECT restore_id FROM prepared_restores WHERE restore_id IN ({string.Join(", ", held.Select(id => $"'{Guid.Parse(id)}'"))}) AND (state = 'waiting' OR (state IN ('preparing', 'ready') AND restorer = @restorer))", new { restorer }), cancellation);
        return [.. held.Except(kept)];
    }

    /// <summary>Keeps the lease, and what is shown of it (the farthest that it ever was: what is done again after a kill is no getting on); the failure conflict if it was cancelled, or is another's.</summary>
    public async Task AdvanceAsync(string restorer, string id, RestoreAdvanced advanced, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync(
            """
            UPDATE prepared_restores SET lease_until = @until, attempts = CASE WHEN @bytes > bytes OR @files > files THEN 1 ELSE attempts END,
              files = CASE WHEN @files > files THEN @files ELSE files END, bytes = CASE WHEN @bytes > bytes THEN @bytes ELSE bytes END, bytes_total = @bytesTotal
            WHERE restore_id = @id AND restorer = @restorer AND token = @token AND state = 'preparing'
            """, new { id, restorer, advanced.Token, advanced.Files, advanced.Bytes, advanced.BytesTotal, until = LeaseUntil }), cancellation) == 0)
        {
            throw Lost();
        }
    }

    /// <summary>It is ready, or cannot be made; whoever asked is told.</summary>
    public Task EndAsync(string restorer, string id, RestoreEnded ended, CancellationToken cancellation) => directory.WriteAsync(transaction => EndAsync(transaction, restorer, id, ended), cancellation);

    private async Task<int> EndAsync(DatabaseTransaction transaction, string restorer, string id, RestoreEnded ended)
    {
        var row = await transaction.FindAsync<RestoreRow>(
            $"""
            UPDATE prepared_restores SET state = @state, ended_at = @now, expires_at = @expires, files = @files, bytes = @bytes, length = @length, troubles = @troubles, failure = @failure
            WHERE restore_id = @id AND restorer = @restorer AND token = @token AND state = 'preparing' RETURNING {RestoreRow.Columns}
            """, new { id, restorer, ended.Token, ended.Files, ended.Bytes, ended.Length, ended.Troubles, ended.Failure, state = ended.Failure is null ? "ready" : "failed", Now, expires = Now + (long)_kept.TotalSeconds }) ?? throw Lost();
        var account = await transaction.FindAsync<string>("SELECT name FROM accounts WHERE account_id = @account", new { row.Account }) ?? "";
        await webhooks.TellAsync(transaction, WebhookTopics.RestoreEnded, (row.Account, account), new Dictionary<string, string> { ["restore"] = row.Id, ["state"] = row.State, ["asked_by"] = row.AskedBy, ["troubles"] = $"{row.Troubles}" });
        if (row.Address is { } address)
        {
            await outbox.AddAsync(transaction, address, ended.Failure is { } failure
                ? Letter.Of(Outbox.Language, "restore_failed", account, row.Snapshot[..8], failure)
                : Letter.Of(Outbox.Language, ended.Troubles == 0 ? "restore_ready" : "restore_ready_in_part", account, row.Snapshot[..8], $"{DateTimeOffset.FromUnixTimeSeconds(row.ExpiresAt!.Value):yyyy-MM-dd}", row.Id, ended.Troubles));
        }

        return 0;
    }

    private async Task<RestoreRow?> TakeAsync(DatabaseTransaction transaction, string restorer, ClaimRestore request)
    {
        var candidates = await transaction.QueryAsync<RestoreRow>(
            $"""
            SELECT {RestoreRow.Columns} FROM prepared_restores
            WHERE kind = 'prepared' AND state IN ('waiting', 'preparing') AND (state = 'waiting' OR lease_until < @now OR restorer = @restorer)
              AND account_id IN (SELECT account_id FROM accounts WHERE escrow_key IN ({string.Join(", ", request.Keys.Select(key => $"'{key}'"))}))
            ORDER BY created_at, restore_id LIMIT {CandidatesMax + request.Working.Count}
            """, new { Now, restorer });
        foreach (var candidate in candidates.Where(candidate => !request.Working.Contains(candidate.Id)))
        {
            var isHopeless = candidate.Attempts >= AttemptsMax;

            // Of several that saw it, one finds the token unchanged.
            if (await transaction.FindAsync<RestoreRow>(
                $"UPDATE prepared_restores SET state = 'preparing', restorer = @restorer, lease_until = @until, token = token + 1, attempts = attempts + 1 WHERE restore_id = @id AND token = @token AND state = @state RETURNING {RestoreRow.Columns}",
                new { candidate.Id, candidate.Token, candidate.State, restorer, until = LeaseUntil }) is not { } row)
            {
                continue;
            }

            if (!isHopeless)
            {
                return row;
            }

            await EndAsync(transaction, restorer, row.Id, new RestoreEnded(row.Token, 0, 0, 0, 0, "It was begun again and again, and did not get on."));
        }

        return null;
    }

    private async Task<RestoreWork?> WorkOfAsync(RestoreRow row, CancellationToken cancellation) =>
        await accounts.FindAsync(new AccountId(row.Account), cancellation) is { } place ? new RestoreWork(row.Id, place.Account.ToString(), place.Name, row.Snapshot, row.ReadPaths(), row.Token) : null;

    private static HoldfastException Lost() => new(FailureTable.Conflict, "The archive was cancelled, or another restorer makes it.");
}
