using Holdfast.Authority.Accounts;
using Holdfast.Authority.Devices;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;

namespace Holdfast.Authority.Rebuilding;

/// <summary>The account's own rows: its log, keyrings and computers, and counters that give nothing out twice. Rows that are there already are set right.</summary>
internal sealed class AccountRows(AccountStore store, AccountPlace place, AccountDraft draft, TimeProvider time)
{
    /// <summary>Numbers that may have been given out and never seen on a pod (format rule 6).</summary>
    private const long NumbersSkipped = 1 << 20;

    /// <summary>A computer's token is not on pods: until it attaches itself by its key, no token fits.</summary>
    private static readonly byte[] _noToken = [];

    public Task WriteAsync(CancellationToken cancellation) => store.WriteAsync(place, async transaction =>
    {
        await transaction.ExecuteEachAsync("INSERT INTO log (account_id, sequence, statement, on_pod, version) VALUES (@account, @sequence, @bytes, @onPod, @version) ON CONFLICT (account_id, sequence) DO UPDATE SET statement = excluded.statement, on_pod = excluded.on_pod, version = excluded.version",
            draft.Log.Statements.Select(statement => new { statement.Sequence, bytes = statement.Bytes.ToArray(), onPod = draft.StatementsOnPod.Contains(statement.Sequence) ? 1 : 0 }));
        await transaction.ExecuteEachAsync("INSERT INTO keyrings (account_id, keyring_version, keyring, on_pod, version) VALUES (@account, @number, @bytes, 1, @version) ON CONFLICT (account_id, keyring_version) DO UPDATE SET keyring = excluded.keyring, on_pod = 1, version = excluded.version",
            draft.Keyrings.Select(bytes => new { number = KeyringObject.Parse(bytes).Version, bytes }));

        foreach (var computer in draft.Log.Computers.Values.Where(computer => computer.Number > 0))
        {
            await InsertComputerAsync(transaction, computer);
        }

        // Sessions and collections count up from the time: a client that remembers an earlier number never meets it again.
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        return await transaction.ExecuteAsync(
            """
            UPDATE fence SET next_number = CASE WHEN next_number > @number THEN next_number ELSE @number END, next_computer = CASE WHEN next_computer > @computer THEN next_computer ELSE @computer END,
                next_session = CASE WHEN next_session > @now THEN next_session ELSE @now END, collection_number = CASE WHEN collection_number > @now THEN collection_number ELSE @now END
            WHERE account_id = @account
            """,
            new { number = draft.HighestNumber + NumbersSkipped, computer = draft.HighestComputer + 1L, now });
    }, cancellation);

    private Task InsertComputerAsync(AccountTransaction transaction, CertifiedComputer computer) => transaction.ExecuteAsync(
        """
        INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, last_backup_at, version)
        VALUES (@account, @number, @name, @noToken, @rights, @revoked, @now, (SELECT max(received_at) FROM snapshots WHERE account_id = @account AND computer = @number), @version)
        ON CONFLICT (account_id, computer) DO UPDATE SET revoked = CASE WHEN excluded.revoked = 1 THEN 1 ELSE devices.revoked END,
            rights = CASE WHEN devices.rights = 'Waiting' THEN excluded.rights ELSE devices.rights END, last_backup_at = coalesce(excluded.last_backup_at, devices.last_backup_at), version = excluded.version
        """,
        new { computer.Number, name = new string([.. computer.Name.Select(letter => char.IsControl(letter) ? '?' : letter)]), noToken = _noToken, rights = nameof(DeviceRights.Add), revoked = draft.IsRevoked(computer) ? 1 : 0, now = time.GetUtcNow().ToUnixTimeSeconds() });
}
