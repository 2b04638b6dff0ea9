using System.Buffers.Binary;

namespace Holdfast.Format.Objects;

/// <summary>How data is laid out before sealing.</summary>
public enum Codec : byte
{
    Stored = 0,
    Zstd = 1,
}

/// <summary>What is sealed: u32 length of data ‖ codec u8 ‖ data ‖ zeros, so that ciphertext and tag are a multiple of 4,096 bytes and lengths say little.</summary>
public static class PaddedPlaintext
{
    public const int PrefixLength = 5;
    public const int TagLength = 16;

    /// <summary>Length of ciphertext and tag for <paramref name="dataLength"/> bytes.</summary>
    public static int SealedLength(int dataLength) =>
        (PrefixLength + dataLength + TagLength + Limits.Alignment - 1) / Limits.Alignment * Limits.Alignment;

    /// <summary>Writes the prefix and the zeros around data that already lies at <see cref="PrefixLength"/> of <paramref name="plaintext"/>.</summary>
    public static void Frame(Span<byte> plaintext, int dataLength, Codec codec)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(plaintext, (uint)dataLength);
        plaintext[4] = (byte)codec;
        plaintext[(PrefixLength + dataLength)..].Clear();
    }

    /// <summary>The data in an opened plaintext, and its codec.</summary>
    public static (Range Data, Codec Codec) Parse(ReadOnlySpan<byte> plaintext)
    {
        var reader = new SpanReader(plaintext, "sealed plaintext");
        var length = reader.Count(Limits.SegmentLengthMax);
        var codec = (Codec)reader.Byte();
        reader.Bytes(length);
        reader.Zeros(reader.Remaining);
        if (codec is not (Codec.Stored or Codec.Zstd))
        {
            throw new MalformedObjectException("sealed plaintext", $"codec {(byte)codec} is unknown");
        }

        return (PrefixLength..(PrefixLength + length), codec);
    }
}
