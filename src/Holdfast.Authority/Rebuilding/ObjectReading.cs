using Holdfast.Authority.Accounts;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Placing;
using Holdfast.Format;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Rebuilding;

/// <summary>Everything with a number: the pod says again, signed, what each object is; it counts if a computer that the log certifies signed it.</summary>
/// <remarks>A pack of kind 2, which the service made itself, proves its frames by the records of their origins; where its frames lie now is derived from its table.</remarks>
internal sealed class ObjectReading(AccountStore store, PodClient pod, AccountPlace place, AccountDraft draft, TimeProvider time)
{
    private const int Batch = 256;
    private const int ReadsAtOnce = 8;

    private readonly List<(uint Number, long Length)> _segments = [];

    /// <summary>Objects that the pod was told to delete.</summary>
    public List<ObjectName> Condemned { get; } = [];

    /// <summary>Some objects, whose rows are not there.</summary>
    public Task TakeAsync(IEnumerable<uint> numbers, CancellationToken cancellation) =>
        TakeAsync([.. numbers.Select(number => (new ObjectName(draft.Account, ObjectSpace.Numbered, number), new PodObject("", 0, 0, null)))], () => { }, cancellation);

    public async Task RunAsync(Action taken, CancellationToken cancellation)
    {
        var batch = new List<(ObjectName, PodObject)>();
        await foreach (var item in pod.ListAsync(draft.Account, ObjectSpace.Numbered, cancellation))
        {
            batch.Add(item);
            if (batch.Count == Batch)
            {
                await TakeAsync(batch, taken, cancellation);
                batch.Clear();
            }
        }

        await TakeAsync(batch, taken, cancellation);

        // Before anything else touches rows: what segments cover, and what snapshots need, is not for that reason there.
        await MissAsync(cancellation);
        foreach (var (number, length) in _segments)
        {
            try
            {
                await CoverAsync(number, length, cancellation);
            }
            catch (Exception exception) when (exception.IsOfOneObject())
            {
                draft.Trouble($"index segment {number}: {exception.Message}");
            }
        }
    }

    /// <summary>Rows of objects, older than this reading, that the pod does not have: they count as gone, so that the next backup sends what was in them.</summary>
    private async Task MissAsync(CancellationToken cancellation)
    {
        if (await store.WriteAsync(place, transaction => transaction.ExecuteAsync(
            "UPDATE objects SET state = 'deleted', version = @version WHERE account_id = @account AND version <= @before AND state IN ('granted', 'live', 'condemned') AND receipt IS NOT NULL", new { draft.Before }), cancellation) is > 0 and var objects)
        {
            draft.Trouble($"{objects} objects are not on the pod any more");
        }
    }

    private async Task TakeAsync(List<(ObjectName Name, PodObject Object)> batch, Action taken, CancellationToken cancellation)
    {
        var known = await KnownAsync(batch, cancellation);
        var found = new Found?[batch.Count];
        await Parallel.ForAsync(0, batch.Count, new ParallelOptions { MaxDegreeOfParallelism = ReadsAtOnce, CancellationToken = cancellation },
            async (i, token) => found[i] = await TryReadAsync(batch[i].Name, batch[i].Object, known.GetValueOrDefault((uint)batch[i].Name.Number), token));
        await store.WriteAsync(place, async transaction =>
        {
            foreach (var item in found)
            {
                if (item is not null)
                {
                    await InsertAsync(transaction, item);
                }
            }

            return 0;
        }, cancellation);
        foreach (var item in found)
        {
            if (item?.Trouble is { } trouble)
            {
                draft.Trouble(trouble);
            }
            else if (item?.Receipt is { } receipt)
            {
                (draft.Objects, draft.Bytes) = (draft.Objects + 1, draft.Bytes + receipt.Length);
                draft.SawComputer(receipt.Computer);
            }

            taken();
        }

        batch.ForEach(item => draft.SawNumber((uint)item.Name.Number));
    }

    /// <summary>What the pod said of these before, if rows of an older copy say so.</summary>
    private Task<Dictionary<uint, byte[]>> KnownAsync(List<(ObjectName Name, PodObject Object)> batch, CancellationToken cancellation) => store.AskAsync(place, async transaction =>
        (await transaction.QueryAsync<(long Number, byte[] Receipt)>(
            $"SELECT number, receipt FROM objects WHERE account_id = @account AND receipt IS NOT NULL AND number IN ({SqlParameters.List([.. batch.Select(item => (uint)item.Name.Number)])})"))
            .ToDictionary(row => (uint)row.Number, row => row.Receipt), cancellation);

