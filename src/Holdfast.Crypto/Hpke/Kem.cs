using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Crypto.Hpke;

/// <summary>DHKEM(P-256, HKDF-SHA256), RFC 9180 §4.1 and §7.1, on the platform's ECDH and HKDF.</summary>
public static class Kem
{
    public const int PublicKeyLength = 65;
    public const int PrivateKeyLength = 32;
    private const int SecretLength = 32;

    private static ReadOnlySpan<byte> SuiteId => [(byte)'K', (byte)'E', (byte)'M', 0x00, 0x10];

    /// <summary>RFC 9180 §7.1.3: a key pair from keying material of at least 32 bytes, by rejection sampling.</summary>
    public static ECDiffieHellman DeriveKeyPair(ReadOnlySpan<byte> keyingMaterial)
    {
        var prk = Labels.Extract(SuiteId, [], "dkp_prk"u8, keyingMaterial);
        for (var counter = 0; counter < 256; counter++)
        {
            var candidate = Labels.Expand(SuiteId, prk, "candidate"u8, [(byte)counter], PrivateKeyLength);
            if (candidate.AsSpan().ContainsAnyExcept((byte)0) && candidate.AsSpan().SequenceCompareTo(Order) < 0)
            {
                return ImportPrivate(candidate);
            }
        }

        throw new CryptographicException("no key pair can be derived from this material");
    }

    public static ECDiffieHellman ImportPrivate(ReadOnlySpan<byte> privateKey) => ECDiffieHellman.Create(new ECParameters
    {
        Curve = ECCurve.NamedCurves.nistP256,
        D = privateKey.ToArray(),
    });

    public static byte[] ExportPrivate(ECDiffieHellman key) => key.ExportParameters(true).D!;

    /// <summary>The shared secret and its encapsulation to <paramref name="recipient"/>; <paramref name="ephemeral"/> is drawn fresh unless a test gives it.</summary>
    internal static (byte[] Secret, byte[] Encapsulated) Encapsulate(ReadOnlySpan<byte> recipient, ECDiffieHellman ephemeral)
    {
        var encapsulated = Signatures.ExportPublic(ephemeral);
        var shared = Agree(ephemeral, recipient);
        return (ExtractAndExpand(shared, encapsulated, recipient), encapsulated);
    }

    /// <summary>The shared secret of an encapsulation; bytes that are no point of the curve are a <see cref="CryptographicException"/>.</summary>
    internal static byte[] Decapsulate(ReadOnlySpan<byte> encapsulated, ECDiffieHellman recipient) =>
        ExtractAndExpand(Agree(recipient, encapsulated), encapsulated, Signatures.ExportPublic(recipient));

    private static byte[] Agree(ECDiffieHellman own, ReadOnlySpan<byte> otherPublic)
    {
        if (otherPublic.Length != PublicKeyLength || otherPublic[0] != 4)
        {
            throw new CryptographicException("not an uncompressed point of P-256");
        }

        using var other = ECDiffieHellman.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = otherPublic[1..33].ToArray(), Y = otherPublic[33..].ToArray() },
        });
        return own.DeriveRawSecretAgreement(other.PublicKey);
    }

    private static byte[] ExtractAndExpand(ReadOnlySpan<byte> shared, ReadOnlySpan<byte> encapsulated, ReadOnlySpan<byte> recipient)
    {
        var prk = Labels.Extract(SuiteId, [], "eae_prk"u8, shared);
        return Labels.Expand(SuiteId, prk, "shared_secret"u8, [.. encapsulated, .. recipient], SecretLength);
    }

    // The order of P-256 (FIPS 186-4, D.1.2.3).
    private static ReadOnlySpan<byte> Order =>
    [
        0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
}
