using System.Security.Cryptography;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Devices;

/// <summary>The account's computers as the service knows them; who they are for the account stands in the account log.</summary>
internal sealed class DeviceTable(AccountStore store, TimeProvider time)
{
    /// <summary>Gives the next computer number and a token for it.</summary>
    public Task<(uint Computer, string Token)> AddAsync(AccountPlace place, string name, byte[]? request, bool asksToRead, CancellationToken cancellation) =>
        store.WriteAsync(place, async transaction =>
        {
            var computer = checked((uint)await transaction.FindAsync<long>("UPDATE fence SET next_computer = next_computer + 1 WHERE account_id = @account RETURNING next_computer - 1"));
            var token = DeviceToken.Draw(place.Account, computer, RandomNumberGenerator.GetBytes);
            await transaction.ExecuteAsync(
                "INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, request, asks_to_read, created_at, version) VALUES (@account, @computer, @name, @hash, @rights, 0, @request, @asks, @now, @version)",
                new
                {
                    computer, name, hash = DeviceToken.HashOf(token), request, now = time.GetUtcNow().ToUnixTimeSeconds(),
                    rights = nameof(DeviceRights.Waiting), asks = asksToRead ? 1 : 0,
                });
            return (computer, token);
        }, cancellation);

    /// <summary>A new token for a computer whose enrolment is not over: the answer with the old one was lost. One that is certified already is refused.</summary>
    public Task<string> ReissueAsync(AccountPlace place, uint computer, CancellationToken cancellation) => store.WriteAsync(place, async transaction =>
    {
        var token = DeviceToken.Draw(place.Account, computer, RandomNumberGenerator.GetBytes);
        return await transaction.ExecuteAsync(
            "UPDATE devices SET token_hash = @hash, version = @version WHERE account_id = @account AND computer = @computer AND rights = @waiting AND revoked = 0",
            new { computer, hash = DeviceToken.HashOf(token), waiting = nameof(DeviceRights.Waiting) }) == 1
            ? token : throw new HoldfastException(FailureTable.CodeInvalid, "The enrolment code was used, and its computer is enrolled.");
    }, cancellation);

    /// <summary>The computer whose token this is; null if it is unknown or revoked.</summary>
    public async Task<Device?> AuthenticateAsync(AccountPlace place, uint computer, string token, CancellationToken cancellation)
    {
        var row = await store.AskAsync(place, transaction => transaction.FindAsync<DeviceRow>(
            "SELECT token_hash AS TokenHash, rights, revoked, reads_until AS ReadsUntil, last_backup_at AS LastBackupAt, last_seconds AS LastSeconds FROM devices WHERE account_id = @account AND computer = @computer AND deleted = 0 AND retired_at IS NULL", new { computer }), cancellation);
        return row is { Revoked: 0 } && CryptographicOperations.FixedTimeEquals(row.TokenHash, DeviceToken.HashOf(token))
            ? new Device(place, computer, row.Rights == nameof(DeviceRights.Add) && row.ReadsUntil > time.GetUtcNow().ToUnixTimeSeconds() ? DeviceRights.Read : Enum.Parse<DeviceRights>(row.Rights), row.LastBackupAt, row.LastSeconds ?? 0)
            : null;
    }

    public Task<Page<PendingEnrolment>> PendingAsync(AccountPlace place, Paging paging, CancellationToken cancellation) => store.AskAsync(place, async transaction => paging.Cut(
        (await transaction.QueryAsync<PendingRow>(
            """
            SELECT computer, name, request, approval FROM devices
            WHERE account_id = @account AND computer > @after AND request IS NOT NULL AND deleted = 0 AND revoked = 0 ORDER BY computer LIMIT @rows
            """, new { after = paging.AfterNumber(), rows = paging.Rows }))
            .Select(row => new PendingEnrolment((uint)row.Computer, row.Name, row.Request, row.Approval)).ToList(), row => $"{row.Computer}"), cancellation);

    /// <summary>Lets a waiting computer add backups; the sealed keys wait for it.</summary>
    public static async Task<bool> ApproveAsync(AccountTransaction transaction, uint computer, byte[] approval) => await transaction.ExecuteAsync(
        "UPDATE devices SET approval = @approval, rights = @rights, version = @version WHERE account_id = @account AND computer = @computer AND rights = @waiting",
        new { computer, approval, rights = nameof(DeviceRights.Add), waiting = nameof(DeviceRights.Waiting) }) == 1;