    private async Task<Found> TryReadAsync(ObjectName name, PodObject item, byte[]? known, CancellationToken cancellation)
    {
        try
        {
            if (known is not null && Receipt.Parse(known) is var before && before.Length == item.Length)
            {
                return new Found(name, known, before, item.CondemnedAt, [], null);
            }

            var bytes = await pod.StatAsync(name, cancellation, tablesOnly: true);
            if (bytes is null)
            {
                return new Found(name, null, null, item.CondemnedAt, [], $"object {name.Number} is listed, and is not there");
            }

            var receipt = pod.Verify(bytes);
            if (receipt is { Type: ObjectType.Pack, Kind: 2 })
            {
                return new Found(name, bytes, receipt, item.CondemnedAt, await MovedAsync(name, receipt, cancellation), null);
            }

            return draft.Log.Computers.TryGetValue(receipt.Computer, out var computer) && ReceiptVerification.IsSignedBy(computer, draft.Account, receipt)
                ? new Found(name, bytes, receipt, item.CondemnedAt, [], null)
                : new Found(name, null, null, item.CondemnedAt, [], $"object {name.Number} is not signed by a computer of the account");
        }
        catch (Exception exception) when (exception.IsOfOneObject())
        {
            return new Found(name, null, null, item.CondemnedAt, [], $"object {name.Number}: {exception.Message}");
        }
    }

    /// <summary>Frames that lie in this pack and were born in another, each vouched for by a record that a computer signed.</summary>
    private async Task<IReadOnlyCollection<Address>> MovedAsync(ObjectName name, Receipt receipt, CancellationToken cancellation)
    {
        var tail = await pod.GetAsync(name, receipt.TablesOffset, receipt.Length - receipt.TablesOffset, cancellation);
        var tables = PackTables.Parse(tail, receipt.Length);
        return tables.Origins.All(origin => draft.Log.Computers.TryGetValue(origin.Header.Computer, out var computer) && origin.IsSignedBy(computer.SigningKey.Span))
            ? FrameLocations.Derive([tables]).Keys
            : throw new MalformedObjectException("pack", "the record of an origin is not signed by a computer of the account");
    }

    private async Task InsertAsync(AccountTransaction transaction, Found found)
    {
        if (found.Receipt is not { } receipt)
        {
            return;
        }

        await transaction.ExecuteAsync(
            """
            INSERT INTO objects (account_id, number, session, computer, state, touched, condemned_at, type, length, tables_offset, frames, checksum, receipt, indexed, version)
            VALUES (@account, @number, 0, @computer, @state, @version, @condemnedAt, @type, @length, @tables, @frames, @checksum, @bytes, @indexed, @version)
            ON CONFLICT (account_id, number) DO UPDATE SET state = CASE WHEN objects.state IN ('deleting', 'deleted') THEN objects.state ELSE excluded.state END, touched = excluded.touched,
                condemned_at = excluded.condemned_at, type = excluded.type, length = excluded.length, tables_offset = excluded.tables_offset, frames = excluded.frames, checksum = excluded.checksum,
                receipt = excluded.receipt, indexed = CASE WHEN objects.indexed = 1 THEN 1 ELSE excluded.indexed END, version = excluded.version
            """,
            new
            {
                number = (long)found.Name.Number, receipt.Computer, state = found.CondemnedAt is null ? "live" : "condemned", condemnedAt = found.CondemnedAt, type = (int)receipt.Type, length = receipt.Length,
                tables = receipt.TablesOffset, frames = receipt.Frames, checksum = receipt.Checksum.ToArray(), bytes = found.Bytes, indexed = receipt.Kind == 2 ? 1 : 0,
            });
        foreach (var frame in found.Moved)
        {
            // The newest pack that has it: an old one goes only after a newer was read back.
            await transaction.ExecuteAsync(
                """
                INSERT INTO forwards (account_id, origin_number, origin_slot, number, version) VALUES (@account, @origin, @slot, @number, @version)
                ON CONFLICT (account_id, origin_number, origin_slot) DO UPDATE SET number = CASE WHEN forwards.number > excluded.number THEN forwards.number ELSE excluded.number END, version = excluded.version
                """, new { origin = (long)frame.Number, slot = (long)frame.Slot, number = (long)found.Name.Number });
            draft.SawNumber(frame.Number);
        }

        if (found.CondemnedAt is not null)
        {
            Condemned.Add(found.Name);
        }
        else if (receipt.Type == ObjectType.IndexSegment)
        {
            _segments.Add(((uint)found.Name.Number, receipt.Length));
        }
    }

    /// <summary>Packs that a segment covers need not be indexed again; segments that it replaces are on their way out.</summary>
    private async Task CoverAsync(uint number, long length, CancellationToken cancellation)
    {
        var (covered, replaced) = await SegmentNumbers.ReadAsync(pod, draft.Account, number, length, cancellation);
        await store.WriteAsync(place, async transaction =>
            await transaction.ExecuteEachAsync(
                "UPDATE objects SET indexed = 1, version = @version WHERE account_id = @account AND number = @pack AND computer = (SELECT computer FROM objects WHERE account_id = @account AND number = @number)",
                covered.Select(pack => new { pack, number }))
            + await transaction.ExecuteEachAsync(
                """
                UPDATE objects SET state = 'condemned', condemned_at = @now, version = @version WHERE account_id = @account AND number = @segment AND type = 2 AND state = 'live'
                  AND computer = (SELECT computer FROM objects WHERE account_id = @account AND number = @number)
                """, replaced.Select(segment => new { segment, number, now = time.GetUtcNow().ToUnixTimeSeconds() })), cancellation);
    }

    private sealed record Found(ObjectName Name, byte[]? Bytes, Receipt? Receipt, long? CondemnedAt, IReadOnlyCollection<Address> Moved, string? Trouble);
}
