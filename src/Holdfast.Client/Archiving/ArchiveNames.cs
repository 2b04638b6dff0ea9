using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace Holdfast.Client.Archiving;

/// <summary>Names for formats that hold text only.</summary>
internal static class ArchiveNames
{
    private static readonly UTF8Encoding _strict = new(false, throwOnInvalidBytes: true);

    /// <summary>The path as UTF-8 in which no name says anything to a reader: bytes that are no UTF-8, backslashes and control characters become %XX, and such a name gets a mark of its own, so that it stays apart from every other.</summary>
    /// <returns>The path, and whether it is the one that was given.</returns>
    public static (byte[] Path, bool IsSame) ForText(byte[] path)
    {
        if (IsText(path))
        {
            return (path, true);
        }

        var names = new List<string>();
        foreach (var range in path.AsSpan().Split((byte)'/'))
        {
            var name = path.AsSpan()[range];
            names.Add(IsText(name) ? Encoding.UTF8.GetString(name) : Escaped(name));
        }

        return (Encoding.UTF8.GetBytes(string.Join('/', names)), false);
    }

    private static string Escaped(ReadOnlySpan<byte> name)
    {
        var text = new StringBuilder();
        for (var rest = name; rest.Length > 0;)
        {
            var status = Rune.DecodeFromUtf8(rest, out var rune, out var length);
            if (status == System.Buffers.OperationStatus.Done && !IsForbidden(rune.Value))
            {
                text.Append(rune.ToString());
            }
            else
            {
                foreach (var odd in rest[..length])
                {
                    text.Append(CultureInfo.InvariantCulture, $"%{odd:X2}");
                }
            }

            rest = rest[length..];
        }

        return text.Append(CultureInfo.InvariantCulture, $"~{XxHash32.HashToUInt32(name):x8}").ToString();
    }

    private static bool IsText(ReadOnlySpan<byte> name)
    {
        foreach (var value in name)
        {
            if (IsForbidden(value))
            {
                return false;
            }
        }

        try
        {
            _ = _strict.GetCharCount(name);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    private static bool IsForbidden(int value) => value is < 0x20 or 0x7F or '\\';
}