    /// <summary>True if the service gave this number to a computer.</summary>
    public static async Task<bool> IsKnownAsync(AccountTransaction transaction, uint computer) =>
        await transaction.FindAsync<long>("SELECT count(*) FROM devices WHERE account_id = @account AND computer = @computer AND deleted = 0", new { computer }) == 1;

    /// <summary>A root-signed statement certifies the computer: whoever enrolled it knows the passphrase. One that asked to be approved waits for that.</summary>
    public static Task CertifyAsync(AccountTransaction transaction, uint computer) => transaction.ExecuteAsync(
        "UPDATE devices SET rights = CASE WHEN asks_to_read = 1 THEN @add ELSE @read END, version = @version WHERE account_id = @account AND computer = @computer AND rights = @waiting AND request IS NULL",
        new { computer, add = nameof(DeviceRights.Add), read = nameof(DeviceRights.Read), waiting = nameof(DeviceRights.Waiting) });

    /// <summary>A certified computer's new token; false if the computer is unknown here or was revoked.</summary>
    public Task<bool> AttachAsync(AccountPlace place, uint computer, byte[] tokenHash, CancellationToken cancellation) => store.WriteAsync(place, async transaction => await transaction.ExecuteAsync(
        "UPDATE devices SET token_hash = @tokenHash, version = @version WHERE account_id = @account AND computer = @computer AND revoked = 0 AND deleted = 0 AND retired_at IS NULL", new { computer, tokenHash }) == 1, cancellation);

    /// <summary>Somebody who holds the root key is at this computer; one that asks each time goes on asking.</summary>
    public Task TrustAsync(AccountPlace place, uint computer, CancellationToken cancellation) => store.WriteAsync(place, transaction => transaction.ExecuteAsync(
        "UPDATE devices SET rights = @rights, version = @version WHERE account_id = @account AND computer = @computer AND revoked = 0 AND asks_to_read = 0", new { computer, rights = nameof(DeviceRights.Read) }), cancellation);

    /// <summary>Lets a computer read for a while.</summary>
    public Task LetReadAsync(AccountPlace place, uint computer, DateTimeOffset until, CancellationToken cancellation) => store.WriteAsync(place, transaction => transaction.ExecuteAsync(
        "UPDATE devices SET reads_until = @until, asks_to_read = 1, version = @version WHERE account_id = @account AND computer = @computer AND revoked = 0", new { computer, until = until.ToUnixTimeSeconds() }), cancellation);

    /// <summary>Keeps why a computer's backup did not end.</summary>
    public Task KeepFailureAsync(Device device, string code, CancellationToken cancellation) => store.WriteAsync(device.Place, transaction => transaction.ExecuteAsync(
        "UPDATE devices SET failed_at = @now, failure = @code, version = @version WHERE account_id = @account AND computer = @computer", new { device.Computer, code, now = time.GetUtcNow().ToUnixTimeSeconds() }), cancellation);

    /// <summary>A computer that is not there is the failure not_found.</summary>
    public async Task RequireAsync(AccountPlace place, uint computer, CancellationToken cancellation)
    {
        if (!await store.AskAsync(place, transaction => IsKnownAsync(transaction, computer), cancellation))
        {
            throw new HoldfastException(FailureTable.NotFound, $"Account {place.Name} has no computer {computer}.");
        }
    }

    public Task RevokeAsync(AccountPlace place, uint computer, CancellationToken cancellation) => store.WriteAsync(place, transaction => RevokeAsync(transaction, computer), cancellation);

    public static Task<int> RevokeAsync(AccountTransaction transaction, uint computer) => transaction.ExecuteAsync(
        "UPDATE devices SET revoked = 1, version = @version WHERE account_id = @account AND computer = @computer", new { computer });

    /// <summary>All computers, by number.</summary>
    public Task<Page<ComputerSummary>> ListAsync(AccountPlace place, Paging paging, CancellationToken cancellation) => store.AskAsync(place, async transaction => paging.Cut(
        (await transaction.QueryAsync<ComputerRow>(
            """
            SELECT computer, name, rights, revoked, retired_at AS RetiredAt, created_at AS CreatedAt, last_backup_at AS LastBackupAt, replaces FROM devices
            WHERE account_id = @account AND computer > @after AND deleted = 0 ORDER BY computer LIMIT @rows
            """, new { after = paging.AfterNumber(), rows = paging.Rows }))
            .Select(row => row.Summary).ToList(), computer => $"{computer.Computer}"), cancellation);

