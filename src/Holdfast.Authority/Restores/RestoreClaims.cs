using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Placing;
using Holdfast.Documents.Letters;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Restores;

/// <summary>Archives as restorers see them: taken under a lease, shown while they grow, ended. What a killed restorer left it takes again when it is back, another when the lease has run out.</summary>
internal sealed class RestoreClaims(IDatabase directory, AccountDirectory accounts, PodClient pod, Outbox outbox, TimeProvider time)
{
    private const int AttemptsMax = 5;
    private const int HeldMax = 1000;

    private static readonly TimeSpan _lease = TimeSpan.FromMinutes(1);

    /// <summary>How long an archive is kept.</summary>
    private static readonly TimeSpan _kept = TimeSpan.FromDays(7);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    private long LeaseUntil => Now + (long)_lease.TotalSeconds;

    /// <summary>Takes an archive that waits, or that nobody works on any more; and says which of those it holds are to be deleted.</summary>
    public async Task<RestoreClaim> ClaimAsync(string restorer, ClaimRestore request, CancellationToken cancellation)
    {
        if (request.Held.Count > HeldMax || request.Working.Count > HeldMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A restorer holds at most {HeldMax} archives.");
        }

        var (drop, row) = await directory.WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync("UPDATE restorers SET seen_at = @now WHERE name = @restorer", new { Now, restorer });
            await transaction.ExecuteAsync("UPDATE prepared_restores SET state = 'expired' WHERE state = 'ready' AND expires_at <= @now", new { Now });
            await transaction.ExecuteAsync(
                "UPDATE prepared_restores SET state = 'failed', ended_at = @now, failure = 'It was begun again and again, and did not get on.' WHERE state = 'preparing' AND lease_until < @now AND attempts >= @max", new { Now, max = AttemptsMax });
            var dropped = new List<string>();
            foreach (var id in request.Held)
            {
                // Another's work is not this one's to go on with, unless it comes back to it.
                if (await transaction.FindAsync<string>("SELECT restore_id FROM prepared_restores WHERE restore_id = @id AND (state = 'waiting' OR (state IN ('preparing', 'ready') AND restorer = @restorer))", new { id, restorer }) is null)
                {
                    dropped.Add(id);
                }
            }

            return (dropped, request.MayBegin ? await TakeAsync(transaction, restorer, request.Working) : null);
        }, cancellation);
        return new RestoreClaim(pod.AuthorityPublicKey, drop, row is null ? null : await WorkOfAsync(row, cancellation));
    }

    /// <summary>Keeps the lease, and what is shown of it; the failure conflict if it was cancelled, or is another's.</summary>
    public async Task AdvanceAsync(string restorer, string id, RestoreAdvanced advanced, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync(
            """
            UPDATE prepared_restores SET lease_until = @until, attempts = CASE WHEN @bytes > bytes OR @files > files THEN 1 ELSE attempts END, files = @files, bytes = @bytes, bytes_total = @bytesTotal
            WHERE restore_id = @id AND restorer = @restorer AND token = @token AND state = 'preparing'
            """, new { id, restorer, advanced.Token, advanced.Files, advanced.Bytes, advanced.BytesTotal, until = LeaseUntil }), cancellation) == 0)
        {
            throw Lost();
        }
    }

    /// <summary>It is ready, or cannot be made; whoever asked is told.</summary>
    public Task EndAsync(string restorer, string id, RestoreEnded ended, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var row = await transaction.FindAsync<RestoreRow>(
            $"""
            UPDATE prepared_restores SET state = @state, ended_at = @now, expires_at = @expires, files = @files, bytes = @bytes, length = @length, troubles = @troubles, failure = @failure
            WHERE restore_id = @id AND restorer = @restorer AND token = @token AND state = 'preparing' RETURNING {RestoreRow.Columns}
            """, new { id, restorer, ended.Token, ended.Files, ended.Bytes, ended.Length, ended.Troubles, ended.Failure, state = ended.Failure is null ? "ready" : "failed", Now, expires = Now + (long)_kept.TotalSeconds }) ?? throw Lost();
        if (row.Address is { } address)
        {
            var account = await transaction.FindAsync<string>("SELECT name FROM accounts WHERE account_id = @account", new { row.Account }) ?? "";
            await outbox.AddAsync(transaction, address, ended.Failure is { } failure
                ? Letter.Of(Outbox.Language, "restore_failed", account, row.Snapshot[..8], failure)
                : Letter.Of(Outbox.Language, ended.Troubles == 0 ? "restore_ready" : "restore_ready_in_part", account, row.Snapshot[..8], $"{DateTimeOffset.FromUnixTimeSeconds(row.ExpiresAt!.Value):yyyy-MM-dd}", row.Id, ended.Troubles));
        }

        return 0;
    }, cancellation);

    private async Task<RestoreRow?> TakeAsync(DatabaseTransaction transaction, string restorer, IReadOnlyList<string> working)
    {
        var candidates = await transaction.QueryAsync<RestoreRow>(
            $"SELECT {RestoreRow.Columns} FROM prepared_restores WHERE state IN ('waiting', 'preparing') AND (state = 'waiting' OR lease_until < @now OR restorer = @restorer) ORDER BY created_at, restore_id LIMIT 32", new { Now, restorer });
        foreach (var candidate in candidates.Where(candidate => !working.Contains(candidate.Id)))
        {
            // Of several that saw it, one finds the token unchanged.
            if (await transaction.FindAsync<RestoreRow>(
                $"UPDATE prepared_restores SET state = 'preparing', restorer = @restorer, lease_until = @until, token = token + 1, attempts = attempts + 1 WHERE restore_id = @id AND token = @token AND state = @state RETURNING {RestoreRow.Columns}",
                new { candidate.Id, candidate.Token, candidate.State, restorer, until = LeaseUntil }) is { } row)
            {
                return row;
            }
        }

        return null;
    }

    private async Task<RestoreWork?> WorkOfAsync(RestoreRow row, CancellationToken cancellation) =>
        await accounts.FindAsync(new AccountId(row.Account), cancellation) is { } place ? new RestoreWork(row.Id, place.Account.ToString(), place.Name, row.Snapshot, row.ReadPaths(), row.Token) : null;

    private static HoldfastException Lost() => new(FailureTable.Conflict, "The archive was cancelled, or another restorer makes it.");
}
