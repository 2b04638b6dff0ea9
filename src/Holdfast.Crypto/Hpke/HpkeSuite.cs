using System.Security.Cryptography;

namespace Holdfast.Crypto.Hpke;

/// <summary>Single-shot HPKE (RFC 9180 §6.1) with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-GCM: modes base and psk.</summary>
/// <remarks>Holdfast uses AES-256; the 128-bit suite exists so that the RFC's own vectors can be run.</remarks>
public sealed class HpkeSuite
{
    private const byte ModeBase = 0;
    private const byte ModePsk = 1;
    private const int NonceLength = 12;
    private const int TagLength = 16;

    private readonly int _keyLength;
    private readonly byte[] _suiteId;

    private HpkeSuite(byte aead, int keyLength)
    {
        _keyLength = keyLength;
        _suiteId = [(byte)'H', (byte)'P', (byte)'K', (byte)'E', 0x00, 0x10, 0x00, 0x01, 0x00, aead];
    }

    public static HpkeSuite Aes256 { get; } = new(2, 32);

    internal static HpkeSuite Aes128 { get; } = new(1, 16);

    /// <summary>Seals one message to a public key. With a pre-shared key (32 bytes or more) both parties must know it: mode_psk.</summary>
    public (byte[] Encapsulated, byte[] Ciphertext) Seal(
        ReadOnlySpan<byte> recipient, ReadOnlySpan<byte> info, ReadOnlySpan<byte> associatedData, ReadOnlySpan<byte> plaintext,
        ReadOnlySpan<byte> psk = default, ReadOnlySpan<byte> pskId = default)
    {
        using var ephemeral = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        return Seal(recipient, info, associatedData, plaintext, psk, pskId, ephemeral);
    }

    internal (byte[] Encapsulated, byte[] Ciphertext) Seal(
        ReadOnlySpan<byte> recipient, ReadOnlySpan<byte> info, ReadOnlySpan<byte> associatedData, ReadOnlySpan<byte> plaintext,
        ReadOnlySpan<byte> psk, ReadOnlySpan<byte> pskId, ECDiffieHellman ephemeral)
    {
        var (secret, encapsulated) = Kem.Encapsulate(recipient, ephemeral);
        var (key, nonce) = Schedule(secret, info, psk, pskId);
        var sealedBytes = new byte[plaintext.Length + TagLength];
        using var aead = new AesGcm(key, TagLength);
        aead.Encrypt(nonce, plaintext, sealedBytes.AsSpan(0, plaintext.Length), sealedBytes.AsSpan(plaintext.Length), associatedData);
        return (encapsulated, sealedBytes);
    }

    /// <summary>Opens one message; anything that does not fit is a <see cref="CryptographicException"/>.</summary>
    public byte[] Open(
        ReadOnlySpan<byte> encapsulated, ECDiffieHellman recipient, ReadOnlySpan<byte> info, ReadOnlySpan<byte> associatedData,
        ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> psk = default, ReadOnlySpan<byte> pskId = default)
    {
        if (ciphertext.Length < TagLength)
        {
            throw new CryptographicException("a ciphertext is shorter than its tag");
        }

        var (key, nonce) = Schedule(Kem.Decapsulate(encapsulated, recipient), info, psk, pskId);
        var plaintext = new byte[ciphertext.Length - TagLength];
        using var aead = new AesGcm(key, TagLength);
        aead.Decrypt(nonce, ciphertext[..^TagLength], ciphertext[^TagLength..], plaintext, associatedData);
        return plaintext;
    }

    // RFC 9180 §5.1. Sequence number 0 makes the base nonce the nonce.
    internal (byte[] Key, byte[] BaseNonce) Schedule(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> info, ReadOnlySpan<byte> psk, ReadOnlySpan<byte> pskId)
    {
        if (psk.IsEmpty != pskId.IsEmpty || (!psk.IsEmpty && psk.Length < 32))
        {
            throw new ArgumentException("a pre-shared key has 32 bytes or more and a name; or there is neither");
        }

        var pskIdHash = Labels.Extract(_suiteId, [], "psk_id_hash"u8, pskId);
        var infoHash = Labels.Extract(_suiteId, [], "info_hash"u8, info);
        byte[] context = [psk.IsEmpty ? ModeBase : ModePsk, .. pskIdHash, .. infoHash];
        var prk = Labels.Extract(_suiteId, secret, "secret"u8, psk);
        return (Labels.Expand(_suiteId, prk, "key"u8, context, _keyLength), Labels.Expand(_suiteId, prk, "base_nonce"u8, context, NonceLength));
    }
}
