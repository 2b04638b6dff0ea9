using System.Buffers.Binary;
using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Placing;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Committing;

/// <summary>Makes a snapshot, once: verify → read what is new → one transaction (rule R3) → its head on the pod → answer.</summary>
internal sealed class Commits(AccountStore store, PodClient pod, LogTable log, Sessions sessions, SnapshotMaps maps, AccountObjects objects, TimeProvider time)
{
    private const int AnsweredFramesMax = 10_000;

    /// <summary>Receipts of one commit; a session hands in the others when it asks for numbers.</summary>
    private const int ReceiptsMax = 512;

    public async Task<SnapshotCommitted> CommitAsync(Device device, CommitSnapshot request, CancellationToken cancellation)
    {
        var draft = Verify(device, request, (await log.VerifiedAsync(device.Place, cancellation)).Computers);
        var id = draft.Head.Id;
        if (await store.AskAsync(device.Place, transaction => FirstAnswerAsync(transaction, id), cancellation) is { } answered)
        {
            await objects.PlaceAsync(device.Place, cancellation);
            return Answer(id, answered);
        }

        // What the pod is asked for on one commit's way waits together, not one after the other.
        var pages = maps.ReadPagesAsync(draft.Head, cancellation);
        await Task.WhenAll(pages, ReadSegmentsAsync(draft, cancellation));
        draft.Pages = await pages;
        var baseId = ParseBase(request.Base);
        var receivedAt = await TryCommitAsync(device, draft, baseId, cancellation)
            ?? await TryCommitAsync(device, draft, null, cancellation)
            ?? throw new InvalidOperationException("a commit without a base needs none");
        AuthorityMeter.Commits.Add(1);
        await objects.PlaceAsync(device.Place, cancellation);
        return Answer(id, receivedAt);
    }

    /// <summary>Asked again, the answer is the same: the next time is drawn from the head's id, which is a hash.</summary>
    private static SnapshotCommitted Answer(byte[] id, long receivedAt) => new(Convert.ToHexStringLower(id), receivedAt,
        NextBackup.After(DateTimeOffset.FromUnixTimeSeconds(receivedAt), BinaryPrimitives.ReadUInt32BigEndian(id) / (double)uint.MaxValue).ToUnixTimeSeconds());

    private static Task<long?> FirstAnswerAsync(AccountTransaction transaction, byte[] id) =>
        transaction.FindAsync<long?>("SELECT received_at FROM snapshots WHERE account_id = @account AND head_id = @id", new { id });

    private static byte[]? ParseBase(string? text)
    {
        try
        {
            return text is null ? null : Convert.FromHexString(text);
        }
        catch (FormatException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The base is no head id.", exception);
        }
    }

    /// <summary>The head and every receipt must be signed by whom they say: computer and pod.</summary>
    private Draft Verify(Device device, CommitSnapshot request, IReadOnlyDictionary<uint, CertifiedComputer> computers)
    {
        try
        {
            var head = Head.Parse(request.Head);
            if (head.Account != device.Place.Account || head.Computer != device.Computer
                || !computers.TryGetValue(head.Computer, out var computer) || computer.IsRevoked || !head.IsSignedBy(computer.SigningKey.Span))
            {
                throw new HoldfastException(FailureTable.Forbidden, "The head is not signed by this computer as the account log certifies it.");
            }

            if (request.Receipts.Count > ReceiptsMax)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, $"At most {ReceiptsMax} receipts at once: hand them in with the session's grants.");
            }

            return new Draft(request.Session, head, ReceiptVerification.Verify(pod, computer, head.Account, request.Receipts));
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    /// <summary>Which packs the new index segments cover, from their plain heads.</summary>
    private async Task ReadSegmentsAsync(Draft draft, CancellationToken cancellation)
    {
        foreach (var (_, receipt) in draft.Receipts.Where(item => item.Receipt.Type == ObjectType.IndexSegment))
        {
            var (covered, replaced) = await SegmentNumbers.ReadAsync(pod, draft.Head.Account, receipt.Name, receipt.Length, cancellation);
            draft.IndexedPacks.UnionWith(covered);
            draft.ReplacedSegments.UnionWith(replaced);
        }
    }

    /// <summary>One attempt; null if the base was not live in the transaction, so that every frame must be checked.</summary>
    private async Task<long?> TryCommitAsync(Device device, Draft draft, byte[]? baseId, CancellationToken cancellation)
    {
        var basePages = baseId is null ? [] : await store.AskAsync(device.Place, transaction => SnapshotMaps.LivePagesAsync(transaction, baseId), cancellation);
        if (basePages is null)
        {
            return null;
        }

        var fresh = await NewFramesAsync(draft, basePages, cancellation);
        return await store.WriteAsync(device.Place, async transaction =>
        {
            if (await FirstAnswerAsync(transaction, draft.Head.Id) is { } first)
            {
                return first;
            }

            if (baseId is not null && await SnapshotMaps.LivePagesAsync(transaction, baseId) is null)
            {
                return (long?)null;
            }

            await sessions.TouchAsync(transaction, device, draft.Session);
            await CheckChainAsync(transaction, draft.Head);
            await Sessions.RecordAsync(transaction, device, draft.Receipts);
            await ReviveAsync(transaction, fresh);
            return await InsertAsync(transaction, device, draft);
        }, cancellation);
    }

