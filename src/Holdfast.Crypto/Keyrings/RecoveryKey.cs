using System.Security.Cryptography;
using System.Text;
using Holdfast.Crypto.Keys;

namespace Holdfast.Crypto.Keyrings;

/// <summary>A printed key: 160 random bits and a 40-bit checksum in Crockford's base 32, in eight groups of five.</summary>
public static class RecoveryKey
{
    public const int SecretLength = 20;
    private const int ChecksumLength = 5;
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    public static string Create(RandomSource random)
    {
        var secret = random(SecretLength);
        return Format([.. secret, .. Checksum(secret)]);
    }

    /// <summary>The secret, or null if the text is no recovery key or was mistyped. Case, dashes and spaces do not matter; O is 0, I and L are 1.</summary>
    public static byte[]? TryParse(string text)
    {
        var bytes = new byte[SecretLength + ChecksumLength];
        var bits = 0;
        foreach (var character in text.ToUpperInvariant())
        {
            if (character is '-' or ' ')
            {
                continue;
            }

            var value = Alphabet.IndexOf(character switch { 'O' => '0', 'I' or 'L' => '1', _ => character }, StringComparison.Ordinal);
            if (value < 0 || bits >= bytes.Length * 8)
            {
                return null;
            }

            for (var bit = 4; bit >= 0; bit--, bits++)
            {
                bytes[bits / 8] |= (byte)(((value >> bit) & 1) << (7 - (bits % 8)));
            }
        }

        return bits == bytes.Length * 8 && bytes.AsSpan(SecretLength).SequenceEqual(Checksum(bytes[..SecretLength])) ? bytes[..SecretLength] : null;
    }

    private static byte[] Checksum(byte[] secret) => SHA256.HashData([.. "holdfast recovery key v1"u8, .. secret])[..ChecksumLength];

    private static string Format(byte[] bytes)
    {
        var text = new StringBuilder();
        for (var i = 0; i < bytes.Length * 8; i += 5)
        {
            var value = 0;
            for (var bit = i; bit < i + 5; bit++)
            {
                value = (value << 1) | ((bytes[bit / 8] >> (7 - (bit % 8))) & 1);
            }

            if (i > 0 && i % 25 == 0)
            {
                text.Append('-');
            }

            text.Append(Alphabet[value]);
        }

        return text.ToString();
    }
}
