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
    public IReadOnlyList<byte[]> Statements(AccountPlace place) => store.Read(place.Account, Statements);

    /// <summary>A page of the log, and how many statements there are.</summary>
    public (Page<byte[]> Page, long Sequence) List(AccountPlace place, Paging paging) => store.Read(place.Account, transaction =>
    {
        var rows = transaction.Query<StatementRow>(
            "SELECT sequence, statement FROM log WHERE account_id = @account AND sequence > @after ORDER BY sequence LIMIT @rows", new { after = paging.AfterNumber(), rows = paging.Rows });
        var page = paging.Cut(rows, row => $"{row.Sequence}");
        return (new Page<byte[]>([.. page.Items.Select(row => row.Statement)], page.Next),
            transaction.Find<long?>("SELECT max(sequence) FROM log WHERE account_id = @account") ?? 0);
    });

    public StoredKeyringRow? Keyring(AccountPlace place) => store.Read(place.Account, Newest);

    public AccountLog Verified(AccountPlace place) => AccountLog.Verify(Statements(place).Select(statement => (ReadOnlyMemory<byte>)statement));

    /// <summary>
    /// Appends statements and the keyring that goes with them, both or neither; returns how many statements there are then. What does not follow the last is a
    /// conflict; what stands there already, to the byte, changes nothing, so that a caller whose answer was lost may ask again.
    /// </summary>
    public Task<long> AppendAsync(AccountPlace place, IReadOnlyList<byte[]> statements, byte[]? keyring, Action<long> checkCurrent, CancellationToken cancellation) =>
        place.State == AccountState.LogDamaged
            ? throw new HoldfastException(FailureTable.DamagedObject, "The account's log came back with a hole: nothing can be added to it, and nobody let in, until the operator has found the missing statements.")
            : store.WriteAsync(place, transaction => Append(transaction, statements, keyring, checkCurrent), cancellation);

    public static long Append(AccountTransaction transaction, IReadOnlyList<byte[]> statements, byte[]? keyring, Action<long> checkCurrent)
    {
        var known = Statements(transaction);
        if (IsRepeated(transaction, known, statements, keyring))
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

                log.Append(statement);
                transaction.Execute("INSERT INTO log (account_id, sequence, statement, on_pod, version) VALUES (@account, @sequence, @bytes, 0, @version)",
                    new { sequence = (long)statement.Sequence, bytes });
                switch (statement.Kind)
                {
                    case StatementKind.Computer when !DeviceTable.IsKnown(transaction, statement.Number):
                        throw new HoldfastException(FailureTable.InvalidRequest, $"Computer {statement.Number} did not ask to be let in: numbers are the service's to give.");
                    case StatementKind.Computer: DeviceTable.Certify(transaction, statement.Number); break;
                    case StatementKind.ComputerRevoked: DeviceTable.Revoke(transaction, statement.Number); break;
                    default: break;
                }
            }

            if (keyring is not null)
            {
                StoreKeyring(transaction, log, KeyringObject.Parse(keyring));
            }

            return (long)log.Sequence;
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    private static bool IsRepeated(AccountTransaction transaction, IReadOnlyList<byte[]> known, IReadOnlyList<byte[]> statements, byte[]? keyring) =>
        statements.Count > 0
        && statements.All(statement => known.Any(other => other.AsSpan().SequenceEqual(statement)))
        && (keyring is null || (Newest(transaction)?.Bytes.AsSpan().SequenceEqual(keyring) ?? false));

    private static StoredKeyringRow? Newest(AccountTransaction transaction) => transaction.Find<StoredKeyringRow>(
        "SELECT keyring_version AS Version, keyring AS Bytes FROM keyrings WHERE account_id = @account ORDER BY keyring_version DESC LIMIT 1");

    private static void StoreKeyring(AccountTransaction transaction, AccountLog log, KeyringObject keyring)
    {
        var current = transaction.Find<long?>("SELECT max(keyring_version) FROM keyrings WHERE account_id = @account") ?? 0;
        if (!keyring.IsSignedBy(log.RootKey.Span) || keyring.Account != transaction.Account)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The keyring is not signed by the account's root key.");
        }

        if (keyring.Version != (ulong)current + 1)
        {
            throw new HoldfastException(FailureTable.Conflict, $"The keyring has version {current}; version {keyring.Version} does not follow.");
        }

        transaction.Execute("INSERT INTO keyrings (account_id, keyring_version, keyring, on_pod, version) VALUES (@account, @number, @bytes, 0, @version)",
            new { number = (long)keyring.Version, bytes = keyring.Bytes.ToArray() });
    }

    private static IReadOnlyList<byte[]> Statements(AccountTransaction transaction) =>
        transaction.Query<byte[]>("SELECT statement FROM log WHERE account_id = @account ORDER BY sequence");

    private sealed record StatementRow(long Sequence, byte[] Statement);
}

/// <summary>The keyring in force, sealed.</summary>
internal sealed record StoredKeyringRow(long Version, byte[] Bytes);
