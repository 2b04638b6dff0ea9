using System.Formats.Cbor;

namespace Holdfast.Format.Objects;

/// <summary>Deterministic CBOR (RFC 8949 §4.2): one encoding for one meaning; anything else is rejected.</summary>
internal static class Cbor
{
    // All keys are integers below 24, where the length-first order of "canonical" equals RFC 8949's bytewise order.
    private const CborConformanceMode Mode = CborConformanceMode.Canonical;

    public static CborWriter Writer() => new(Mode, convertIndefiniteLengthEncodings: true, allowMultipleRootLevelValues: false);

    /// <summary>Runs <paramref name="read"/> over the bytes, turning every complaint of the CBOR reader into a typed error; nothing may follow.</summary>
    public static T Read<T>(ReadOnlyMemory<byte> bytes, string what, Func<CborReader, T> read)
    {
        var reader = new CborReader(bytes, Mode);
        try
        {
            var value = read(reader);
            return reader.BytesRemaining == 0 ? value : throw new MalformedObjectException(what, "bytes follow its end");
        }
        catch (Exception exception) when (exception is CborContentException or InvalidOperationException or OverflowException)
        {
            throw new MalformedObjectException(what, exception.Message, exception);
        }
    }

    /// <summary>Reads the length of an array or map that may hold at most <paramref name="max"/> items.</summary>
    public static int Count(int? length, int max, string what) =>
        length is { } count && count <= max ? count : throw new MalformedObjectException(what, $"{length?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "unbounded"} items, at most {max} are allowed");

    /// <summary>A byte string of exactly <paramref name="length"/> bytes.</summary>
    public static byte[] Fixed(CborReader reader, int length, string what)
    {
        var bytes = reader.ReadByteString();
        return bytes.Length == length ? bytes : throw new MalformedObjectException(what, $"{length} bytes expected, {bytes.Length} found");
    }

    /// <summary>A byte string of at most <paramref name="max"/> bytes.</summary>
    public static byte[] Bounded(CborReader reader, int max, string what)
    {
        var bytes = reader.ReadByteString();
        return bytes.Length <= max ? bytes : throw new MalformedObjectException(what, $"{bytes.Length} bytes, at most {max} are allowed");
    }

    /// <summary>A text of at most <paramref name="max"/> UTF-16 units.</summary>
    public static string Text(CborReader reader, int max, string what)
    {
        var text = reader.ReadTextString();
        return text.Length <= max ? text : throw new MalformedObjectException(what, $"a text of {text.Length} characters, at most {max} are allowed");
    }
}
