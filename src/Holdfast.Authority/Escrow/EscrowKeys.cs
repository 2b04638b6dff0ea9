using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Placing;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Escrow;

/// <summary>Public halves of the operator's escrow keys, and the accounts that they open because their owners agreed. What they open the service cannot: whoever has a key's file does, elsewhere.</summary>
internal sealed class EscrowKeys(IDatabase directory, AccountDirectory accounts, LogTable log, AccountObjects objects, AuditLog audit, TimeProvider time)
{
    public void Map(ApiRoutes api)
    {
        api.Post("/escrow-keys", ApiAction.ChangeEscrowKeys, "Offers the public half of another escrow key to customers from now on; accounts that an older one opens stay so until they are changed.", RegisterAsync);
        api.Get("/escrow-keys", ApiAction.ReadService, "Escrow keys, the newest first, and how many accounts each opens.", ListAsync);
        api.Get("/escrow-keys/{fingerprint}/accounts", ApiAction.ReadService, "Accounts that an escrow key opens.", AccountsAsync);
        api.Get("/accounts/{name}/escrow", ApiAction.OpenEscrow, "What the holder of the escrow key needs to open an account whose owner agreed to it. It is written down who asked.", OpenAsync);
        api.Post("/accounts/{name}/escrow", ApiAction.OpenEscrow, "Appends what the escrow key's holder signed with the account's root: another escrow key in the place of the old.", ChangeAsync);
        api.Get("/accounts/{account}/escrow-key", ApiAction.ReadLog, "The escrow key that is offered to the account's owner; not found if the operator has none.", async (CancellationToken cancellation) =>
            (await ListAsync(cancellation)).Keys is [var newest, ..] ? newest with { Accounts = 0 } : throw new HoldfastException(FailureTable.NotFound, "This service offers no escrow."));
    }

    /// <summary>Keeps which escrow key opens an account, as its log says now.</summary>
    public async Task KeepAsync(AccountPlace place, CancellationToken cancellation)
    {
        var fingerprint = FingerprintOf(await log.VerifiedAsync(place, cancellation));
        var id = place.Account.ToArray();
        await directory.WriteAsync(async transaction =>
        {
            var changed = await transaction.ExecuteAsync("UPDATE accounts SET escrow_key = @fingerprint WHERE account_id = @id AND coalesce(escrow_key, '') <> coalesce(@fingerprint, '')", new { id, fingerprint });
            if (changed > 0 && fingerprint is null)
            {
                // Whoever looked into it on the owner's word does so no more.
                await transaction.ExecuteAsync("DELETE FROM browsing_sessions WHERE account_id = @id", new { id });
                await transaction.ExecuteAsync("UPDATE prepared_restores SET state = 'cancelled', ended_at = @now WHERE account_id = @id AND kind = 'prepared' AND state IN ('waiting', 'preparing', 'ready')", new { id, now = time.GetUtcNow().ToUnixTimeSeconds() });
            }

            return changed;
        }, cancellation);
    }

    private static string? FingerprintOf(AccountLog log) =>
        log.Slots.Values.LastOrDefault(slot => slot.Kind == (byte)SlotKind.Escrow) is { } slot ? EscrowFingerprint.Of(slot.PublicKey.Span) : null;

    private async Task<EscrowKeySummary> RegisterAsync(HttpContext context, RegisterEscrowKey request, CancellationToken cancellation)
    {
        using (Signatures.TryImport(request.PublicKey) ?? throw new HoldfastException(FailureTable.InvalidRequest, "That is no public key on P-256."))
        {
            var added = new EscrowKeySummary(EscrowFingerprint.Of(request.PublicKey), request.PublicKey, time.GetUtcNow().ToUnixTimeSeconds(), 0);
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "register escrow key", added.Fingerprint, cancellation);
            return await directory.WriteAsync(transaction => transaction.ExecuteAsync(
                "INSERT INTO escrow_keys (fingerprint, public_key, created_at) VALUES (@fingerprint, @publicKey, @createdAt) ON CONFLICT (fingerprint) DO NOTHING", new { added.Fingerprint, added.PublicKey, added.CreatedAt }), cancellation) == 1
                ? added : throw new HoldfastException(FailureTable.Conflict, $"The escrow key {added.Fingerprint} is registered already.");
        }
    }

    private Task<EscrowKeyList> ListAsync(CancellationToken cancellation) => directory.AskAsync(async transaction => new EscrowKeyList(
        [.. (await transaction.QueryAsync<(string Fingerprint, byte[] PublicKey, long CreatedAt, long Accounts)>(
            "SELECT fingerprint, public_key, created_at, (SELECT count(*) FROM accounts WHERE escrow_key = fingerprint) FROM escrow_keys ORDER BY created_at DESC, fingerprint"))
            .Select(row => new EscrowKeySummary(row.Fingerprint, row.PublicKey, row.CreatedAt, row.Accounts))]), cancellation);

    private Task<AccountList> AccountsAsync(string fingerprint, string? cursor, int? limit, CancellationToken cancellation) => directory.AskAsync(async transaction =>
    {
        var paging = Paging.Of(cursor, limit);
        var page = paging.Cut((await transaction.QueryAsync<(byte[] Id, string Name, string State, long CreatedAt)>(
            "SELECT account_id, name, state, created_at FROM accounts WHERE escrow_key = @fingerprint AND name > @after ORDER BY name LIMIT @rows", new { fingerprint, after = paging.After ?? "", rows = paging.Rows }))
            .Select(row => new AccountSummary(new AccountId(row.Id).ToString(), row.Name, row.State, row.CreatedAt)).ToList(), row => row.Name);
        return new AccountList(page.Items, page.Next);
    }, cancellation);

    private async Task<EscrowedAccount> OpenAsync(HttpContext context, string name, CancellationToken cancellation)
    {
        var (place, _) = await FindAsync(name, cancellation);
        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "open account in escrow", name, cancellation);
        return new EscrowedAccount(place.Account.ToString(), place.Name, await log.StatementsAsync(place, cancellation), (await log.KeyringAsync(place, cancellation))!.Bytes);
    }

    private async Task<LogAppended> ChangeAsync(HttpContext context, string name, AppendLog request, CancellationToken cancellation)
    {
        var (place, _) = await FindAsync(name, cancellation);
        if (request.Keyring is null || request.Statements.Count == 0 || request.Statements.Any(bytes => Statement.Parse(bytes).Kind is not (StatementKind.SlotAdded or StatementKind.SlotRemoved)))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The escrow key's holder exchanges slots, with the keyring that goes with them, and no more.");
        }

        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "exchange the escrow key", name, cancellation);
        var sequence = await log.AppendAsync(place, request.Statements, request.Keyring, _ => { }, cancellation);
        await objects.PlaceAsync(place, cancellation);
        await KeepAsync(place, cancellation);
        return new LogAppended(sequence);
    }

    /// <summary>The account, if its owner agreed that it can be opened.</summary>
    private async Task<(AccountPlace Place, string Fingerprint)> FindAsync(string name, CancellationToken cancellation) =>
        await accounts.FindByNameAsync(name, cancellation) is { } place && FingerprintOf(await log.VerifiedAsync(place, cancellation)) is { } fingerprint
            ? (place, fingerprint) : throw new HoldfastException(FailureTable.NotFound, $"There is no account '{name}' that an escrow key opens.");
}
