using System.Text;
using Holdfast.Crypto.Hpke;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;
using NSec.Cryptography;

namespace Holdfast.Crypto.Keyrings;

/// <summary>What a person types, stretched: Argon2id (RFC 9106) for a passphrase, nothing for a recovery key; then HKDF.</summary>
internal sealed class SlotSecret
{
    // Measured: 64 MiB and 4 passes on one lane take about an eighth of a second; see docs/decisions/0003-argon2-cost.md.
    public const int MemoryKibibytes = 64 * 1024;
    public const int Passes = 4;

    private SlotSecret(byte[] secret, AccountId account, byte[] parameters)
    {
        byte[] context = [.. account.ToArray(), .. parameters];
        Commitment = DerivedKey.Of(secret, "slot commitment", context);
        KeyMaterial = DerivedKey.Of(secret, "slot key", context);
    }

    /// <summary>Compared before the slot is opened: a wrong passphrase is told from a damaged slot, and a crafted slot opens under one passphrase only.</summary>
    public byte[] Commitment { get; }

    /// <summary>From which the slot's P-256 key pair is derived (RFC 9180 §7.1.3).</summary>
    public byte[] KeyMaterial { get; }

    public System.Security.Cryptography.ECDiffieHellman KeyPair() => Kem.DeriveKeyPair(KeyMaterial);

    public static SlotSecret Derive(Unlocking unlocking, AccountId account, KeyringSlot slot)
    {
        var secret = unlocking.Kind switch
        {
            SlotKind.Passphrase => Stretch(unlocking.Secret, slot),
            _ => unlocking.Secret,
        };
        return new SlotSecret(DerivedKey.Of(Extract(secret), "slot"), account, slot.EncodeParameters());
    }

    private static byte[] Stretch(byte[] passphrase, KeyringSlot slot)
    {
        var argon2 = PasswordBasedKeyDerivationAlgorithm.Argon2id(new Argon2Parameters
        {
            DegreeOfParallelism = slot.Lanes,
            MemorySize = slot.MemoryKibibytes,
            NumberOfPasses = slot.Passes,
        });
        return argon2.DeriveBytes(passphrase, slot.Salt.Span, 32);
    }

    private static byte[] Extract(byte[] secret)
    {
        var prk = new byte[32];
        System.Security.Cryptography.HKDF.Extract(System.Security.Cryptography.HashAlgorithmName.SHA256, secret, "holdfast slot v1"u8, prk);
        return prk;
    }
}

/// <summary>A passphrase or recovery key that a person gave.</summary>
public sealed record Unlocking(SlotKind Kind, byte[] Secret)
{
    /// <summary>Recognises a printed recovery key; anything else is a passphrase (normalised to Unicode form C, so that keyboards agree).</summary>
    public static Unlocking Of(string text) => RecoveryKey.TryParse(text) is { } secret
        ? new Unlocking(SlotKind.RecoveryKey, secret)
        : new Unlocking(SlotKind.Passphrase, Encoding.UTF8.GetBytes(text.IsNormalized(NormalizationForm.FormC) ? text : text.Normalize(NormalizationForm.FormC)));
}
