using System.Security.Cryptography;

namespace Holdfast.Format.Keyrings;

/// <summary>What people compare an operator's escrow key by: the first 16 bytes of SHA-256("holdfast escrow v1\0" ‖ public key), as eight groups of four hexadecimal digits.</summary>
public static class EscrowFingerprint
{
    public static string Of(ReadOnlySpan<byte> publicKey) =>
        string.Join('-', Convert.ToHexStringLower(SHA256.HashData([.. "holdfast escrow v1\0"u8, .. publicKey]).AsSpan(0, 16)).Chunk(4).Select(group => new string(group)));
}
