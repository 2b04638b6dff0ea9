using NSec.Cryptography;

namespace Holdfast.Crypto.Keys;

/// <summary>A public key of age (age-encryption.org/v1): X25519 (RFC 7748), written in Bech32 (BIP 173) as <c>age1…</c>.</summary>
public sealed class AgeRecipient
{
    private const string Prefix = "age";
    private const int KeyLength = 32;

    private AgeRecipient(string text, PublicKey key) => (Text, Key) = (text, key);

    /// <summary>As people write it.</summary>
    public string Text { get; }

    internal PublicKey Key { get; }

    /// <summary>Reads one; null if it is none, or has a wrong letter.</summary>
    public static AgeRecipient? TryParse(string text) => Bech32.TryDecode(Prefix, text.Trim(), KeyLength) is { } bytes && PublicKey.TryImport(KeyAgreementAlgorithm.X25519, bytes, KeyBlobFormat.RawPublicKey, out var key)
        ? new AgeRecipient(text.Trim(), key!) : null;

    internal static AgeRecipient Of(PublicKey key) => new(Bech32.Encode(Prefix, key.Export(KeyBlobFormat.RawPublicKey)), key);
}
