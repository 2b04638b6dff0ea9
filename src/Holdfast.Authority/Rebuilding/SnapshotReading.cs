using Holdfast.Authority.Accounts;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Placing;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Rebuilding;

/// <summary>The chains of heads, and behind each head its snapshot, its map and a look whether every frame of it is stored.</summary>
/// <remarks>
/// A head whose snapshot a person deleted stays without it. One whose snapshot cannot be read now is live all the same, without pages: it may be readable again, and as long
/// as its pages are unknown nothing of the account may be collected. A snapshot was received
/// when its head was put: that counts for retention, not its computer's clock.
/// </remarks>
internal sealed class SnapshotReading(AccountStore store, PodClient pod, AccountPlace place, AccountDraft draft)
{
    private readonly SnapshotMaps _maps = new(pod);

    /// <summary>Pages that were looked at, with the frames they lack: snapshots share them.</summary>
    private readonly Dictionary<uint, long> _lacking = [];

    public async Task RunAsync(CancellationToken cancellation)
    {
        Head? last = null;
        await foreach (var (name, item) in pod.ListAsync(draft.Account, ObjectSpace.Heads, cancellation))
        {
            if (await TryReadHeadAsync(name, cancellation) is not { } head)
            {
                continue;
            }

            var previous = last?.Computer == head.Computer ? last : null;
            if (head.Sequence != (previous?.Sequence ?? 0) + 1 || (previous is not null && !head.Previous.Span.SequenceEqual(previous.Id)))
            {
                draft.Trouble($"snapshot {head.Sequence} of computer {head.Computer} does not follow the one before it: heads are missing");
            }

            await TakeAsync(head, item.StoredAt, cancellation);
            last = head;
        }
    }

    /// <summary>Heads that have no rows yet, without what is behind them: so that nobody who saw them finds them gone.</summary>
    public async Task RunNewHeadsAsync(CancellationToken cancellation)
    {
        var known = (await store.AskAsync(place, transaction => transaction.QueryAsync<(long Computer, long Sequence)>("SELECT computer, sequence FROM snapshots WHERE account_id = @account"), cancellation))
            .Select(row => ((ulong)row.Computer << 32) | (ulong)row.Sequence).ToHashSet();
        await foreach (var (name, item) in pod.ListAsync(draft.Account, ObjectSpace.Heads, cancellation))
        {
            if (!known.Contains(name.Number) && await TryReadHeadAsync(name, cancellation) is { } head)
            {
                await store.WriteAsync(place, async transaction =>
                {
                    await transaction.ExecuteAllAsync(SnapshotRows.Merge(head, [], "live", item.StoredAt));
                    return 0;
                }, cancellation);
            }
        }
    }

    private async Task<Head?> TryReadHeadAsync(ObjectName name, CancellationToken cancellation)
    {
        try
        {
            var head = Head.Parse(await pod.GetAsync(name, 0, Head.Length, cancellation));
            return head.Account == draft.Account && draft.Log.Computers.TryGetValue(head.Computer, out var computer) && head.IsSignedBy(computer.SigningKey.Span)
                ? head : throw new MalformedObjectException("head", "it is not signed by a computer of the account");
        }
        catch (Exception exception) when (exception.IsOfOneObject())
        {
            draft.Trouble($"head {name.Number & uint.MaxValue} of computer {name.Number >> 32}: {exception.Message}");
            return null;
        }
    }

    private async Task TakeAsync(Head head, long receivedAt, CancellationToken cancellation)
    {
        draft.SawNumber(head.SnapshotNumber);
        var pages = new List<(MapPageReference Page, long Lacking)>();
        var isThere = false;
        var isDeleted = draft.IsDeleted(head);
        try
        {
            var references = await _maps.ReadPagesAsync(head, cancellation);
            isThere = true;
            foreach (var page in references)
            {
                draft.SawNumber(page.Number);
                pages.Add((page, await LackingAsync(head, page, cancellation)));
            }
        }
        catch (Exception exception) when (exception.IsOfOneObject())
        {
            if (!isDeleted)
            {
                draft.Trouble($"snapshot {head.Sequence} of computer {head.Computer}: {exception.Message}");
            }
        }

        if (pages.Sum(page => page.Lacking) is > 0 and var lacking)
        {
            draft.Trouble($"snapshot {head.Sequence} of computer {head.Computer} lacks {lacking} frames");
        }

        draft.Snapshots += isThere ? 1 : 0;
        await store.WriteAsync(place, async transaction =>
        {
            await transaction.ExecuteAllAsync(SnapshotRows.Merge(head, pages, isThere || !isDeleted ? "live" : "purged", receivedAt));
            return await transaction.ExecuteAsync("UPDATE objects SET state = 'live', condemned_at = NULL, version = @version WHERE account_id = @account AND number = @snapshotNumber AND state = 'condemned'", new { head.SnapshotNumber });
        }, cancellation);
    }

    /// <summary>How many frames of a page are stored nowhere; the packs of the others are needed, whatever the pod thought of them. A page that cannot be read lacks all it had.</summary>
    private async Task<long> LackingAsync(Head head, MapPageReference reference, CancellationToken cancellation)
    {
        if (_lacking.TryGetValue(reference.Number, out var known))
        {
            return known;
        }

        try
        {
            var map = new ReferenceMap();
            map.Add(await _maps.ReadPageAsync(draft.Account, reference, cancellation));
            foreach (var pack in map.Packs)
            {
                draft.SawNumber(pack);
            }

            return _lacking[reference.Number] = await store.WriteAsync(place, async transaction => (await FramesStored.LackingAsync(transaction, map)).Count, cancellation);
        }
        catch (Exception exception) when (exception.IsOfOneObject())
        {
            draft.Trouble($"page {reference.Index} of the map of snapshot {head.Sequence} of computer {head.Computer}: {exception.Message}");
            return _lacking[reference.Number] = 1;
        }
    }
}
