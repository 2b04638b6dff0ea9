using System.Text.Json;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Placing;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Restores;

/// <summary>Archives that people ask for of managed accounts. A restorer makes them; whoever may restore fetches them there, by a link that expires.</summary>
internal sealed class PreparedRestores(IDatabase directory, OwnerMail owners, Restorers restorers, PodClient pod, TimeProvider time)
{
    private const int OpenMax = 5;
    private const int KeptMax = 20;

    /// <summary>Archives that are asked for within an hour: each is mail to owners.</summary>
    private const int AskedMax = 60;

    private static readonly TimeSpan _window = TimeSpan.FromHours(1);

    private const int PathsMax = 1000;
    private const int PathsLengthMax = 64 << 10;

    private static readonly TimeSpan _linkLife = TimeSpan.FromHours(24);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Asks for an archive; an account that its owner alone opens is the failure not_managed.</summary>
    public async Task<PreparedRestore> AskAsync(AccountPlace place, PrepareRestore request, Caller caller, CancellationToken cancellation)
    {
        var paths = request.Paths ?? [];
        if (request.Snapshot.Length != 64 || !request.Snapshot.All(char.IsAsciiHexDigitLower))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A snapshot is named by all 64 digits of its id.");
        }

        if (paths.Count > PathsMax || paths.Sum(path => path.Length) > PathsLengthMax || paths.Any(path => !path.StartsWith('/') || path.Contains('\0', StringComparison.Ordinal)))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"Name at most {PathsMax} paths, {PathsLengthMax} characters in all, each from the root: or the directory that they are in.");
        }

        await restorers.ForAsync(place, cancellation);
        var (id, key) = (Guid.CreateVersion7(time.GetUtcNow()).ToString(), place.Account.ToArray());
        await directory.WriteAsync(async transaction =>
        {
            await RequireRoomAsync(transaction, place, Now);
            await owners.TellAsync(transaction, key, Letter.Of(Outbox.Language, "restore_asked", place.Name, caller.Name, $"{time.GetUtcNow():yyyy-MM-dd HH:mm}", id));
            return await transaction.ExecuteAsync(
                "INSERT INTO prepared_restores (restore_id, account_id, snapshot, paths, state, asked_by, address, created_at) VALUES (@id, @key, @snapshot, @paths, 'waiting', @by, @address, @now)",
                new { id, key, request.Snapshot, paths = JsonSerializer.Serialize(paths, MessageJson.Default.IReadOnlyListString), by = caller.Name, address = caller.Person?.Email, Now });
        }, cancellation);
        return await GetAsync(place, id, cancellation);
    }

    /// <summary>Fails if an account has as many archives as it may, prepared or shared, or asked for too many in a while. Locks its row: those who ask at once go one after the other.</summary>
    public static async Task RequireRoomAsync(DatabaseTransaction transaction, AccountPlace place, long now)
    {
        var key = place.Account.ToArray();
        _ = await transaction.FindAsync<byte[]>("UPDATE accounts SET name = name WHERE account_id = @key RETURNING account_id", new { key }) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no account '{place.Name}' any more.");
        if (await transaction.FindAsync<long>("SELECT count(*) FROM prepared_restores WHERE account_id = @key AND state = 'ready'", new { key }) >= KeptMax)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{KeptMax} archives of this account are kept: cancel one.");
        }

        if (await transaction.FindAsync<long>("SELECT count(*) FROM prepared_restores WHERE account_id = @key AND state IN ('waiting', 'preparing')", new { key }) >= OpenMax)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{OpenMax} archives of this account are being made: wait for one, or cancel one.");
        }

        if (await transaction.FindAsync<long>("SELECT count(*) FROM prepared_restores WHERE account_id = @key AND created_at > @since", new { key, since = now - (long)_window.TotalSeconds }) >= AskedMax)
        {
            throw new HoldfastException(FailureTable.TooManyAttempts, $"{AskedMax} archives of this account were asked for within the hour.");
        }
    }

    public async Task<PreparedRestore> GetAsync(AccountPlace place, string id, CancellationToken cancellation) => (await FindAsync(place, id, cancellation)).ToMessage();

    public Task<Page<PreparedRestore>> ListAsync(AccountPlace place, Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<RestoreRow>($"SELECT {RestoreRow.Columns} FROM prepared_restores WHERE account_id = @key AND restore_id < @before ORDER BY restore_id DESC LIMIT @rows",
            new { key = place.Account.ToArray(), before = paging.After ?? "~", rows = paging.Rows })).Select(row => row.ToMessage())], restore => restore.Id), cancellation);

    /// <summary>Ends it, or deletes what was made: the restorer does when it asks next.</summary>
    public async Task<PreparedRestore> CancelAsync(AccountPlace place, string id, CancellationToken cancellation)
    {
        await FindAsync(place, id, cancellation);
        await directory.WriteAsync(transaction => transaction.ExecuteAsync(
            "UPDATE prepared_restores SET state = 'cancelled', ended_at = @now WHERE restore_id = @id AND state IN ('waiting', 'preparing', 'ready')", new { id, Now }), cancellation);
        return await GetAsync(place, id, cancellation);
    }

    /// <summary>A link to an archive that is ready, for a day or until it is deleted.</summary>
    public async Task<RestoreLink> LinkAsync(AccountPlace place, string id, CancellationToken cancellation)
    {
        var row = await FindAsync(place, id, cancellation);
        if (row.Kind == "shared")
        {
            throw new HoldfastException(FailureTable.NotManaged, "Whoever shared the archive has its link, and the key that opens it.");
        }

        await restorers.KeyOfAsync(place, cancellation);
        if (row.State != "ready" || row.ExpiresAt <= Now)
        {
            throw new HoldfastException(FailureTable.Conflict, row.State == "ready" ? "The archive has expired: ask for it again." : $"The archive is {row.State}.");
        }

        var expires = DateTimeOffset.FromUnixTimeSeconds(Math.Min(row.ExpiresAt!.Value, (time.GetUtcNow() + _linkLife).ToUnixTimeSeconds()));
        var pass = pod.SignPass(new RestorerPass(PassPurpose.Download, Guid.Parse(id), expires));
        return new RestoreLink($"{await restorers.UrlOfAsync(row.Restorer, cancellation)}/v1/archives/{pass}/holdfast-{row.Snapshot[..8]}.zip", expires.ToUnixTimeSeconds());
    }

    private async Task<RestoreRow> FindAsync(AccountPlace place, string id, CancellationToken cancellation) =>
        await directory.AskAsync(transaction => transaction.FindAsync<RestoreRow>(
            $"SELECT {RestoreRow.Columns} FROM prepared_restores WHERE restore_id = @id AND account_id = @key", new { id, key = place.Account.ToArray() }), cancellation)
        ?? throw new HoldfastException(FailureTable.NotFound, $"Account '{place.Name}' has no archive {id}.");
}
