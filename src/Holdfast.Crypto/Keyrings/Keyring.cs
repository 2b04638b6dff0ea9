using System.Security.Cryptography;
using Holdfast.Crypto.Hpke;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;

namespace Holdfast.Crypto.Keyrings;

/// <summary>An opened keyring: the root, the account's private keys and the group secrets. It exists while a person is there, and is never stored open.</summary>
public sealed class Keyring : IDisposable
{
    private static readonly byte[] _noSalt = new byte[KeyringSlot.SaltLength];

    private readonly byte[] _keyringKey;
    private readonly List<KeyringSlot> _slots;

    private Keyring(AccountId account, ulong version, byte[] keyringKey, List<KeyringSlot> slots, KeyringBody body)
    {
        Account = account;
        Version = version;
        _keyringKey = keyringKey;
        _slots = slots;
        Body = body;
        Root = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = body.RootPrivateKey });
    }

    public AccountId Account { get; }

    public ulong Version { get; private set; }

    public KeyringBody Body { get; private set; }

    /// <summary>Signs the account log.</summary>
    public ECDsa Root { get; }

    public IReadOnlyList<KeyringSlot> Slots => _slots;

    /// <summary>Draws the secrets of a new account: root, account key pair and the first group. It has no slot yet.</summary>
    public static Keyring Create(AccountId account, RandomSource random)
    {
        using var root = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var accountKey = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var body = new KeyringBody(
            root.ExportParameters(true).D!,
            [new AccountKeyPair(Signatures.ExportPublic(accountKey), Kem.ExportPrivate(accountKey))],
            new Dictionary<uint, byte[]> { [1] = random(GroupKeys.SecretLength) });
        return new Keyring(account, 0, random(32), [], body);
    }

    /// <summary>Opens a stored keyring and proves it against the account's verified log; the server can swap nothing.</summary>
    /// <exception cref="WrongSecretException">No slot fits.</exception>
    public static Keyring Open(KeyringObject stored, AccountLog log, Unlocking unlocking)
    {
        if (stored.Account != log.Account || !stored.IsSignedBy(log.RootKey.Span))
        {
            throw new MalformedObjectException("keyring", "it is not signed by this account's root key");
        }

        foreach (var slot in stored.Slots.Where(slot => slot.Kind == unlocking.Kind))
        {
            var secret = SlotSecret.Derive(unlocking, stored.Account, slot);
            if (!CryptographicOperations.FixedTimeEquals(secret.Commitment, slot.Commitment.Span))
            {
                continue;
            }

            using var pair = secret.KeyPair();
            if (!log.Slots.TryGetValue(slot.Number, out var published) || !published.PublicKey.Span.SequenceEqual(Signatures.ExportPublic(pair)))
            {
                throw new MalformedObjectException("keyring", $"slot {slot.Number} is not the one the account log publishes");
            }

            return OpenWith(stored, log, slot, pair);
        }

        throw new WrongSecretException();
    }

    /// <summary>Opens a stored keyring with the operator's key, whose slot its owner added, and proves it like any other.</summary>
    /// <exception cref="WrongSecretException">No slot is this key's.</exception>
    public static Keyring Open(KeyringObject stored, AccountLog log, EscrowKey key)
    {
        if (stored.Account != log.Account || !stored.IsSignedBy(log.RootKey.Span))
        {
            throw new MalformedObjectException("keyring", "it is not signed by this account's root key");
        }

        var slot = stored.Slots.FirstOrDefault(slot => slot.Kind == SlotKind.Escrow && slot.Commitment.Span.SequenceEqual(EscrowKey.Commitment(key.PublicKey, stored.Account, slot.EncodeParameters())))
            ?? throw new WrongSecretException();
        return log.Slots.TryGetValue(slot.Number, out var published) && published.PublicKey.Span.SequenceEqual(key.PublicKey)
            ? OpenWith(stored, log, slot, key.Pair)
            : throw new MalformedObjectException("keyring", $"slot {slot.Number} is not the one the account log publishes");
    }

    /// <summary>Lets the operator's escrow key open the account; returns the statement that says so. Store both.</summary>
    public Statement AddEscrow(ReadOnlySpan<byte> publicKey, string name, AccountLog log)
    {
        var parameters = new KeyringSlot(NextSlot(log), SlotKind.Escrow, 0, 0, 0, _noSalt, default, default, default);
        return AddSlot(parameters, publicKey.ToArray(), EscrowKey.Commitment(publicKey, Account, parameters.EncodeParameters()), name, log);
    }

    /// <summary>Adds a slot; returns the statement that publishes its public key. Store both.</summary>
    public Statement AddSlot(Unlocking unlocking, string name, AccountLog log, RandomSource random)
    {
        var number = NextSlot(log);
        var parameters = unlocking.Kind == SlotKind.Passphrase
            ? new KeyringSlot(number, SlotKind.Passphrase, SlotSecret.MemoryKibibytes, SlotSecret.Passes, 1, random(KeyringSlot.SaltLength), default, default, default)
            : new KeyringSlot(number, unlocking.Kind, 0, 0, 0, _noSalt, default, default, default);
        var secret = SlotSecret.Derive(unlocking, Account, parameters);
        using var pair = secret.KeyPair();
        return AddSlot(parameters, Signatures.ExportPublic(pair), secret.Commitment, name, log);
    }

    private static uint NextSlot(AccountLog log) => log.Statements.Where(statement => statement.Kind == StatementKind.SlotAdded).Select(statement => statement.Number).DefaultIfEmpty().Max() + 1;

    private Statement AddSlot(KeyringSlot parameters, byte[] publicKey, byte[] commitment, string name, AccountLog log)
    {
        var (encapsulated, sealedKey) = HpkeSuite.Aes256.Seal(publicKey, SlotInfo(Account), parameters.EncodeParameters(), _keyringKey);
        _slots.Add(parameters with { Commitment = commitment, Encapsulated = encapsulated, SealedKey = sealedKey });
        return new Statement
        {
            Account = Account, Sequence = log.Sequence + 1, Previous = log.LastHash, Kind = StatementKind.SlotAdded,
            Number = parameters.Number, Key = publicKey, Name = name, Value = (ulong)parameters.Kind,
        }.Sign(Root);
    }

    /// <summary>Removes a slot; the last cannot be removed. Returns the statement that says so.</summary>
    public Statement RemoveSlot(uint number, AccountLog log)
    {
        var slot = _slots.Find(slot => slot.Number == number) ?? throw new ArgumentException($"there is no slot {number}");
        if (_slots.Count == 1)
        {
            throw new ArgumentException("the last slot cannot be removed: nobody could read this account again");
        }

        _slots.Remove(slot);
        return new Statement
        {
            Account = Account, Sequence = log.Sequence + 1, Previous = log.LastHash, Kind = StatementKind.SlotRemoved, Number = number,
        }.Sign(Root);
    }

    /// <summary>The next version of the keyring as it is stored.</summary>
    public KeyringObject Store(RandomSource random)
    {
        Version++;
        var sealedBody = ObjectSealer.SealPadded(_keyringKey, BodyContext(Account, Version), Body.Encode(), random);
        return new KeyringObject(Account, Version, _slots, sealedBody.AsMemory(0, ObjectSealer.SaltLength), sealedBody.AsMemory(ObjectSealer.SaltLength)).Sign(Root);
    }

    public GroupKeys Group(uint group) => Body.GroupSecrets.TryGetValue(group, out var secret)
        ? new GroupKeys(group, secret)
        : throw new MalformedObjectException("keyring", $"it has no keys of group {group}");

    public void Dispose() => Root.Dispose();

    private static Keyring OpenWith(KeyringObject stored, AccountLog log, KeyringSlot slot, ECDiffieHellman pair)
    {
        byte[] keyringKey;
        try
        {
            keyringKey = HpkeSuite.Aes256.Open(slot.Encapsulated.Span, pair, SlotInfo(stored.Account), slot.EncodeParameters(), slot.SealedKey.Span);
        }
        catch (CryptographicException exception)
        {
            throw new MalformedObjectException("keyring", $"slot {slot.Number} is damaged", exception);
        }

        var body = KeyringBody.Decode(ObjectSealer.OpenPadded(keyringKey, BodyContext(stored.Account, stored.Version), [.. stored.Salt.Span, .. stored.SealedBody.Span]));
        var keyring = new Keyring(stored.Account, stored.Version, keyringKey, [.. stored.Slots], body);
        if (!Signatures.ExportPublic(keyring.Root).AsSpan().SequenceEqual(log.RootKey.Span)
            || !body.AccountKeys.Any(key => key.PublicKey.AsSpan().SequenceEqual(log.AccountKey.Span)))
        {
            keyring.Dispose();
            throw new MalformedObjectException("keyring", "its keys are not those of the account log");
        }

        return keyring;
    }

    private static byte[] SlotInfo(AccountId account) => [.. "holdfast slot v1\0"u8, .. account.ToArray()];

    // Keyrings have number 0; the version stands in the slot's place, so that an old body cannot be passed off as a new one.
    private static SealContext BodyContext(AccountId account, ulong version) => new(account, 0, SealedType.KeyringBody, new Address(0, (uint)version));
}
