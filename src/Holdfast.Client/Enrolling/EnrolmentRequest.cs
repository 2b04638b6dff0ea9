using System.Security.Cryptography;
using System.Text;
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
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    private static ReadOnlySpan<byte> Label => "holdfast enrolment v1\0"u8;

    public byte[] Encode() => [.. SigningKey, .. SealingKey];

    public static EnrolmentRequest? TryParse(byte[] bytes) => bytes.Length == 2 * Signatures.PublicKeyLength
        ? new EnrolmentRequest(bytes[..Signatures.PublicKeyLength], bytes[Signatures.PublicKeyLength..])
        : null;

    /// <summary>128 bits over account, root and both keys, as both screens show them: a server that swaps any of them makes the codes differ.</summary>
    public string CodeFor(AccountId account, ReadOnlySpan<byte> root)
    {
        var hash = SHA256.HashData([.. Label, .. account.ToArray(), .. root, .. SigningKey, .. SealingKey]).AsSpan(0, CodeLength);
        var text = new StringBuilder();
        for (var bit = 0; bit < CodeLength * 8; bit += 4)
        {
            if (bit > 0 && bit % 16 == 0)
            {
                text.Append('-');
            }

            text.Append(Alphabet[(hash[bit / 8] >> (4 - (bit % 8))) & 15]);
        }

        return text.ToString();
    }

    public static bool SameCode(string expected, string typed) => Normal(expected) == Normal(typed);

    /// <summary>Seals the group's number and secret to the waiting computer: enc 65 ‖ ciphertext.</summary>
    public byte[] Seal(GroupKeys group, AccountId account, uint computer)
    {
        byte[] secret = [.. BitConverter.GetBytes(group.Group), .. group.Secret];
        var (encapsulated, ciphertext) = HpkeSuite.Aes256.Seal(SealingKey, Info(account, computer), [], secret);
        return [.. encapsulated, .. ciphertext];
    }

    public static GroupKeys Open(byte[] approval, AccountId account, uint computer, ECDiffieHellman sealingKey) => AccountView.Verified(() =>
    {
        try
        {
            var secret = HpkeSuite.Aes256.Open(approval.AsSpan(0, Kem.PublicKeyLength), sealingKey, Info(account, computer), [], approval.AsSpan(Kem.PublicKeyLength));
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
