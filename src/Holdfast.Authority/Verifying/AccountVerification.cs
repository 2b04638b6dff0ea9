using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Verifying;

/// <summary>
/// Proves that everything an account's snapshots need can be read: log, keyrings, heads, snapshots, map pages, and every frame. The pod reads each object whole,
/// compares every hash in it, and its signed receipt must name the checksum that the writer signed.
/// </summary>
/// <remarks>Pages go by their index, so that each pack is read once, however many snapshots share it, and memory holds the packs of one index: 1,024.</remarks>
internal sealed class AccountVerification(AccountStore store, PodClient pod, AccountPlace place, VerificationRun run)
{
    private const int ReadsAtOnce = 2;
    private const int SnapshotsNamedMax = 10;
    private const int RowsAtOnce = 1000;

    private readonly SnapshotMaps _maps = new(pod);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await CheckSmallObjectsAsync(cancellation);
        foreach (var index in await store.AskAsync(place, transaction => transaction.QueryAsync<long>(
            "SELECT DISTINCT page_index FROM snapshot_pages JOIN snapshots USING (account_id, head_id) WHERE account_id = @account AND state = 'live' ORDER BY page_index"), cancellation))
        {
            await CheckIndexAsync(index, cancellation);
        }
    }

    /// <summary>Statements, keyrings and heads, by their own bytes; snapshots by the checksum they carry.</summary>
    private async Task CheckSmallObjectsAsync(CancellationToken cancellation)
    {
        foreach (var (what, query) in new[]
        {
            ("statement", "SELECT sequence AS Key, statement AS Bytes FROM log WHERE account_id = @account AND on_pod = 1 AND sequence > @after ORDER BY sequence LIMIT @rows"),
            ("keyring", "SELECT keyring_version AS Key, keyring AS Bytes FROM keyrings WHERE account_id = @account AND on_pod = 1 AND keyring_version > @after ORDER BY keyring_version LIMIT @rows"),
            ("head", "SELECT (computer << 32) + sequence AS Key, head AS Bytes FROM snapshots WHERE account_id = @account AND on_pod = 1 AND (computer << 32) + sequence > @after ORDER BY computer, sequence LIMIT @rows"),
        })
        {
            await foreach (var row in PagesAsync<KeptRow>(query, row => row.Key, cancellation))
            {
                await CheckAsync(ObjectName.Of(ObjectHeader.Read(row.Bytes)), SHA256.HashData(row.Bytes), what, () => Task.FromResult<IReadOnlyList<string>>([]), cancellation);
            }
        }

        await foreach (var snapshot in PagesAsync<SnapshotRow>(
            """
            SELECT (s.computer << 32) + s.sequence AS Key, s.number, o.checksum FROM snapshots s LEFT JOIN objects o ON o.account_id = s.account_id AND o.number = s.number
            WHERE s.account_id = @account AND s.state = 'live' AND (s.computer << 32) + s.sequence > @after ORDER BY s.computer, s.sequence LIMIT @rows
            """, row => row.Key, cancellation))
        {
            await CheckAsync(Numbered(snapshot.Number), snapshot.Checksum, "snapshot", () => Task.FromResult<IReadOnlyList<string>>([Describe(snapshot.Key >> 32, snapshot.Key & uint.MaxValue)]), cancellation);
            run.Snapshot();
        }
    }

    /// <summary>All pages of one index, then the packs they need. For each pack a few of the pages that need it are remembered, to say later which snapshots they are of.</summary>
    private async Task CheckIndexAsync(long index, CancellationToken cancellation)
    {
        var frames = new ReferenceMap();
        var pagesOf = new Dictionary<uint, List<long>>();
        await foreach (var page in PagesAsync<PageRow>(
            """
            SELECT DISTINCT page_number AS Key, page_index AS PageIndex, page_hash AS PageHash FROM snapshot_pages JOIN snapshots USING (account_id, head_id)
            WHERE account_id = @account AND state = 'live' AND page_index = @index AND page_number > @after ORDER BY page_number LIMIT @rows
            """, row => row.Key, cancellation, index))
        {
            if (await TryReadPageAsync(page, cancellation) is not { } map)
            {
                continue;
            }

            foreach (var pack in map.Packs)
            {
                foreach (var frame in map.FramesOf(pack))
                {
                    frames.Add(frame);
                }

                if (!pagesOf.TryGetValue(pack, out var pages))
                {
                    pagesOf[pack] = pages = [];
                }

                if (pages.Count < SnapshotsNamedMax)
                {
                    pages.Add(page.Key);
                }
            }
        }

        var needs = new SortedDictionary<long, List<long>>();
        foreach (var pack in frames.Packs)
        {
            foreach (var holder in await HoldersOfAsync(frames, pack, pagesOf[pack], cancellation))
            {
                needs.TryAdd(holder, pagesOf[pack]);
            }
        }

        await Parallel.ForEachAsync(needs, new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancellation }, async (need, token) =>
            await CheckAsync(Numbered(need.Key), await ChecksumOfAsync(need.Key, token), "pack", () => SnapshotsWithAsync(need.Value, token), token));
    }

    /// <summary>Rows a page at a time, by a key that rises.</summary>
    private async IAsyncEnumerable<T> PagesAsync<T>(string query, Func<T, long> key, [EnumeratorCancellation] CancellationToken cancellation, long index = 0)
    {
        for (var after = -1L; ;)
        {
            var rows = await store.AskAsync(place, transaction => transaction.QueryAsync<T>(query, new { after, rows = RowsAtOnce, index }), cancellation);
            foreach (var row in rows)
            {
                yield return row;
            }

            if (rows.Count < RowsAtOnce)
            {
                yield break;
            }

            after = key(rows[^1]);
        }
    }

    private async Task<ReferenceMap?> TryReadPageAsync(PageRow page, CancellationToken cancellation)
    {
        try
        {
            var map = new ReferenceMap();
            map.Add(await _maps.ReadPageAsync(place.Account, new MapPageReference((uint)page.PageIndex, (uint)page.Key, page.PageHash), cancellation));
            run.Read(0);
            return map;
        }
        catch (HoldfastException exception) when (exception.IsOfOneObject())
        {
            run.Damage(new VerificationDamage(place.Name, $"map page {page.Key}", exception.Message, await SnapshotsWithAsync([page.Key], cancellation)));
            return null;
        }
    }

    /// <summary>The packs that hold a pack's frames now; frames that no pack holds are damage.</summary>
    private async Task<IEnumerable<long>> HoldersOfAsync(ReferenceMap map, uint pack, IReadOnlyList<long> pages, CancellationToken cancellation)
    {
        var (held, forwards) = await store.ReadAsync(place, async transaction => (
            await transaction.FindAsync<long?>("SELECT frames FROM objects WHERE account_id = @account AND number = @pack AND type = 1 AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')", new { pack }),
            (await transaction.QueryAsync<(long Slot, long Number)>("SELECT origin_slot, number FROM forwards WHERE account_id = @account AND origin_number = @pack AND deleted = 0", new { pack }))
                .ToDictionary(row => (uint)row.Slot, row => row.Number)), cancellation);
        var own = map.FramesOf(pack).Where(frame => !forwards.ContainsKey(frame.Slot)).ToList();
        var lacking = own.Count(frame => held is null || frame.Slot >= held);
        if (lacking > 0)
        {
            run.Damage(new VerificationDamage(place.Name, $"pack {pack}", $"{lacking} frames are stored nowhere", await SnapshotsWithAsync(pages, cancellation)));
        }

        return forwards.Where(moved => map.Contains(new Address(pack, moved.Key))).Select(moved => moved.Value).Distinct().Concat(own.Count > lacking ? [(long)pack] : []);
    }

    private async Task CheckAsync(ObjectName name, byte[]? checksum, string what, Func<Task<IReadOnlyList<string>>> snapshots, CancellationToken cancellation)
    {
        var trouble = "it is not there";
        try
        {
            if (await pod.StatAsync(name, cancellation) is { } bytes)
            {
                var receipt = pod.Verify(bytes);
                run.Read(receipt.Length);
                trouble = checksum is not null && receipt.Checksum.Span.SequenceEqual(checksum) ? null : "it is another object than the one that was stored";
            }
        }
        catch (HoldfastException exception) when (exception.IsOfOneObject())
        {
            trouble = exception.Message;
        }

        if (trouble is not null)
        {
            run.Damage(new VerificationDamage(place.Name, $"{what} {name.Number}", trouble, await snapshots()));
        }
    }

    private Task<byte[]?> ChecksumOfAsync(long number, CancellationToken cancellation) =>
        store.AskAsync(place, transaction => transaction.FindAsync<byte[]>("SELECT checksum FROM objects WHERE account_id = @account AND number = @number", new { number }), cancellation);

    private Task<IReadOnlyList<string>> SnapshotsWithAsync(IEnumerable<long> pages, CancellationToken cancellation) => store.ReadAsync<IReadOnlyList<string>>(place, async transaction =>
    {
        var found = new HashSet<(long Computer, long Sequence)>();
        foreach (var page in pages)
        {
            found.UnionWith(await transaction.QueryAsync<(long Computer, long Sequence)>(
                $"SELECT computer, sequence FROM snapshots JOIN snapshot_pages USING (account_id, head_id) WHERE account_id = @account AND state = 'live' AND page_number = @page ORDER BY computer, sequence LIMIT {SnapshotsNamedMax}",
                new { page }));
        }

        return [.. found.Take(SnapshotsNamedMax).Select(row => Describe(row.Computer, row.Sequence))];
    }, cancellation);

    private static string Describe(long computer, long sequence) => $"computer {computer} snapshot {sequence}";

    private ObjectName Numbered(long number) => new(place.Account, ObjectSpace.Numbered, (ulong)number);

    private sealed record KeptRow
    {
        public long Key { get; init; }

        public byte[] Bytes { get; init; } = [];
    }

    private sealed record SnapshotRow
    {
        public long Key { get; init; }

        public long Number { get; init; }

        public byte[]? Checksum { get; init; }
    }

    private sealed record PageRow
    {
        public long Key { get; init; }

        public long PageIndex { get; init; }

        public byte[] PageHash { get; init; } = [];
    }
}
