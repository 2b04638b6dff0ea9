using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Holdfast.Scenarios.Tests;

/// <summary>What an authenticator shows (RFC 6238).</summary>
internal static class Authenticator
{
    /// <summary>RFC 6238, written by itself: SHA-1, 30 seconds, six digits.</summary>
    public static string Code(string key, DateTimeOffset at)
    {
        var bits = string.Concat(key.Select(letter => Convert.ToString("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".IndexOf(letter, StringComparison.Ordinal), 2).PadLeft(5, '0')));
        var secret = Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(8 * i, 8), 2)).ToArray();
        var step = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(step, at.ToUnixTimeSeconds() / 30);
#pragma warning disable CA5350 // What authenticators compute.
        var hash = HMACSHA1.HashData(secret, step);
#pragma warning restore CA5350
        return $"{(BinaryPrimitives.ReadInt32BigEndian(hash.AsSpan(hash[^1] & 15)) & int.MaxValue) % 1_000_000:d6}";
    }
}
