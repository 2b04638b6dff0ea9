using System.Buffers.Text;
using System.Security.Cryptography;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Devices;

/// <summary>Operators' tokens and enrolment codes: drawn here, kept only as SHA-256.</summary>
internal static class Tokens
{
    private const string OperatorPrefix = "hfo_";
    private const int SecretLength = 24;
    private const string CodeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

    public static string DrawOperator() => OperatorPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength));

    /// <summary>80 bits in four groups of four, easy to read aloud.</summary>
    public static string DrawCode() => string.Join('-', Enumerable.Range(0, 4).Select(_ => RandomNumberGenerator.GetString(CodeAlphabet, 4)));

    public static byte[] HashOfAttempt(byte[] attempt) => SHA256.HashData(attempt);

    public static byte[] HashOfCode(string code) => DeviceToken.HashOf(code.ToUpperInvariant().Replace("-", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal));
}
