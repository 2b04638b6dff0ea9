using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Accounts;
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
