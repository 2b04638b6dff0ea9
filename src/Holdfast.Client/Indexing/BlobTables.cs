using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Indexing;

/// <summary>A blob of a pack, and the frame it was born in.</summary>
internal readonly record struct TableRow(Address Frame, BlobRow Row);

/// <summary>Reads what packs say of themselves: their blob tables are the truth, index segments only repeat them (format rule 8).</summary>
internal static class BlobTables
{
    /// <summary>The blobs that were born in pack <paramref name="pack"/>, wherever its frames lie now; a pack that is gone is a damaged_object.</summary>
    public static async Task<List<TableRow>> ReadAsync(ObjectSource source, uint pack, GroupKeys group, CancellationToken cancellation)
    {
        HoldfastException? damaged = null;
        foreach (var place in await source.PlacesAsync(pack, cancellation))
        {
            try
            {
                var tables = await source.ReadTablesAsync(place, cancellation);
                return [.. Open(tables, pack, group).Select(row => new TableRow(new Address(pack, row.Frame), row))];
            }
            catch (HoldfastException exception) when (Restoring.BlobReader.IsDamage(exception))
            {
                // Where its frames were moved to, the same table stands once more.
                damaged ??= exception;
            }
        }

        throw damaged!;
    }

    /// <summary>The blob table of the frames born in <paramref name="pack"/>: the pack's own, or the one in its origin record.</summary>
    public static List<BlobRow> Open(PackTables tables, uint pack, GroupKeys group)
    {
        var (header, table, frames) = tables.Header.Kind == 1
            ? (tables.Header, tables.SealedBlobTable, tables.FrameTable.Frames.Count)
            : tables.Origins.Where(origin => origin.Header.Number == pack).Select(origin => (origin.Header, origin.SealedBlobTable, origin.Frames.Frames.Count)).FirstOrDefault();
        if (header is null)
        {
            throw new HoldfastException(FailureTable.Tampered, $"Pack {tables.Header.Number}, which the service shows for pack {pack}, holds nothing of it.");
        }

        return AccountView.Verified(() => BlobTable.Parse(ObjectSealer.OpenPadded(
            group.IndexKey, new SealContext(header.Account, header.Group, SealedType.BlobTable, new Address(pack, Address.BlobTableSlot)), table.Span), frames));
    }

    /// <summary>An index over packs that no segment covers, made from their blob tables; null if there are none. It stands in for a segment that is lost.</summary>
    public static async Task<LocalSegment?> IndexAsync(
        ObjectSource source, IReadOnlyList<uint> packs, GroupKeys group, ComputerFolders folders, CancellationToken cancellation)
    {
        var rows = new List<TableRow>();
        await source.OpenAsync(packs, cancellation);
        foreach (var pack in packs)
        {
            try
            {
                rows.AddRange(await ReadAsync(source, pack, group, cancellation));
            }
            catch (HoldfastException exception) when (Restoring.BlobReader.IsDamage(exception))
            {
                // What cannot be found for that is named when it is needed.
            }
        }

        if (rows.Count == 0)
        {
            return null;
        }

        var frames = rows.Select(row => row.Frame).Distinct().Order().ToList();
        var ordinals = frames.Select((frame, ordinal) => (frame, ordinal)).ToDictionary(pair => pair.frame, pair => (uint)pair.ordinal);
        var entries = rows.Select(row => row.Row with { Frame = ordinals[row.Frame] }).Order().ToList();
        var path = Path.Combine(folders.Cache, "index", $"tables-{Guid.NewGuid():N}");
        LocalSegment.Write(path, new SegmentContent(packs, [.. frames.Select(frame => new DirectoryEntry(frame, 0, 0, 0))], entries));
        var index = LocalSegment.TryOpen(path, 0) ?? throw new IOException($"{path} cannot be read back");

        // Mapped already; nobody else has a use for it.
        File.Delete(path);
        return index;
    }
}
