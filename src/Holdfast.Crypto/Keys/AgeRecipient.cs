using NSec.Cryptography;

namespace Holdfast.Crypto.Keys;

/// <summary>A public key of age (age-encryption.org/v1): X25519 (RFC 7748), written in Bech32 (BIP 173) as <c>age1…</c>.</summary>
public sealed class AgeRecipient
{
    private const string Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    private const string Prefix = "age";
    private const int KeyLength = 32;
    private const int ChecksumLength = 6;

    private AgeRecipient(string text, PublicKey key) => (Text, Key) = (text, key);

    /// <summary>As people write it.</summary>
    public string Text { get; }

    internal PublicKey Key { get; }

    /// <summary>Reads one; null if it is none, or has a wrong letter.</summary>
    public static AgeRecipient? TryParse(string text)
    {
        var low = text.Trim();
        if (!low.StartsWith(Prefix + "1", StringComparison.Ordinal) || low.Length != Prefix.Length + 1 + ((KeyLength * 8) + 4) / 5 + ChecksumLength)
        {
            return null;
        }

        var values = low[(Prefix.Length + 1)..].Select(letter => Letters.IndexOf(letter, StringComparison.Ordinal)).ToList();
        return !values.Contains(-1) && Checksum(values) == 1 && TryRegroup(values[..^ChecksumLength]) is { } bytes && PublicKey.TryImport(KeyAgreementAlgorithm.X25519, bytes, KeyBlobFormat.RawPublicKey, out var key)
            ? new AgeRecipient(low, key!) : null;
    }

    /// <summary>Bytes of groups of five bits; null unless the bits that are left over are zeros.</summary>
    private static byte[]? TryRegroup(List<int> groups)
    {
        var (bytes, held, bits) = (new List<byte>(KeyLength), 0, 0);
        foreach (var group in groups)
        {
            (held, bits) = ((held << 5) | group, bits + 5);
            if (bits >= 8)
            {
                bytes.Add((byte)(held >> (bits - 8)));
                (held, bits) = (held & ((1 << (bits - 8)) - 1), bits - 8);
            }
        }

        return bytes.Count == KeyLength && held == 0 ? [.. bytes] : null;
    }

    private static uint Checksum(IEnumerable<int> values)
    {
        ReadOnlySpan<uint> generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
        uint sum = 1;
        foreach (var value in Prefix.Select(letter => letter >> 5).Append(0).Concat(Prefix.Select(letter => letter & 31)).Concat(values))
        {
            var top = sum >> 25;
            sum = ((sum & 0x1FFFFFF) << 5) ^ (uint)value;
            for (var bit = 0; bit < 5; bit++)
            {
                sum ^= ((top >> bit) & 1) == 1 ? generator[bit] : 0;
            }
        }

        return sum;
    }
}
