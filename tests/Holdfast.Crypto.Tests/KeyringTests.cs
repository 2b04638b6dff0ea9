using System.Security.Cryptography;
using Holdfast.Crypto.Hpke;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;

namespace Holdfast.Crypto.Tests;

/// <summary>The keyring opens with what its slots were made of, and only as its account's log says.</summary>
public sealed class KeyringTests
{
    private static readonly AccountId _account = new(RandomNumberGenerator.GetBytes(16));

    [Fact]
    public void A_keyring_opens_with_passphrase_and_recovery_key_and_with_nothing_else()
    {
        var (stored, log, recovery) = NewKeyring("secret");
        using var byPassphrase = Keyring.Open(stored, log, Unlocking.Of("secret"));
        using var byRecovery = Keyring.Open(stored, log, Unlocking.Of(recovery));
        Assert.Equal(byPassphrase.Body.RootPrivateKey, byRecovery.Body.RootPrivateKey);
        Assert.Throws<WrongSecretException>(() => Keyring.Open(stored, log, Unlocking.Of("Secret")));
        Assert.Throws<WrongSecretException>(() => Keyring.Open(stored, log, Unlocking.Of(RecoveryKey.Create(RandomNumberGenerator.GetBytes))));
    }

    [Fact]
    public void A_keyring_of_another_root_another_version_or_with_a_swapped_slot_is_refused()
    {
        var (stored, log, _) = NewKeyring("secret");
        var (other, _, _) = NewKeyring("secret");
        Assert.Throws<MalformedObjectException>(() => Keyring.Open(other, log, Unlocking.Of("secret")));
        using var root = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Throws<MalformedObjectException>(() => Keyring.Open(stored.Sign(root), log, Unlocking.Of("secret")));

        using var keyring = Keyring.Open(stored, log, Unlocking.Of("secret"));
        var swapped = (stored with { Slots = other.Slots }).Sign(keyring.Root);
        Assert.ThrowsAny<Exception>(() => Keyring.Open(swapped, log, Unlocking.Of("secret")));
        var relabelled = (stored with { Version = 2 }).Sign(keyring.Root);
        Assert.Throws<MalformedObjectException>(() => Keyring.Open(relabelled, log, Unlocking.Of("secret")));
    }

    [Fact]
    public void Slots_outside_the_accepted_costs_are_refused_before_anything_is_derived()
    {
        var (stored, _, _) = NewKeyring("secret");
        foreach (var (offset, value) in new[] { (8, 63u * 1024), (8, 2u * 1024 * 1024), (12, 0u), (12, 11u), (16, 2u), (16, 0u) })
        {
            var bytes = stored.Bytes.ToArray();
            BitConverter.TryWriteBytes(bytes.AsSpan(ObjectHeader.Length + 4 + offset), value);
            Assert.Throws<MalformedObjectException>(() => KeyringObject.Parse(bytes));
        }
    }

    [Fact]
    public void A_session_key_opens_only_with_account_group_and_computer_it_was_made_for()
    {
        using var account = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var group = new GroupKeys(1, RandomNumberGenerator.GetBytes(32));
        var session = SessionKey.Create(_account, 4, group, Signatures.ExportPublic(account), RandomNumberGenerator.GetBytes);
        Assert.Equal(session.Key, SessionKey.Open(_account, session.Sealed, group, account).Key);
        using var otherKey = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var otherGroup = new GroupKeys(1, RandomNumberGenerator.GetBytes(32));
        Assert.ThrowsAny<CryptographicException>(() => SessionKey.Open(_account, session.Sealed, group, otherKey));
        Assert.ThrowsAny<CryptographicException>(() => SessionKey.Open(_account, session.Sealed, otherGroup, account));
        Assert.ThrowsAny<CryptographicException>(() => SessionKey.Open(new AccountId(new byte[16]), session.Sealed, group, account));
        Assert.ThrowsAny<CryptographicException>(() => SessionKey.Open(_account, session.Sealed with { Computer = 5 }, group, account));
    }

    [Fact]
    public void A_recovery_key_survives_typing_and_every_wrong_character_is_noticed()
    {
        var text = RecoveryKey.Create(RandomNumberGenerator.GetBytes);
        Assert.NotNull(RecoveryKey.TryParse(text));
        Assert.Equal(RecoveryKey.TryParse(text), RecoveryKey.TryParse(text.ToLowerInvariant().Replace("-", " ", StringComparison.Ordinal)));
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '-')
            {
                Assert.Null(RecoveryKey.TryParse(text[..i] + (text[i] == '7' ? '8' : '7') + text[(i + 1)..]));
            }
        }

        Assert.Null(RecoveryKey.TryParse("a passphrase"));
        Assert.Null(RecoveryKey.TryParse(text + "0"));
    }

    [Fact]
    public void A_key_pair_is_derived_the_same_way_each_time()
    {
        var material = RandomNumberGenerator.GetBytes(32);
        using var first = Kem.DeriveKeyPair(material);
        using var second = Kem.DeriveKeyPair(material);
        Assert.Equal(Signatures.ExportPublic(first), Signatures.ExportPublic(second));
    }

    private static (KeyringObject Stored, AccountLog Log, string Recovery) NewKeyring(string passphrase)
    {
        using var keyring = Keyring.Create(_account, RandomNumberGenerator.GetBytes);
        var log = AccountLog.Verify([]);
        log.Append(new Statement
        {
            Account = _account, Sequence = 1, Previous = new byte[32], Kind = StatementKind.Genesis,
            Key = Signatures.ExportPublic(keyring.Root), AccountKey = keyring.Body.AccountKeys[0].PublicKey,
        }.Sign(keyring.Root));
        var recovery = RecoveryKey.Create(RandomNumberGenerator.GetBytes);
        log.Append(keyring.AddSlot(Unlocking.Of(passphrase), "passphrase", log, RandomNumberGenerator.GetBytes));
        log.Append(keyring.AddSlot(Unlocking.Of(recovery), "recovery", log, RandomNumberGenerator.GetBytes));
        return (keyring.Store(RandomNumberGenerator.GetBytes), log, recovery);
    }
}
