using System.Security.Cryptography;
using System.Text;

namespace Holdfast.Crypto.Keys;

/// <summary>HKDF-Expand (RFC 5869) under labels: one key for one purpose.</summary>
internal static class DerivedKey
{
    public const int Length = 32;

    public static byte[] Of(ReadOnlySpan<byte> parent, string label, ReadOnlySpan<byte> context = default)
    {
        var key = new byte[Length];
        HKDF.Expand(HashAlgorithmName.SHA256, parent, key, [.. "holdfast v1 "u8, .. Encoding.ASCII.GetBytes(label), 0, .. context]);
        return key;
    }
}
