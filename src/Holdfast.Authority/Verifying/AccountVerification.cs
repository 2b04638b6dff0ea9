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

    private readonly SnapshotMaps _maps = new(pod);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await CheckSmallObjectsAsync(cancellation);
        foreach (var index in store.Read(place.Account, transaction => transaction.Query<long>(
            "SELECT DISTINCT page_index FROM snapshot_pages JOIN snapshots USING (account_id, head_id) WHERE account_id = @account AND state = 'live' ORDER BY page_index")))
        {
            await CheckIndexAsync(index, cancellation);
        }
    }

    /// <summary>Statements, keyrings and heads, by their own bytes; snapshots by the checksum they carry.</summary>
    private async Task CheckSmallObjectsAsync(CancellationToken cancellation)
    {
        foreach (var (space, rows) in store.Read(place.Account, transaction => new[]
        {
            (ObjectSpace.Log, transaction.Query<byte[]>("SELECT statement FROM log WHERE account_id = @account AND on_pod = 1")),
            (ObjectSpace.Keyrings, transaction.Query<byte[]>("SELECT keyring FROM keyrings WHERE account_id = @account AND on_pod = 1")),
            (ObjectSpace.Heads, transaction.Query<byte[]>("SELECT head FROM snapshots WHERE account_id = @account AND on_pod = 1")),
        }))
        {
            foreach (var bytes in rows)
            {
                await CheckAsync(ObjectName.Of(ObjectHeader.Read(bytes)), SHA256.HashData(bytes), $"{space.ToString().ToLowerInvariant()}", [], cancellation);
            }
        }

        foreach (var snapshot in store.Read(place.Account, transaction => transaction.Query<SnapshotRow>(
            """
            SELECT s.computer, s.sequence, s.number, o.checksum FROM snapshots s LEFT JOIN objects o ON o.account_id = s.account_id AND o.number = s.number
            WHERE s.account_id = @account AND s.state = 'live' ORDER BY s.computer, s.sequence
            """)))
        {
            await CheckAsync(Numbered(snapshot.Number), snapshot.Checksum, "snapshot", [Describe(snapshot.Computer, snapshot.Sequence)], cancellation);
            run.Snapshot();
        }
    }

    /// <summary>All pages of one index, then the packs they need.</summary>
    private async Task CheckIndexAsync(long index, CancellationToken cancellation)
    {
        var pages = store.Read(place.Account, transaction => transaction.Query<PageRow>(
            """
            SELECT DISTINCT page_index AS PageIndex, page_number AS PageNumber, page_hash AS PageHash FROM snapshot_pages JOIN snapshots USING (account_id, head_id)
            WHERE account_id = @account AND state = 'live' AND page_index = @index
            """, new { index }));
        var needs = new SortedDictionary<long, HashSet<long>>();
        foreach (var page in pages)
        {
            if (await TryReadPageAsync(page, cancellation) is not { } map)
            {
                continue;
            }

            foreach (var pack in map.Packs)
            {
                foreach (var holder in HoldersOf(map, pack, page.PageNumber))
                {
                    (needs.TryGetValue(holder, out var by) ? by : needs[holder] = []).Add(page.PageNumber);
                }
            }
        }

        await Parallel.ForEachAsync(needs, new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancellation }, async (need, token) =>
            await CheckAsync(Numbered(need.Key), ChecksumOf(need.Key), "pack", SnapshotsWith(need.Value), token));
    }

    private async Task<ReferenceMap?> TryReadPageAsync(PageRow page, CancellationToken cancellation)
    {
        try
        {
            var map = new ReferenceMap();
            map.Add(await _maps.ReadPageAsync(place.Account, new MapPageReference((uint)page.PageIndex, (uint)page.PageNumber, page.PageHash), cancellation));
            run.Read(0);
            return map;
        }
        catch (HoldfastException exception) when (exception.Kind != FailureTable.PodUnavailable)
        {
            run.Damage(new VerificationDamage(place.Name, $"map page {page.PageNumber}", exception.Message, SnapshotsWith([page.PageNumber])));
            return null;
        }
    }

    /// <summary>The packs that hold a pack's frames now; frames that no pack holds are damage.</summary>
    private IEnumerable<long> HoldersOf(ReferenceMap map, uint pack, long page)
    {
        var (held, forwards) = store.Read(place.Account, transaction => (
            transaction.Find<long?>("SELECT frames FROM objects WHERE account_id = @account AND number = @pack AND type = 1 AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')", new { pack }),
            transaction.Query<(long Slot, long Number)>("SELECT origin_slot, number FROM forwards WHERE account_id = @account AND origin_number = @pack AND deleted = 0", new { pack })
                .ToDictionary(row => (uint)row.Slot, row => row.Number)));
        var own = map.FramesOf(pack).Where(frame => !forwards.ContainsKey(frame.Slot)).ToList();
        var lacking = own.Count(frame => held is null || frame.Slot >= held);
        if (lacking > 0)
        {
            run.Damage(new VerificationDamage(place.Name, $"pack {pack}", $"{lacking} frames are stored nowhere", SnapshotsWith([page])));
        }

        return forwards.Where(moved => map.Contains(new Address(pack, moved.Key))).Select(moved => moved.Value).Distinct().Concat(own.Count > lacking ? [(long)pack] : []);
    }

    private async Task CheckAsync(ObjectName name, byte[]? checksum, string what, IReadOnlyList<string> snapshots, CancellationToken cancellation)
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
        catch (HoldfastException exception) when (exception.Kind != FailureTable.PodUnavailable)
        {
            trouble = exception.Message;
        }

        if (trouble is not null)
        {
            run.Damage(new VerificationDamage(place.Name, $"{what} {name.Number}", trouble, snapshots));
        }
    }

    private byte[]? ChecksumOf(long number) =>
        store.Read(place.Account, transaction => transaction.Find<byte[]>("SELECT checksum FROM objects WHERE account_id = @account AND number = @number", new { number }));

    private IReadOnlyList<string> SnapshotsWith(IEnumerable<long> pages) => store.Read(place.Account, transaction => pages.SelectMany(page => transaction.Query<(long Computer, long Sequence)>(
        $"SELECT computer, sequence FROM snapshots JOIN snapshot_pages USING (account_id, head_id) WHERE account_id = @account AND state = 'live' AND page_number = @page ORDER BY computer, sequence LIMIT {SnapshotsNamedMax}",
        new { page })).Distinct().Take(SnapshotsNamedMax).Select(row => Describe(row.Computer, row.Sequence)).ToList());

    private static string Describe(long computer, long sequence) => $"computer {computer} snapshot {sequence}";

    private ObjectName Numbered(long number) => new(place.Account, ObjectSpace.Numbered, (ulong)number);

    private sealed record SnapshotRow(long Computer, long Sequence, long Number, byte[]? Checksum);

    private sealed record PageRow(long PageIndex, long PageNumber, byte[] PageHash);
}
