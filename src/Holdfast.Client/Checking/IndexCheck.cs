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
        var (matching, isWhole) = (0L, true);
        foreach (var pack in packs)
        {
            if (await TryReadAsync(pack, cancellation) is not { } rows)
            {
                // Gone with all its frames, or damaged: if a snapshot needs it, that is found there.
                isWhole = false;
                continue;
            }

            var unknown = 0;
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
        }

        if (isWhole && matching != segment.Count)
        {
            report(new Damage($"index segment {segment.Number}", $"{segment.Count - matching} of its entries are not what the blob tables of its packs say"));
        }
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
