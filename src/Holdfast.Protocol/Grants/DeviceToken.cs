using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>A computer's bearer token: it names its account, so that its store is found without a search, and a secret of which the service keeps the SHA-256.</summary>
public static class DeviceToken
{
    private const string Prefix = "hfd_";
    private const int SecretLength = 24;

    /// <summary>A new token; its 24 secret bytes come from <paramref name="random"/>.</summary>
    public static string Draw(AccountId account, uint computer, Func<int, byte[]> random) =>
        Prefix + Base64Url.EncodeToString([.. account.ToArray(), .. BitConverter.GetBytes(computer), .. random(SecretLength)]);

    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token.Trim()));

    /// <summary>Which computer a token claims to be of; whether it is, the hash decides.</summary>
    public static (AccountId Account, uint Computer)? TryRead(string token)
    {
        var bytes = new byte[64];
        if (!token.StartsWith(Prefix, StringComparison.Ordinal) || token.Length > 80
            || Base64Url.DecodeFromChars(token.AsSpan(Prefix.Length), bytes, out _, out var length) != System.Buffers.OperationStatus.Done
            || length != AccountId.Length + 4 + SecretLength)
        {
            return null;
        }

        return (new AccountId(bytes.AsSpan(0, AccountId.Length)), BitConverter.ToUInt32(bytes, AccountId.Length));
    }
}
