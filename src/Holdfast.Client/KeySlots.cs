using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client;

/// <summary>A way to open the account.</summary>
public sealed record KeySlot(uint Number, string Kind, string Name);

/// <summary>Lists, adds and removes the ways to open an account.</summary>
public sealed class KeySlots(OpenedAccount account, ServiceClient service, RandomSource random)
{
    public IReadOnlyList<KeySlot> List() => [.. account.Keyring.Slots.Select(slot => new KeySlot(slot.Number, slot.Kind.ToString(),
        account.View.Log.Statements.Last(statement => statement.Kind == StatementKind.SlotAdded && statement.Number == slot.Number).Name))];

    /// <summary>Adds a passphrase.</summary>
    public Task AddAsync(string passphrase, string name, CancellationToken cancellation) =>
        StoreAsync(account.Keyring.AddSlot(Unlocking.Of(passphrase), name, account.View.Log, random), cancellation);

    /// <summary>Makes a further recovery key; it is shown once and kept nowhere.</summary>
    public async Task<string> AddRecoveryKeyAsync(CancellationToken cancellation)
    {
        var key = RecoveryKey.Create(random);
        await StoreAsync(account.Keyring.AddSlot(Unlocking.Of(key), "recovery key", account.View.Log, random), cancellation);
        return key;
    }

    /// <summary>Lets the operator's escrow key open the account, in the place of any other escrow key.</summary>
    /// <param name="publicKey">The key, as the service gave it.</param>
    /// <param name="fingerprint">What the owner was told, by another way, that it is; another key is the failure tampered.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task AddEscrowAsync(byte[] publicKey, string fingerprint, CancellationToken cancellation)
    {
        if (!EscrowFingerprint.Of(publicKey).Equals(fingerprint.Trim(), StringComparison.OrdinalIgnoreCase))
        {
            throw new HoldfastException(FailureTable.Tampered, $"The service offers the escrow key {EscrowFingerprint.Of(publicKey)}, not {fingerprint}.");
        }

        await service.AppendLogAsync(Exchange(account.Keyring, account.View.Log, publicKey, random), cancellation);
    }

    /// <summary>What puts an escrow key in the place of those that there are.</summary>
    public static AppendLog Exchange(Keyring keyring, AccountLog log, byte[] publicKey, RandomSource random)
    {
        var old = keyring.Slots.Where(slot => slot.Kind == SlotKind.Escrow).Select(slot => slot.Number).ToList();
        var statements = new List<byte[]>();
        void Say(Statement statement)
        {
            log.Append(statement);
            statements.Add(statement.Bytes.ToArray());
        }

        Say(keyring.AddEscrow(publicKey, "the operator's escrow key " + EscrowFingerprint.Of(publicKey), log));
        old.ForEach(number => Say(keyring.RemoveSlot(number, log)));
        return new AppendLog(statements, keyring.Store(random).Bytes.ToArray());
    }

    public async Task RemoveAsync(uint number, CancellationToken cancellation)
    {
        try
        {
            await StoreAsync(account.Keyring.RemoveSlot(number, account.View.Log), cancellation);
        }
        catch (ArgumentException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    private Task StoreAsync(Statement statement, CancellationToken cancellation) =>
        service.AppendLogAsync(new AppendLog([statement.Bytes.ToArray()], account.Keyring.Store(random).Bytes.ToArray()), cancellation);
}
