using Holdfast.Format.Blobs;

namespace Holdfast.Format.Trees;

/// <summary>Where directories and chunk lists are cut into nodes: by content, so that an edit moves few cuts (format rule 13).</summary>
/// <remarks>The mark is keyed: of a name, the first eight bytes of HMAC-SHA256(id key, FF ‖ name); of a chunk, hole or child, those of its id.</remarks>
public static class NodeSplitting
{
    /// <summary>No cut before this many bytes of items.</summary>
    public const int LengthMin = 8 << 10;

    /// <summary>Always a cut before this many bytes; room is left for one more item and the array's head.</summary>
    public const int LengthMax = Limits.NodeLengthMax - 64;

    /// <summary>One item in this many ends a node.</summary>
    private const ulong Rate = 128;

    /// <summary>True if the node ends behind an item with this mark, once <paramref name="length"/> bytes are in it.</summary>
    public static bool EndsBehind(ulong mark, int length) => length >= LengthMin && mark % Rate == 0;

    /// <summary>True if the node must end before an item of <paramref name="itemLength"/> bytes.</summary>
    public static bool EndsBefore(int length, int itemLength) => length > 0 && length + itemLength > LengthMax;

    public static ulong MarkOf(BlobId id) => id.Prefix;
}