    /// <summary>Changes a computer's name, or whether it is used; one that is not there is the failure not_found.</summary>
    public Task<ComputerSummary> ChangeAsync(AccountPlace place, uint computer, ChangeComputer change, CancellationToken cancellation) => store.WriteAsync(place, async transaction =>
    {
        if (change.Replaces is { } replaced)
        {
            await ReplaceAsync(transaction, computer, replaced);
        }

        var row = await transaction.FindAsync<ComputerRow>(
            """
            UPDATE devices SET name = coalesce(@name, name), retired_at = CASE WHEN @isRetired = 1 THEN coalesce(retired_at, @now) WHEN @isRetired = 0 THEN NULL ELSE retired_at END, version = @version
            WHERE account_id = @account AND computer = @computer AND deleted = 0
            RETURNING computer, name, rights, revoked, retired_at AS RetiredAt, created_at AS CreatedAt, last_backup_at AS LastBackupAt, replaces
            """, new { computer, name = change.Name, isRetired = change.Retired switch { true => 1, false => 0, null => 2 }, now = time.GetUtcNow().ToUnixTimeSeconds() });
        return row?.Summary ?? throw new HoldfastException(FailureTable.NotFound, $"Account {place.Name} has no computer {computer}.");
    }, cancellation);

    /// <summary>A computer and those whose place it took, the latest first.</summary>
    public Task<ComputerItself> DescribeAsync(Device device, CancellationToken cancellation) => store.ReadAsync(device.Place, async transaction =>
    {
        var rows = (await transaction.QueryAsync<(long Computer, long? Replaces)>("SELECT computer, replaces FROM devices WHERE account_id = @account AND replaces IS NOT NULL AND deleted = 0"))
            .ToDictionary(row => row.Computer, row => row.Replaces!.Value);
        var predecessors = new List<uint>();
        for (var at = (long)device.Computer; rows.Remove(at, out var before); at = before)
        {
            predecessors.Add((uint)before);
        }

        var name = await transaction.FindAsync<string>("SELECT name FROM devices WHERE account_id = @account AND computer = @computer", new { device.Computer });
        return new ComputerItself(device.Computer, name ?? "", predecessors);
    }, cancellation);

    /// <summary>Puts a computer in another's place, for good: that one is retired, and nobody waits for the new one's first backup as if it were late.</summary>
    private async Task ReplaceAsync(AccountTransaction transaction, uint computer, uint replaced)
    {
        if (replaced == computer || await transaction.FindAsync<long>("SELECT count(*) FROM devices WHERE account_id = @account AND replaces = @replaced AND computer <> @computer", new { computer, replaced }) > 0
            || await transaction.FindAsync<long>("SELECT count(*) FROM devices WHERE account_id = @account AND computer = @replaced AND replaces = @computer", new { computer, replaced }) > 0)
        {
            throw new HoldfastException(FailureTable.Conflict, $"Computer {replaced} cannot be replaced by {computer}: another one took its place, or it took this one's.");
        }

        if (await transaction.ExecuteAsync("UPDATE devices SET retired_at = coalesce(retired_at, @now), version = @version WHERE account_id = @account AND computer = @replaced AND deleted = 0",
            new { replaced, now = time.GetUtcNow().ToUnixTimeSeconds() }) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"The account has no computer {replaced}.");
        }

        await transaction.ExecuteAsync(
            """
            UPDATE devices SET replaces = @replaced, last_backup_at = coalesce(last_backup_at, (SELECT last_backup_at FROM devices old WHERE old.account_id = @account AND old.computer = @replaced)), version = @version
            WHERE account_id = @account AND computer = @computer AND deleted = 0
            """, new { computer, replaced });
    }

    private sealed record ComputerRow
    {
        public long Computer { get; init; }

        public string Name { get; init; } = "";

        public string Rights { get; init; } = "";

        public long Revoked { get; init; }

        public long? RetiredAt { get; init; }

        public long CreatedAt { get; init; }

        public long? LastBackupAt { get; init; }

        public long? Replaces { get; init; }

        public ComputerSummary Summary => new((uint)Computer, Name, Rights, Revoked != 0, RetiredAt is not null, CreatedAt, LastBackupAt, (uint?)Replaces);
    }

    private sealed record DeviceRow(byte[] TokenHash, string Rights, long Revoked, long? ReadsUntil, long? LastBackupAt, long? LastSeconds);

    private sealed record PendingRow(long Computer, string Name, byte[] Request, byte[]? Approval);
}
