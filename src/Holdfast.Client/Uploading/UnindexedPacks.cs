using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Protocol.Failures;
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
            if (await TryReadAsync(pack.Number, source, computer, cancellation) is not var (tables, rows))
            {
                continue;
            }

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

    /// <summary>A pack that cannot be read any more is as good as none: what it held is sent again.</summary>
    private static async Task<(PackTables Tables, List<BlobRow> Rows)?> TryReadAsync(uint number, ObjectSource source, Computer computer, CancellationToken cancellation)
    {
        try
        {
            var tables = await source.ReadTablesAsync((await source.PlacesAsync(number, cancellation))[0], cancellation);
            return (tables, BlobTables.Open(tables, number, computer.Group));
        }
        catch (HoldfastException exception) when (Restoring.BlobReader.IsDamage(exception))
        {
            return null;
        }
    }
}
