using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Placing;
using Holdfast.Billing;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Restores;

/// <summary>Archives that a customer's computer made and encrypted, kept by a restorer for whoever has the link. The service cannot read them; owners see them among their restores, and can end them.</summary>
internal sealed class SharedArchives(IDatabase directory, OwnerMail owners, Restorers restorers, PodClient pod, TimeProvider time)
{
    private const int DaysMax = 30;

    private static readonly TimeSpan _uploadLife = TimeSpan.FromHours(24);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Where a computer uploads an archive; the failure not_found if no restorer is there that would keep it.</summary>
    public async Task<ShareBegun> BeginAsync(Device device, BeginShare request, CancellationToken cancellation)
    {
        if (request.Days is < 1 or > DaysMax || request.Snapshot.Length != 64 || !request.Snapshot.All(char.IsAsciiHexDigitLower))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A snapshot is named by all 64 digits of its id, and an archive of it is kept for 1 to {DaysMax} days.");
        }

        var (restorer, url) = await restorers.AnyAsync(cancellation);
        var (id, key, expires) = (Guid.CreateVersion7(time.GetUtcNow()), device.Place.Account.ToArray(), time.GetUtcNow() + _uploadLife);
        await directory.WriteAsync(async transaction =>
        {
            await PreparedRestores.RequireRoomAsync(transaction, device.Place, Now);
            return await transaction.ExecuteAsync(
                """
                INSERT INTO prepared_restores (restore_id, account_id, snapshot, paths, state, asked_by, created_at, expires_at, restorer, lease_until, days, kind)
                VALUES (@id, @key, @snapshot, '[]', 'preparing', @by, @now, @expires, @restorer, @expires, @days, 'shared')
                """, new { id = id.ToString(), key, request.Snapshot, by = $"computer {device.Computer}", Now, expires = expires.ToUnixTimeSeconds(), restorer, days = (long)request.Days });
        }, cancellation);
        return new ShareBegun(id.ToString(), $"{url}/v1/uploads/{pod.SignPass(new RestorerPass(PassPurpose.Upload, id, expires))}");
    }

    /// <summary>All of it was uploaded: whoever has the link fetches it until it expires; its owners are told.</summary>
    public async Task<RestoreLink> EndAsync(Device device, string id, EndShare request, CancellationToken cancellation)
    {
        var key = device.Place.Account.ToArray();
        var (restorer, snapshot, expires) = await directory.WriteAsync(async transaction =>
        {
            var row = await transaction.FindAsync<(string? Restorer, string Snapshot, long Expires)>(
                """
                UPDATE prepared_restores SET state = 'ready', ended_at = @now, expires_at = @now + (days * @secondsPerDay), length = @length
                WHERE restore_id = @id AND account_id = @key AND kind = 'shared' AND asked_by = @by AND state = 'preparing' RETURNING restorer, snapshot, expires_at
                """, new { id, key, Now, by = $"computer {device.Computer}", length = Math.Max(0, request.Length), secondsPerDay = (long)Month.SecondsPerDay });
            if (row.Restorer is not null)
            {
                await owners.TellAsync(transaction, key, Letter.Of(Outbox.Language, "archive_shared", device.Place.Name, $"computer {device.Computer}", $"{DateTimeOffset.FromUnixTimeSeconds(row.Expires):yyyy-MM-dd}", id));
            }

            return row;
        }, cancellation);
        if (restorer is null)
        {
            throw new HoldfastException(FailureTable.NotFound, "There is no such upload of this computer, or it was ended.");
        }

        var pass = pod.SignPass(new RestorerPass(PassPurpose.Download, Guid.Parse(id), DateTimeOffset.FromUnixTimeSeconds(expires)));
        return new RestoreLink($"{await restorers.UrlOfAsync(restorer, cancellation)}/v1/archives/{pass}/holdfast-{snapshot[..8]}.{(request.IsTar ? "tar" : "zip")}.age", expires);
    }
}
