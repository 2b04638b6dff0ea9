using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Uploading;

/// <summary>Takes in packs that an interrupted run left: their blobs are there, and are not sent again.</summary>
internal static class UnindexedPacks
{
    public static async Task TakeInAsync(
        IReadOnlyList<StoredObject> packs, ObjectSource source, Computer computer, BlobIndex index, FrameRegistry frames,
        IReadOnlySet<Address> dead, Uploader uploader, CancellationToken cancellation)
    {
        await source.OpenAsync(packs.Select(pack => pack.Number), cancellation);
        foreach (var pack in packs)
        {
            var place = (await source.PlacesAsync(pack.Number, cancellation))[0];
            var tables = await source.ReadTablesAsync(place, cancellation);
            var rows = AccountView.Verified(() => IndexCache.OpenBlobTable(
                computer.Account, tables.Header.Group, pack.Number, tables.SealedBlobTable.Span, tables.FrameTable.Frames.Count, computer.Group));
            foreach (var row in rows)
            {
                var frame = tables.FrameTable.Frames[(int)row.Frame].Origin;
                if (!dead.Contains(frame))
                {
                    index.AddUnlessPresent(row with { Frame = frames.Register(frame) });
                }
            }

            uploader.Add(pack.Number, tables.FrameTable.Frames);
        }
    }
}
