using System.Collections.Concurrent;
using System.Security.Cryptography;
using Holdfast.Crypto.Hpke;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Sealing;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;

namespace Holdfast.Crypto.Keys;

/// <summary>Opens frames and snapshots with the account's private keys; session keys are opened once and kept.</summary>
public sealed class FrameKeys(Keyring keyring)
{
    private readonly ConcurrentDictionary<SessionId, SessionKey> _sessions = new();

    /// <summary>Opens one frame into <paramref name="plaintext"/> (16 bytes shorter than sealed); its padded plaintext is for <see cref="FrameCodec"/>.</summary>
    public void Open(FrameRow frame, SealedSessionKey key, ReadOnlySpan<byte> sealedBytes, Span<byte> plaintext) =>
        ObjectSealer.Open(Session(key).Key, new SealContext(keyring.Account, key.Group, frame.SealedType, frame.Origin), frame.Salt.Span, sealedBytes, plaintext);

    /// <summary>The session key in its opened form; one that does not belong to this account is a <see cref="MalformedObjectException"/>.</summary>
    public SessionKey Session(SealedSessionKey key)
    {
        if (_sessions.TryGetValue(key.Session, out var known) && known.Sealed.Ciphertext.Span.SequenceEqual(key.Ciphertext.Span))
        {
            return known;
        }

        foreach (var pair in keyring.Body.AccountKeys.Reverse())
        {
            try
            {
                using var privateKey = Kem.ImportPrivate(pair.PrivateKey);
                var opened = SessionKey.Open(keyring.Account, key, keyring.Group(key.Group), privateKey);
                return _sessions[key.Session] = opened;
            }
            catch (CryptographicException)
            {
                // Not sealed to this pair: an older one may fit.
            }
        }

        throw new MalformedObjectException("session key", "it was not made by a computer of this account, or is damaged");
    }
}
