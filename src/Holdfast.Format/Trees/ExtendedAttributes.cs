using System.Formats.Cbor;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Trees;

/// <summary>Attributes as CBOR: an array of [name, value], sorted by name; in the entry if short, in a blob of their own if not.</summary>
public static class ExtendedAttributes
{
    /// <summary>Encoded bytes that may stand in an entry.</summary>
    public const int InlineLengthMax = 4096;

    private const string What = "extended attributes";

    public static byte[] Encode(IReadOnlyList<ExtendedAttribute> attributes)
    {
        var writer = Cbor.Writer();
        Write(writer, attributes);
        return writer.Encode();
    }

    public static List<ExtendedAttribute> Decode(ReadOnlyMemory<byte> bytes) =>
        bytes.Length <= Limits.AttributesLengthMax
            ? Cbor.Read(bytes, What, Read)
            : throw new MalformedObjectException(What, "too long");

    internal static void Write(CborWriter writer, IReadOnlyList<ExtendedAttribute> attributes)
    {
        writer.WriteStartArray(attributes.Count);
        foreach (var attribute in attributes)
        {
            writer.WriteStartArray(2);
            writer.WriteByteString(attribute.Name);
            writer.WriteByteString(attribute.Value);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
    }

    internal static List<ExtendedAttribute> Read(CborReader reader)
    {
        var count = Cbor.Count(reader.ReadStartArray(), 65536, What);
        var attributes = new List<ExtendedAttribute>(Math.Min(count, 64));
        for (var i = 0; i < count; i++)
        {
            Cbor.Count(reader.ReadStartArray(), 2, What);
            var attribute = new ExtendedAttribute(Cbor.Bounded(reader, 255, What), Cbor.Bounded(reader, 65536, What));
            reader.ReadEndArray();
            if (attribute.Name.Length == 0 || attribute.Name.Contains((byte)0)
                || (i > 0 && attributes[^1].Name.AsSpan().SequenceCompareTo(attribute.Name) >= 0))
            {
                throw new MalformedObjectException(What, "names are empty, unsorted or doubled");
            }

            attributes.Add(attribute);
        }

        reader.ReadEndArray();
        return attributes;
    }
}
