using System.Buffers.Text;
using System.Security.Cryptography;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Restores;

/// <summary>Restorers: processes that hold escrow keys, which the authority does not. One reads an account only while somebody asked for that: an archive it is preparing, a session in which somebody looks into it, or a restore drill that is due.</summary>
internal sealed class Restorers(IDatabase directory, AccountDirectory accounts, TimeProvider time)
{
    public const string TokenPrefix = "hfr_";

    private const int SecretLength = 24;

    private static readonly TimeSpan _alive = TimeSpan.FromMinutes(2);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Makes a restorer, or gives one that is there another address and token.</summary>
    public async Task<RestorerRegistered> RegisterAsync(RegisterRestorer request, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(request.Url, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttps && !(url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)) || url.PathAndQuery != "/")
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A restorer's address is like https://restores.example.org.");
        }

        var (name, token) = (Names.Checked(request.Name), TokenPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength)));
        await directory.WriteAsync(transaction => transaction.ExecuteAsync(
            """
            INSERT INTO restorers (name, url, token_hash, created_at) VALUES (@name, @url, @hash, @now)
            ON CONFLICT (name) DO UPDATE SET url = @url, token_hash = @hash
            """, new { name, url = url.GetLeftPart(UriPartial.Authority), hash = DeviceToken.HashOf(token), Now }), cancellation);
        return new RestorerRegistered(name, token);
    }

    public Task<RestorerList> ListAsync(CancellationToken cancellation) => directory.AskAsync(async transaction => new RestorerList(
        [.. (await transaction.QueryAsync<(string Name, string Url, long CreatedAt, long? SeenAt)>("SELECT name, url, created_at, seen_at FROM restorers ORDER BY name"))
            .Select(row => new RestorerSummary(row.Name, row.Url, row.CreatedAt, row.SeenAt))]), cancellation);

    /// <summary>Its token is worth nothing from now on.</summary>
    public async Task RemoveAsync(string name, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM restorers WHERE name = @name", new { name }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no restorer '{name}'.");
        }
    }

    /// <summary>The fingerprint of the escrow key that opens an account; the failure not_managed if its owner alone has keys.</summary>
    public async Task<string> KeyOfAsync(AccountPlace place, CancellationToken cancellation) =>
        await directory.AskAsync(transaction => transaction.FindAsync<string>("SELECT escrow_key FROM accounts WHERE account_id = @key", new { key = place.Account.ToArray() }), cancellation) is { Length: > 0 } key
            ? key : throw new HoldfastException(FailureTable.NotManaged, $"The keys of account '{place.Name}' are with its owner alone.");

    /// <summary>Of the restorers that have an account's key, the one that was heard of last; the failure not_found if there is none.</summary>
    public async Task<(string Name, string Url)> ForAsync(AccountPlace place, CancellationToken cancellation)
    {
        var key = await KeyOfAsync(place, cancellation);
        return (await directory.AskAsync(transaction => transaction.QueryAsync<(string Name, string Url, string Keys)>("SELECT name, url, keys FROM restorers WHERE seen_at IS NOT NULL ORDER BY seen_at DESC, name"), cancellation))
            .Where(restorer => restorer.Keys.Contains($" {key} ", StringComparison.Ordinal)).Select(restorer => ((string, string)?)(restorer.Name, restorer.Url)).FirstOrDefault()
            ?? throw new HoldfastException(FailureTable.NotFound, $"No restorer of this service has the escrow key {key}: its operator runs one (`holdfastd restorer run`).");
    }

    /// <summary>A restorer that was heard of a moment ago; the failure not_found if there is none.</summary>
    public async Task<(string Name, string Url)> AnyAsync(CancellationToken cancellation) =>
        (await ListAsync(cancellation)).Restorers.Where(restorer => restorer.SeenAt >= Now - (long)_alive.TotalSeconds).OrderByDescending(restorer => restorer.SeenAt).Select(restorer => ((string, string)?)(restorer.Name, restorer.Url)).FirstOrDefault()
        ?? throw new HoldfastException(FailureTable.NotFound, "This service has no process that keeps archives: its operator runs one (`holdfastd restorer run`). Make the archive here, and hand it on yourself (`--target FILE --encrypt-to`).");

    /// <summary>Where a restorer is reached.</summary>
    public async Task<string> UrlOfAsync(string? name, CancellationToken cancellation) =>
        (await ListAsync(cancellation)).Restorers.FirstOrDefault(restorer => restorer.Name == name)?.Url
        ?? throw new HoldfastException(FailureTable.NotFound, "The restorer that has the archive was removed: ask for it again.");

    /// <summary>Whose token it is; null if it is unknown. Asking for an account, it is a reader of that, if it has a reason to.</summary>
    public async Task<Caller?> FindAsync(byte[] tokenHash, string? account, CancellationToken cancellation)
    {
        var name = await directory.ReadAsync(transaction => transaction.FindAsync<string>("SELECT name FROM restorers WHERE token_hash = @tokenHash", new { tokenHash }), cancellation);
        if (name is null)
        {
            return null;
        }

        var caller = new Caller($"restorer {name}", Roles.Restorer) { Restorer = name };
        if (account is null)
        {
            return caller;
        }

        return AccountId.TryParse(account, out var id) && await accounts.FindAsync(id, cancellation) is { } place && await MayReadAsync(name, id, cancellation)
            ? caller with { Device = new Device(place, 0, DeviceRights.Read, null, 0) }
            : throw new HoldfastException(FailureTable.Forbidden, "Nobody asked this restorer for anything of that account.");
    }

    private Task<bool> MayReadAsync(string name, AccountId account, CancellationToken cancellation) => directory.ReadAsync(async transaction => await transaction.FindAsync<long>(
        """
        SELECT CASE WHEN EXISTS (SELECT 1 FROM accounts WHERE account_id = @id AND escrow_key IS NOT NULL)
          AND (EXISTS (SELECT 1 FROM prepared_restores WHERE account_id = @id AND kind = 'prepared' AND state = 'preparing' AND restorer = @name)
            OR EXISTS (SELECT 1 FROM drills WHERE account_id = @id AND state = 'drilling' AND restorer = @name AND lease_until > @now)
            OR EXISTS (SELECT 1 FROM browsing_sessions WHERE account_id = @id AND expires_at > @now)) THEN 1 ELSE 0 END
        """, new { id = account.ToArray(), name, Now }) == 1, cancellation);
}
