using System.Security.Cryptography;
using System.Text;
using Holdfast.Crypto.Hpke;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;

namespace Holdfast.Crypto.Keys;

/// <summary>The random key of one backup session. It leaves the computer only sealed to the account's public key.</summary>
public sealed class SessionKey
{
    public const int Length = 32;

    private SessionKey(byte[] key, SealedSessionKey sealedKey)
    {
        Key = key;
        Sealed = sealedKey;
    }

    public byte[] Key { get; }

    public SealedSessionKey Sealed { get; }

    /// <summary>Draws a key and seals it by HPKE mode_psk: info = label, account, group, computer, session; pre-shared key from the group secret.</summary>
    public static SessionKey Create(AccountId account, uint computer, GroupKeys group, ReadOnlySpan<byte> accountPublicKey, RandomSource random)
    {
        var key = random(Length);
        var session = new SessionId(random(SessionId.Length));
        var (encapsulated, ciphertext) = HpkeSuite.Aes256.Seal(
            accountPublicKey, Info(account, group.Group, computer, session), [], key, group.PreSharedKey, PskName(group.Group));
        return new SessionKey(key, new SealedSessionKey(session, group.Group, computer, encapsulated, ciphertext));
    }

    /// <summary>Opens a sealed session key; a <see cref="CryptographicException"/> if it was not made by the group for this account.</summary>
    public static SessionKey Open(AccountId account, SealedSessionKey sealedKey, GroupKeys group, ECDiffieHellman accountPrivateKey)
    {
        var key = HpkeSuite.Aes256.Open(sealedKey.Encapsulated.Span, accountPrivateKey,
            Info(account, sealedKey.Group, sealedKey.Computer, sealedKey.Session), [], sealedKey.Ciphertext.Span, group.PreSharedKey, PskName(group.Group));
        return new SessionKey(key, sealedKey);
    }

    private static byte[] Info(AccountId account, uint group, uint computer, SessionId session)
    {
        var writer = new ByteWriter(64).Bytes("holdfast session v1\0"u8);
        account.Write(writer.Reserve(AccountId.Length));
        writer.UInt32(group).UInt32(computer);
        session.Write(writer.Reserve(SessionId.Length));
        return writer.ToArray();
    }

    private static byte[] PskName(uint group) => Encoding.ASCII.GetBytes($"group {group}");
}

/// <summary>Where randomness comes from: so many bytes, fresh. The system's generator, or a test's.</summary>
public delegate byte[] RandomSource(int count);
