using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Devices;

/// <summary>The account log and keyring as the service keeps them: it checks every root signature, and can make none.</summary>
internal sealed class LogTable(AccountStore store)
{
    public Task<IReadOnlyList<byte[]>> StatementsAsync(AccountPlace place, CancellationToken cancellation) => store.AskAsync(place, StatementsAsync, cancellation);

    /// <summary>A page of the log, and how many statements there are.</summary>
    public Task<(Page<byte[]> Page, long Sequence)> ListAsync(AccountPlace place, Paging paging, CancellationToken cancellation) => store.ReadAsync(place, async transaction =>
    {
        var rows = await transaction.QueryAsync<StatementRow>(
            "SELECT sequence, statement FROM log WHERE account_id = @account AND sequence > @after ORDER BY sequence LIMIT @rows", new { after = paging.AfterNumber(), rows = paging.Rows });
        var page = paging.Cut(rows, row => $"{row.Sequence}");
        return (new Page<byte[]>([.. page.Items.Select(row => row.Statement)], page.Next),
            await transaction.FindAsync<long?>("SELECT max(sequence) FROM log WHERE account_id = @account") ?? 0);
    }, cancellation);

    public Task<StoredKeyringRow?> KeyringAsync(AccountPlace place, CancellationToken cancellation) => store.AskAsync(place, NewestAsync, cancellation);

    public async Task<AccountLog> VerifiedAsync(AccountPlace place, CancellationToken cancellation) => AccountLog.Verify((await StatementsAsync(place, cancellation)).Select(statement => (ReadOnlyMemory<byte>)statement));

    /// <summary>
    /// Appends statements and the keyring that goes with them, both or neither; returns how many statements there are then. What does not follow the last is a
    /// conflict; what stands there already, to the byte, changes nothing, so that a caller whose answer was lost may ask again.
    /// </summary>
    public Task<long> AppendAsync(AccountPlace place, IReadOnlyList<byte[]> statements, byte[]? keyring, Action<long> checkCurrent, CancellationToken cancellation) =>
        place.State == AccountState.LogDamaged
            ? throw new HoldfastException(FailureTable.DamagedObject, "The account's log came back with a hole: nothing can be added to it, and nobody let in, until the operator has found the missing statements.")
            : store.WriteAsync(place, transaction => AppendAsync(transaction, statements, keyring, checkCurrent), cancellation);

    public static async Task<long> AppendAsync(AccountTransaction transaction, IReadOnlyList<byte[]> statements, byte[]? keyring, Action<long> checkCurrent)
    {
        var known = await StatementsAsync(transaction);
        if (await IsRepeatedAsync(transaction, known, statements, keyring))
        {
            return known.Count;
        }

        checkCurrent(known.Count);
        try
        {
            var log = AccountLog.Verify(known.Select(statement => (ReadOnlyMemory<byte>)statement));
            foreach (var bytes in statements)
            {
                var statement = Statement.Parse(bytes);
                if (statement.Account != transaction.Account)
                {
                    throw new MalformedObjectException("account log", "a statement is of another account");
                }

                if (statement.Sequence != log.Sequence + 1)
                {
                    throw new HoldfastException(FailureTable.Conflict, $"The account log has {log.Sequence} statements; statement {statement.Sequence} does not follow.");
                }

                if (statement.Kind == StatementKind.Computer && statement.Name.Any(char.IsControl))
                {
                    throw new MalformedObjectException("account log", "a computer's name has control characters");
                }

                log.Append(statement);
                await transaction.ExecuteAsync("INSERT INTO log (account_id, sequence, statement, on_pod, version) VALUES (@account, @sequence, @bytes, 0, @version)",
                    new { sequence = (long)statement.Sequence, bytes });
                switch (statement.Kind)
                {
                    case StatementKind.Computer when !await DeviceTable.IsKnownAsync(transaction, statement.Number):
                        throw new HoldfastException(FailureTable.InvalidRequest, $"Computer {statement.Number} did not ask to be let in: numbers are the service's to give.");
                    case StatementKind.Computer: await DeviceTable.CertifyAsync(transaction, statement.Number); break;
                    case StatementKind.ComputerRevoked: await DeviceTable.RevokeAsync(transaction, statement.Number); break;
                    default: break;
                }
            }

            if (keyring is not null)
            {
                await StoreKeyringAsync(transaction, log, KeyringObject.Parse(keyring));
            }

            return (long)log.Sequence;
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    private static async Task<bool> IsRepeatedAsync(AccountTransaction transaction, IReadOnlyList<byte[]> known, IReadOnlyList<byte[]> statements, byte[]? keyring) =>
        statements.Count > 0
        && statements.All(statement => known.Any(other => other.AsSpan().SequenceEqual(statement)))
        && (keyring is null || ((await NewestAsync(transaction))?.Bytes.AsSpan().SequenceEqual(keyring) ?? false));

    private static Task<StoredKeyringRow?> NewestAsync(AccountTransaction transaction) => transaction.FindAsync<StoredKeyringRow>(
        "SELECT keyring_version AS Version, keyring AS Bytes FROM keyrings WHERE account_id = @account ORDER BY keyring_version DESC LIMIT 1");

    private static async Task StoreKeyringAsync(AccountTransaction transaction, AccountLog log, KeyringObject keyring)
    {
        var current = await transaction.FindAsync<long?>("SELECT max(keyring_version) FROM keyrings WHERE account_id = @account") ?? 0;
        if (!keyring.IsSignedBy(log.RootKey.Span) || keyring.Account != transaction.Account)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The keyring is not signed by the account's root key.");
        }

        if (keyring.Version != (ulong)current + 1)
        {
            throw new HoldfastException(FailureTable.Conflict, $"The keyring has version {current}; version {keyring.Version} does not follow.");
        }

        await transaction.ExecuteAsync("INSERT INTO keyrings (account_id, keyring_version, keyring, on_pod, version) VALUES (@account, @number, @bytes, 0, @version)",
            new { number = (long)keyring.Version, bytes = keyring.Bytes.ToArray() });
    }

    private static Task<IReadOnlyList<byte[]>> StatementsAsync(AccountTransaction transaction) =>
        transaction.QueryAsync<byte[]>("SELECT statement FROM log WHERE account_id = @account ORDER BY sequence");

    private sealed record StatementRow(long Sequence, byte[] Statement);
}

/// <summary>The keyring in force, sealed.</summary>
internal sealed record StoredKeyringRow(long Version, byte[] Bytes);
