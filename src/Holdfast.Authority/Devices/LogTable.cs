using Holdfast.Authority.Accounts;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Devices;

/// <summary>The account log and keyring as the service keeps them: it checks every root signature, and can make none.</summary>
internal sealed class LogTable(AccountStore store)
{
    public IReadOnlyList<byte[]> Statements(AccountPlace place) => store.Read(place.Account, Statements);

    public byte[]? Keyring(AccountPlace place) => store.Read(place.Account, transaction =>
        transaction.Find<byte[]>("SELECT keyring FROM keyrings WHERE account_id = @account ORDER BY keyring_version DESC LIMIT 1"));

    public AccountLog Verified(AccountPlace place) => AccountLog.Verify(Statements(place).Select(statement => (ReadOnlyMemory<byte>)statement));

    /// <summary>Appends statements and the keyring that goes with them, both or neither; what does not follow the last is a conflict.</summary>
    public Task AppendAsync(AccountPlace place, IReadOnlyList<byte[]> statements, byte[]? keyring, CancellationToken cancellation) =>
        store.WriteAsync(place, transaction =>
        {
            Append(transaction, statements, keyring);
            return 0;
        }, cancellation);

    public static void Append(AccountTransaction transaction, IReadOnlyList<byte[]> statements, byte[]? keyring)
    {
        try
        {
            var log = AccountLog.Verify(Statements(transaction).Select(statement => (ReadOnlyMemory<byte>)statement));
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
                    case StatementKind.Computer: DeviceTable.Certify(transaction, statement.Number); break;
                    case StatementKind.ComputerRevoked: DeviceTable.Revoke(transaction, statement.Number); break;
                    default: break;
                }
            }

            if (keyring is not null)
            {
                StoreKeyring(transaction, log, KeyringObject.Parse(keyring));
            }
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

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
}
