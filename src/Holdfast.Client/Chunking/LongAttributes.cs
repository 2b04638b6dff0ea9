using Holdfast.Client.Packing;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Chunking;

/// <summary>Moves attributes that are too long for an entry into a blob of their own.</summary>
internal static class LongAttributes
{
    public static async ValueTask<(TreeEntry Entry, uint? Frame)> StoreAsync(
        TreeEntry entry, FrameFiller filler, BackupProgress progress, string path, CancellationToken cancellation)
    {
        if (entry.Attributes.Count == 0)
        {
            return (entry, null);
        }

        var encoded = ExtendedAttributes.Encode(entry.Attributes);
        if (encoded.Length <= ExtendedAttributes.InlineLengthMax)
        {
            return (entry, null);
        }

        if (encoded.Length > Math.Min(Limits.AttributesLengthMax, FrameFiller.BlobLengthMax))
        {
            progress.Unreadable(path, $"its extended attributes have {encoded.Length} bytes, more than are kept; the rest of it is kept");
            return (entry with { Attributes = [] }, null);
        }

        var (id, frame) = await filler.StoreAsync(BlobType.Attributes, encoded, cancellation);
        return (entry with { Attributes = [], AttributesBlob = id }, frame);
    }
}
