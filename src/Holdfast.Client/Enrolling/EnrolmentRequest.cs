using System.Security.Cryptography;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Hpke;
using Holdfast.Crypto.Keys;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Client.Enrolling;

/// <summary>The keys that a write-only computer asks to have certified: signing key 65 bytes ‖ sealing key 65 bytes.</summary>
internal sealed record EnrolmentRequest(byte[] SigningKey, byte[] SealingKey)
{
    private const int CodeLength = 16;

    private static ReadOnlySpan<byte> Label => "holdfast enrolment v1\0"u8;

    public byte[] Encode() => [.. SigningKey, .. SealingKey];

    public static EnrolmentRequest? TryParse(byte[] bytes) => bytes.Length == 2 * Signatures.PublicKeyLength
        ? new EnrolmentRequest(bytes[..Signatures.PublicKeyLength], bytes[Signatures.PublicKeyLength..])
        : null;

    /// <summary>128 bits over account, root and both keys, as both screens show them: a server that swaps any of them makes the codes differ.</summary>
    public string CodeFor(AccountId account, ReadOnlySpan<byte> root)
    {
        var hash = SHA256.HashData([.. Label, .. account.ToArray(), .. root, .. SigningKey, .. SealingKey]).AsSpan(0, CodeLength);
        return string.Join('-', Convert.ToHexString(hash).Chunk(4).Select(group => new string(group)));
    }

    public static bool SameCode(string expected, string typed) => Normal(expected) == Normal(typed);

    /// <summary>Seals the group's number and secret to the waiting computer, signed by the root: enc 65 ‖ ciphertext ‖ signature 64. Anybody can seal to a public key; only the root may choose the group.</summary>
    public byte[] Seal(GroupKeys group, AccountId account, uint computer, ECDsa root)
    {
        byte[] secret = [.. BitConverter.GetBytes(group.Group), .. group.Secret];
        var (encapsulated, ciphertext) = HpkeSuite.Aes256.Seal(SealingKey, Info(account, computer), [], secret);
        byte[] sealedKeys = [.. encapsulated, .. ciphertext];
        return [.. sealedKeys, .. Signatures.Sign(root, Info(account, computer), [.. Encode(), .. sealedKeys])];
    }

    /// <summary>Opens an approval that the root signed; anything else is tampering.</summary>
    public GroupKeys Open(byte[] approval, AccountId account, uint computer, ECDiffieHellman sealingKey, byte[] root) => AccountView.Verified(() =>
    {
        if (approval.Length <= Kem.PublicKeyLength + Signatures.Length
            || !Signatures.Verify(root, Info(account, computer), [.. Encode(), .. approval[..^Signatures.Length]], approval.AsSpan(approval.Length - Signatures.Length)))
        {
            throw new MalformedObjectException("approval", "the account's root did not sign it");
        }

        try
        {
            var secret = HpkeSuite.Aes256.Open(approval.AsSpan(0, Kem.PublicKeyLength), sealingKey, Info(account, computer), [], approval.AsSpan(Kem.PublicKeyLength..^Signatures.Length));
            return new GroupKeys(BitConverter.ToUInt32(secret), secret.AsSpan(4));
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new MalformedObjectException("approval", "it does not open", exception);
        }
    });

    private static byte[] Info(AccountId account, uint computer) => [.. Label, .. account.ToArray(), .. BitConverter.GetBytes(computer)];

    private static string Normal(string code) => code.Replace("-", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal).ToUpperInvariant();
}
