using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Devices;

/// <summary>Bearer tokens and enrolment codes: drawn here, kept only as SHA-256. A token names its account, so that its store is found without a search.</summary>
internal static class Tokens
{
    private const string DevicePrefix = "hfd_";
    private const string OperatorPrefix = "hfo_";
    private const int SecretLength = 24;
    private const string CodeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

    public static string DrawDevice(AccountId account, uint computer) =>
        DevicePrefix + Base64Url.EncodeToString([.. account.ToArray(), .. BitConverter.GetBytes(computer), .. RandomNumberGenerator.GetBytes(SecretLength)]);

    public static string DrawOperator() => OperatorPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength));

    /// <summary>80 bits in four groups of four, easy to read aloud.</summary>
    public static string DrawCode() => string.Join('-', Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetString(CodeAlphabet, 4)));

    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token.Trim()));

    public static byte[] HashOfAttempt(byte[] attempt) => SHA256.HashData(attempt);

    public static byte[] HashOfCode(string code) => HashOf(code.ToUpperInvariant().Replace("-", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal));

    /// <summary>Which computer a token claims to be of; whether it is, the hash decides.</summary>
    public static (AccountId Account, uint Computer)? TryRead(string token)
    {
        var bytes = new byte[64];
        if (!token.StartsWith(DevicePrefix, StringComparison.Ordinal) || token.Length > 80
            || Base64Url.DecodeFromChars(token.AsSpan(DevicePrefix.Length), bytes, out _, out var length) != System.Buffers.OperationStatus.Done
            || length != AccountId.Length + 4 + SecretLength)
        {
            return null;
        }

        return (new AccountId(bytes.AsSpan(0, AccountId.Length)), BitConverter.ToUInt32(bytes, AccountId.Length));
    }
}
