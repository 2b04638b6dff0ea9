namespace Holdfast.Crypto.Keys;

/// <summary>Bytes as letters with a checksum (BIP 173), of any length, as age writes its keys.</summary>
internal static class Bech32
{
    private const string Letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    private const int ChecksumLength = 6;

    /// <summary>In lower case.</summary>
    public static string Encode(string prefix, ReadOnlySpan<byte> bytes)
    {
        var (values, held, bits) = (new List<int>(), 0, 0);
        foreach (var value in bytes)
        {
            (held, bits) = ((held << 8) | value, bits + 8);
            while (bits >= 5)
            {
                values.Add((held >> (bits - 5)) & 31);
                (held, bits) = (held & ((1 << (bits - 5)) - 1), bits - 5);
            }
        }

        if (bits > 0)
        {
            values.Add((held << (5 - bits)) & 31);
        }

        var sum = Checksum(prefix, values.Concat(Enumerable.Repeat(0, ChecksumLength))) ^ 1;
        values.AddRange(Enumerable.Range(0, ChecksumLength).Select(i => (int)(sum >> (5 * (ChecksumLength - 1 - i))) & 31));
        return $"{prefix}1{new string([.. values.Select(value => Letters[value])])}";
    }

    /// <summary>So many bytes; null if it is nothing of the kind, or has a wrong letter.</summary>
    public static byte[]? TryDecode(string prefix, string text, int length)
    {
        if (!text.StartsWith(prefix + "1", StringComparison.Ordinal) || text.Length != prefix.Length + 1 + ((length * 8) + 4) / 5 + ChecksumLength)
        {
            return null;
        }

        var values = text[(prefix.Length + 1)..].Select(letter => Letters.IndexOf(letter, StringComparison.Ordinal)).ToList();
        return !values.Contains(-1) && Checksum(prefix, values) == 1 ? TryRegroup(values[..^ChecksumLength], length) : null;
    }

    /// <summary>Bytes of groups of five bits; null unless the bits that are left over are zeros.</summary>
    private static byte[]? TryRegroup(List<int> groups, int length)
    {
        var (bytes, held, bits) = (new List<byte>(length), 0, 0);
        foreach (var group in groups)
        {
            (held, bits) = ((held << 5) | group, bits + 5);
            if (bits >= 8)
            {
                bytes.Add((byte)(held >> (bits - 8)));
                (held, bits) = (held & ((1 << (bits - 8)) - 1), bits - 8);
            }
        }

        return bytes.Count == length && held == 0 ? [.. bytes] : null;
    }

    private static uint Checksum(string prefix, IEnumerable<int> values)
    {
        ReadOnlySpan<uint> generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
        uint sum = 1;
        foreach (var value in prefix.Select(letter => letter >> 5).Append(0).Concat(prefix.Select(letter => letter & 31)).Concat(values))
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