    /// <summary>Frames that the base's map lacks: only pages that differ are read, so the cost follows what is new.</summary>
    private async Task<ReferenceMap> NewFramesAsync(Draft draft, Dictionary<uint, MapPageReference> basePages, CancellationToken cancellation)
    {
        var fresh = new ReferenceMap();
        foreach (var reference in draft.Pages)
        {
            var old = basePages.GetValueOrDefault(reference.Index);
            if (old is not null && old.Number == reference.Number && old.Hash.Span.SequenceEqual(reference.Hash.Span))
            {
                continue;
            }

            var added = maps.ReadPageAsync(draft.Head.Account, reference, cancellation);
            var spared = old is null ? Task.FromResult<MapPage?>(null) : TryReadPageAsync(draft.Head.Account, old, cancellation);
            await Task.WhenAll(added, (Task)spared);
            fresh.Add(await added);
            if (await spared is { } known)
            {
                fresh.Remove(known);
            }
        }

        return fresh;
    }

    /// <summary>A base page that cannot be read spares nothing: then all frames of the new page are checked.</summary>
    private async Task<MapPage?> TryReadPageAsync(AccountId account, MapPageReference reference, CancellationToken cancellation)
    {
        try
        {
            return await maps.ReadPageAsync(account, reference, cancellation);
        }
        catch (HoldfastException exception) when (exception.IsOfOneObject())
        {
            return null;
        }
    }

    private static async Task CheckChainAsync(AccountTransaction transaction, Head head)
    {
        var last = await transaction.FindAsync<byte[]>("SELECT head FROM snapshots WHERE account_id = @account AND computer = @computer ORDER BY sequence DESC LIMIT 1", new { head.Computer });
        var (sequence, id) = last is null ? (0, new byte[32]) : (Head.Parse(last).Sequence, Head.Parse(last).Id);
        if (head.Sequence != sequence + 1 || !head.Previous.Span.SequenceEqual(id))
        {
            throw new HoldfastException(FailureTable.HeadConflict, $"The computer's newest snapshot is number {sequence}; number {head.Sequence} does not follow it.");
        }
    }

    /// <summary>Makes granted and condemned packs live and stamps them; what is not there rolls everything back and is named.</summary>
    private static async Task ReviveAsync(AccountTransaction transaction, ReferenceMap fresh)
    {
        var lacking = await FramesStored.LackingAsync(transaction, fresh);
        if (lacking.Count > 0)
        {
            throw new HoldfastException(FailureTable.MissingFrames, $"{lacking.Count} frames that the snapshot needs are not stored.")
            {
                Missing = [.. lacking.Take(AnsweredFramesMax).Select(frame => new MissingFrame(frame.Number, frame.Slot))],
            };
        }
    }

    private async Task<long> InsertAsync(AccountTransaction transaction, Device device, Draft draft)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        await StampAsync(transaction, [.. draft.Pages.Select(page => (page.Number, ObjectType.MapPage)), (draft.Head.SnapshotNumber, ObjectType.Snapshot),
            .. draft.Receipts.Where(item => item.Receipt.Type == ObjectType.IndexSegment).Select(item => ((uint)item.Receipt.Name, ObjectType.IndexSegment))]);
        await transaction.ExecuteAllAsync(
        [
            .. draft.IndexedPacks.Select(number => ("UPDATE objects SET indexed = 1, version = @version WHERE account_id = @account AND number = @number AND computer = @computer", (object)new { number, device.Computer })),
            .. draft.ReplacedSegments.Select(number => (
                "UPDATE objects SET state = 'condemned', condemned_at = @now, version = @version WHERE account_id = @account AND number = @number AND computer = @computer AND type = 2 AND state = 'live'",
                (object)new { number, device.Computer, now })),

            // The session is over: numbers it did not use lapse for ever.
            ("UPDATE objects SET state = 'condemned', condemned_at = @now, version = @version WHERE account_id = @account AND session = @session AND state = 'granted' AND receipt IS NULL",
                new { draft.Session, now }),
            .. SnapshotRows.Insert(draft.Head, draft.Pages.Select(page => (page, 0L)), now),
            (
                """
                UPDATE devices SET last_backup_at = @now, failed_at = NULL, failure = NULL, version = @version,
                    last_seconds = (SELECT CASE WHEN opened_at <= @now THEN @now - opened_at END FROM sessions WHERE account_id = @account AND session = @session)
                WHERE account_id = @account AND computer = @computer
                """, new { now, device.Computer, draft.Session }),
        ]);
        return now;
    }

    /// <summary>Makes objects of the snapshot itself live; each must be stored, and be what it is called.</summary>
    private static async Task StampAsync(AccountTransaction transaction, IReadOnlyList<(uint Number, ObjectType Type)> objects)
    {
        foreach (var some in objects.Distinct().Chunk(SqlParameters.ListMax))
        {
            var stored = (await transaction.QueryAsync<(long Number, long Type)>(
                $"""
                UPDATE objects SET state = 'live', condemned_at = NULL, touched = @version, version = @version
                WHERE account_id = @account AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned') AND number IN ({SqlParameters.List([.. some.Select(item => item.Number)])})
                RETURNING number, type
                """)).ToHashSet();
            if (some.Where(item => !stored.Contains((item.Number, (long)item.Type))).Select(item => (uint?)item.Number).FirstOrDefault() is { } lacking)
            {
                throw new HoldfastException(FailureTable.MissingFrames, $"Object {lacking}, which the snapshot needs, is not stored.");
            }
        }
    }

    private sealed record Draft(long Session, Head Head, IReadOnlyList<(byte[] Bytes, Receipt Receipt)> Receipts)
    {
        public IReadOnlyList<MapPageReference> Pages { get; set; } = [];

        public SortedSet<uint> IndexedPacks { get; } = [];

        public SortedSet<uint> ReplacedSegments { get; } = [];
    }
}
