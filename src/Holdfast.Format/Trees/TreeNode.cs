using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Trees;

/// <summary>A child of an index node of a directory: the first name below it, and its id.</summary>
public sealed record TreeChild(byte[] FirstName, BlobId Id);

/// <summary>A node of a directory: names at level 0, children above.</summary>
/// <remarks>CBOR array [level, item…]: items are entries (maps) at level 0, [first name, id] above. Names are sorted bytewise and unique.</remarks>
public sealed record TreeNode(int Level, IReadOnlyList<TreeEntry> Entries, IReadOnlyList<TreeChild> Children)
{
    private const string What = "tree node";

    public static TreeNode Decode(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > Limits.NodeLengthMax)
        {
            throw new MalformedObjectException(What, $"{bytes.Length} bytes, at most {Limits.NodeLengthMax} are allowed");
        }

        return Cbor.Read(bytes, What, reader =>
        {
            var count = Cbor.Count(reader.ReadStartArray(), Limits.NodeLengthMax, What) - 1;
            var level = reader.ReadInt32();
            if (count < 0 || level is < 0 or > Limits.LevelsMax || (level > 0 && count == 0))
            {
                throw new MalformedObjectException(What, "its level or count is out of range");
            }

            var entries = new List<TreeEntry>(level == 0 ? Math.Min(count, 1024) : 0);
            var children = new List<TreeChild>();
            byte[]? last = null;
            for (var i = 0; i < count; i++)
            {
                byte[] name;
                if (level == 0)
                {
                    var entry = TreeEntry.Read(reader);
                    entries.Add(entry);
                    name = entry.Name;
                }
                else
                {
                    Cbor.Count(reader.ReadStartArray(), 2, What);
                    name = Cbor.Bounded(reader, Limits.NameLengthMax, What);
                    children.Add(new TreeChild(name, new BlobId(Cbor.Fixed(reader, BlobId.Length, What))));
                    reader.ReadEndArray();
                }

                if (last is not null && last.AsSpan().SequenceCompareTo(name) >= 0)
                {
                    throw new MalformedObjectException(What, "names are not sorted, or doubled");
                }

                last = name;
            }

            reader.ReadEndArray();
            return new TreeNode(level, entries, children);
        });
    }

    /// <summary>Joins entries or children that are already encoded into a node.</summary>
    public static byte[] Encode(int level, IReadOnlyList<ReadOnlyMemory<byte>> encodedItems) => NodeEncoding.Join(level, encodedItems);

    public static byte[] EncodeChild(ReadOnlySpan<byte> firstName, BlobId id)
    {
        var writer = Cbor.Writer();
        writer.WriteStartArray(2);
        writer.WriteByteString(firstName);
        writer.WriteByteString(id.ToArray());
        writer.WriteEndArray();
        return writer.Encode();
    }
}
