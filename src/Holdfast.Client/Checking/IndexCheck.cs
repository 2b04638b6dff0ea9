using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Client.Restoring;
using Holdfast.Crypto.Keys;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Checking;

/// <summary>Compares index segments with the blob tables of the packs they cover: the tables are the truth (format rule 8).</summary>
internal sealed class IndexCheck(ObjectSource source, IReadOnlyList<LocalSegment> segments, GroupKeys group, Action<Damage> report)
{
    public async Task RunAsync(CancellationToken cancellation)
    {
        foreach (var segment in segments)
        {
            await CheckAsync(segment, cancellation);
        }
    }

    private async Task CheckAsync(LocalSegment segment, CancellationToken cancellation)
    {
        var packs = segment.PacksCovered();
        await source.OpenAsync(packs, cancellation);
        var entries = CountByPack(segment);
        foreach (var pack in packs)
        {
            if (await TryReadAsync(pack, cancellation) is not { } rows)
            {
                // Gone with all its frames, or damaged: if a snapshot needs it, that is found there.
                entries.Remove(pack);
                continue;
            }

            var (matching, unknown) = (0, 0);
            foreach (var row in rows)
            {
                if (segment.Contains(row))
                {
                    matching++;
                }
                else if (!segments.Any(other => other.Contains(row.Row.Id)))
                {
                    unknown++;
                }
            }

            if (unknown > 0)
            {
                report(new Damage($"index segment {segment.Number}", $"{unknown} blobs of pack {pack} are in no index"));
            }

            if (entries.Remove(pack, out var count) && count != matching)
            {
                report(new Damage($"index segment {segment.Number}", $"{count - matching} of its entries for pack {pack} are not what the pack's blob table says"));
            }
        }

        foreach (var (pack, count) in entries)
        {
            report(new Damage($"index segment {segment.Number}", $"{count} of its entries are for pack {pack}, which it does not cover"));
        }
    }

    private static Dictionary<uint, int> CountByPack(LocalSegment segment)
    {
        var counts = new Dictionary<uint, int>();
        for (var i = 0; i < segment.Count; i++)
        {
            var pack = segment.Frame(segment.Entry(i).Frame).Address.Number;
            counts[pack] = counts.GetValueOrDefault(pack) + 1;
        }

        return counts;
    }

    private async Task<List<TableRow>?> TryReadAsync(uint pack, CancellationToken cancellation)
    {
        try
        {
            return await BlobTables.ReadAsync(source, pack, group, cancellation);
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            return null;
        }
    }
}
