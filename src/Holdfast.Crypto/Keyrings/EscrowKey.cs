using System.Security.Cryptography;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;

namespace Holdfast.Crypto.Keyrings;

/// <summary>The operator's key of managed accounts, whose owners agreed that it opens them. The service has its public half only; the file is kept elsewhere.</summary>
/// <remarks>The file is an encrypted PKCS#8 (RFC 5958; PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC), which openssl reads too.</remarks>
public sealed class EscrowKey : IDisposable
{
    private const int Rounds = 600_000;

    private EscrowKey(ECDiffieHellman pair) => (Pair, PublicKey) = (pair, Signatures.ExportPublic(pair));

    /// <summary>65 bytes.</summary>
    public byte[] PublicKey { get; }

    public string Fingerprint => EscrowFingerprint.Of(PublicKey);

    internal ECDiffieHellman Pair { get; }

    public static EscrowKey Create() => new(ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Reads a key's file.</summary>
    /// <exception cref="WrongSecretException">The passphrase is another, or the file is none.</exception>
    public static EscrowKey Read(string pem, string passphrase)
    {
        var pair = ECDiffieHellman.Create();
        try
        {
            pair.ImportFromEncryptedPem(pem, passphrase);
            return pair.KeySize == 256 ? new EscrowKey(pair) : throw new WrongSecretException();
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            pair.Dispose();
            throw new WrongSecretException();
        }
    }

    /// <summary>The key's file.</summary>
    public string Write(string passphrase) => Pair.ExportEncryptedPkcs8PrivateKeyPem(passphrase, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, Rounds));

    /// <summary>A key of 32 bytes for what its holder keeps, by HKDF-SHA256 (RFC 5869) from the private key.</summary>
    public byte[] Derive(string purpose, ReadOnlySpan<byte> subject)
    {
        var secret = Pair.ExportParameters(includePrivateParameters: true).D!;
        try
        {
            return DerivedKey.Of(HKDF.Extract(HashAlgorithmName.SHA256, secret, "holdfast escrow keeper v1"u8.ToArray()), purpose, subject.ToArray());
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    public void Dispose() => Pair.Dispose();

    /// <summary>Tells the slots of one escrow key from another's.</summary>
    internal static byte[] Commitment(ReadOnlySpan<byte> publicKey, AccountId account, byte[] parameters)
    {
        var prk = new byte[32];
        HKDF.Extract(HashAlgorithmName.SHA256, publicKey, "holdfast escrow v1"u8, prk);
        return DerivedKey.Of(prk, "slot commitment", [.. account.ToArray(), .. parameters]);
    }
}
