using NSec.Cryptography;

namespace Holdfast.Crypto.Keys;

/// <summary>A secret key of age, drawn for one archive: <c>AGE-SECRET-KEY-1…</c>, and its public half. Whoever has the text opens what was encrypted to it.</summary>
public sealed record AgeIdentity(string Text, AgeRecipient Recipient)
{
    private const string Prefix = "age-secret-key-";
    private const int KeyLength = 32;

    public static AgeIdentity Create(RandomSource random)
    {
        var secret = random(KeyLength);
        using var key = Key.Import(KeyAgreementAlgorithm.X25519, secret, KeyBlobFormat.RawPrivateKey);
        return new AgeIdentity(Bech32.Encode(Prefix, secret).ToUpperInvariant(), AgeRecipient.Of(key.PublicKey));
    }
}
