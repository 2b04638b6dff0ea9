using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Quotas;
using Holdfast.Authority.Throttling;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Granting;

/// <summary>Backup sessions: rows first, then signed permissions to upload under their numbers, then receipts (rules R1, R2).</summary>
internal sealed class Sessions(AccountStore store, PodClient pod, LogTable log, Flows flows, QuotaCheck quotas, TimeProvider time)
{
    /// <summary>Numbers given at once: one transaction for about a gigabyte.</summary>
    public const int NumbersAtOnce = 64;

    /// <summary>Earlier sessions whose uploads are looked up; of those before them, the ones in between did.</summary>
    private const int SessionsLookedAt = 2;

    /// <summary>How long after it was granted an object may still arrive.</summary>
    public static readonly TimeSpan UploadLife = Grant.LifeMax;

    /// <summary>Opens a session. Objects of earlier sessions whose receipt nobody handed in are looked up on the pod first, so that nothing is sent again.</summary>
    /// <param name="device">The computer.</param>
    /// <param name="since">The collection number that it knows: frames collected after it are named.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public async Task<SessionOpened> OpenAsync(Device device, uint since, CancellationToken cancellation)
    {
        await RecoverReceiptsAsync(device, cancellation);
        var (count, quota) = await quotas.TakeAsync(device, NumbersAtOnce, cancellation);
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var (session, numbers, collection) = await store.WriteAsync(device.Place, 1, count, async (transaction, given) =>
        {
            var numbers = NumbersOf(given, count);
            await transaction.ExecuteLastAsync([
                ("INSERT INTO sessions (account_id, session, computer, opened_at, seen_at, version) VALUES (@account, @session, @computer, @now, @now, @version)", new { given.Session, device.Computer, now }),
                RowsOf(device, given.Session, given.Number, count)]);
            return (given.Session, numbers, given.Collection);
        }, cancellation);
        AuthorityMeter.Sessions.Add(1);
        var flow = await flows.OfBackupAsync(device, cancellation);
        var (stored, heads, collected) = await store.AskAsync(device.Place, transaction => transaction.QueryAllAsync<(long Number, byte[] Receipt), byte[], (long Pack, long Frame)>(
            "SELECT number, receipt FROM objects WHERE account_id = @account AND computer = @computer AND indexed = 0 AND type = 1 AND state IN ('granted', 'live') AND receipt IS NOT NULL",
            """
            SELECT s.head FROM devices d JOIN snapshots s ON s.account_id = d.account_id AND s.computer = d.computer
            WHERE d.account_id = @account AND s.sequence = (SELECT max(m.sequence) FROM snapshots m WHERE m.account_id = d.account_id AND m.computer = d.computer)
            """,
            "SELECT pack, frame FROM collected WHERE account_id = @account AND collection_number > @since AND deleted = 0", new { device.Computer, since }), cancellation);
        return new SessionOpened(session, pod.Url, Sign(device, numbers, flow), [.. stored.Select(row => new StoredObject((uint)row.Number, row.Receipt))], heads, (uint)collection,
            [.. collected.Select(row => new MissingFrame((uint)row.Pack, (uint)row.Frame))], flow.State, quota);
    }

    /// <summary>More numbers for a session, or the same anew, and what was stored since.</summary>
    public async Task<MoreGrants> ExtendAsync(Device device, long session, AskGrants asked, CancellationToken cancellation)
    {
        var verified = asked.Receipts.Count == 0 ? [] : ReceiptVerification.Verify(pod, await CertifiedAsync(device, cancellation), device.Place.Account, asked.Receipts);
        if (verified.Count > 0)
        {
            // Before anything is refused, so that it counts, and is known to the next session.
            await store.WriteAsync(device.Place, async transaction =>
            {
                await TouchAsync(transaction, device, session);
                return await RecordAsync(transaction, device, verified);
            }, cancellation);
        }

        var (count, quota) = await quotas.TakeAsync(device, asked.Renew is null ? NumbersAtOnce : 0, cancellation);
        var numbers = await store.WriteAsync(device.Place, 0, count, async (transaction, given) =>
        {
            await TouchAsync(transaction, device, session);
            if (asked.Renew is { } renew)
            {
                return await RenewAsync(transaction, session, renew);
            }

            var numbers = NumbersOf(given, count);
            await transaction.ExecuteLastAsync([RowsOf(device, session, given.Number, count)]);
            return numbers;
        }, cancellation);
        var flow = await flows.OfBackupAsync(device, cancellation);
        return new MoreGrants(Sign(device, numbers, flow), flow.State, quota);
    }

    /// <summary>One that is not this computer's is refused.</summary>
    public async Task CheckAsync(Device device, long session, CancellationToken cancellation)
    {
        if (await store.AskAsync(device.Place, transaction => transaction.FindAsync<long?>("SELECT session FROM sessions WHERE account_id = @account AND session = @session AND computer = @computer", new { session, device.Computer }), cancellation) is null)
        {
            throw None(session);
        }
    }

    /// <summary>Marks the session as alive; one that is not this computer's is refused.</summary>
    public async Task TouchAsync(AccountTransaction transaction, Device device, long session)
    {
        if (await transaction.ExecuteAsync("UPDATE sessions SET seen_at = @now, version = @version WHERE account_id = @account AND session = @session AND computer = @computer",
            new { session, device.Computer, now = time.GetUtcNow().ToUnixTimeSeconds() }) != 1)
        {
            throw None(session);
        }
    }

    /// <summary>Writes what receipts say into their objects' rows; how many counted. The row decides: it must be this computer's and not on its way out.</summary>
    public static Task<int> RecordAsync(AccountTransaction transaction, Device device, IEnumerable<(byte[] Bytes, Receipt Receipt)> receipts) => transaction.ExecuteEachAsync(
        """
        UPDATE objects SET type = @type, length = @length, tables_offset = @tables, frames = @frames, checksum = @checksum, receipt = @bytes, version = @version
        WHERE account_id = @account AND number = @number AND computer = @computer AND state IN ('granted', 'live', 'condemned')
        """,
        receipts.Where(item => item.Receipt.Account == transaction.Account && ObjectName.SpaceOf(item.Receipt.Type) == ObjectSpace.Numbered).Select(item => new
        {
            number = item.Receipt.Name, device.Computer, type = (int)item.Receipt.Type, length = item.Receipt.Length, tables = item.Receipt.TablesOffset,
            frames = item.Receipt.Frames, checksum = item.Receipt.Checksum.ToArray(), item.Bytes,
        }));

    private List<UploadGrant> Sign(Device device, IReadOnlyList<uint> numbers, Flow flow) => [.. numbers.Select(number => new UploadGrant(number,
        pod.Sign(GrantMethod.Put, new ObjectName(device.Place.Account, ObjectSpace.Numbered, number), device.Computer, Limits.SegmentLengthMax, 0, flow.LifeOf(UploadLife), flow.Grant)))];

    private static HoldfastException None(long session) => new(FailureTable.NotFound, $"There is no session {session} of this computer.");

    private static async Task<List<uint>> RenewAsync(AccountTransaction transaction, long session, IReadOnlyList<uint> numbers)
    {
        IReadOnlyList<long> open = numbers.Count > NumbersAtOnce ? [] : await transaction.QueryAsync<long>(
            $"SELECT number FROM objects WHERE account_id = @account AND session = @session AND state = 'granted' AND receipt IS NULL AND number IN ({SqlParameters.List(numbers)})", new { session });
        return open.Count == numbers.Distinct().Count()
            ? [.. open.Select(number => (uint)number)] : throw new HoldfastException(FailureTable.InvalidRequest, "Only numbers of this session under which nothing was stored are permitted anew.");
    }

    private static List<uint> NumbersOf(GivenOut given, int count) => given.Number + count <= uint.MaxValue
        ? [.. Enumerable.Range(0, count).Select(i => (uint)(given.Number + i))] : throw new HoldfastException(FailureTable.Internal, "The account has used up its four thousand million numbers.");

    /// <summary>The rows of objects that may be uploaded.</summary>
    private static (string, object) RowsOf(Device device, long session, long first, int count) => (
        """
        INSERT INTO objects (account_id, number, session, computer, state, touched, version)
        WITH RECURSIVE given (number) AS (SELECT CAST(@first AS BIGINT) WHERE @first < @end UNION ALL SELECT number + 1 FROM given WHERE number + 1 < @end)
        SELECT @account, number, @session, @computer, 'granted', @version, @version FROM given
        """, new { session, device.Computer, first, end = first + count });

    /// <summary>The computer as the root certified it; one that was not, or was revoked, may not add anything.</summary>
    private async Task<CertifiedComputer> CertifiedAsync(Device device, CancellationToken cancellation) =>
        (await log.VerifiedAsync(device.Place, cancellation)).Computers.TryGetValue(device.Computer, out var computer) && !computer.IsRevoked
            ? computer
            : throw new HoldfastException(FailureTable.Forbidden, "The account log does not certify this computer.");

    private async Task RecoverReceiptsAsync(Device device, CancellationToken cancellation)
    {
        var since = (time.GetUtcNow() - TimeSpan.FromDays(7)).ToUnixTimeSeconds();
        var unknown = await store.AskAsync(device.Place, transaction => transaction.QueryAsync<long>(
            """
            SELECT o.number FROM objects o JOIN sessions s ON s.account_id = o.account_id AND s.session = o.session
            WHERE o.account_id = @account AND o.computer = @computer AND o.indexed = 0 AND o.state = 'granted' AND o.receipt IS NULL AND s.seen_at > @since
              AND s.session IN (SELECT session FROM sessions WHERE account_id = @account AND computer = @computer ORDER BY session DESC LIMIT @sessions)
            """, new { device.Computer, since, sessions = SessionsLookedAt }), cancellation);
        var found = new List<byte[]>();
        foreach (var number in unknown)
        {
            if (await TryStatAsync(device, number, cancellation) is { } bytes)
            {
                found.Add(bytes);
            }
        }

        if (found.Count > 0)
        {
            var computer = await CertifiedAsync(device, cancellation);
            var verified = found.SelectMany(bytes => TryVerify(computer, device, bytes)).ToList();
            await store.WriteAsync(device.Place, transaction => RecordAsync(transaction, device, verified), cancellation);
        }
    }

    /// <summary>An object that is damaged or of somebody else is as good as none: it must not keep its computer from backing up.</summary>
    private async Task<byte[]?> TryStatAsync(Device device, long number, CancellationToken cancellation)
    {
        try
        {
            return await pod.StatAsync(new ObjectName(device.Place.Account, ObjectSpace.Numbered, (ulong)number), cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.DamagedObject)
        {
            return null;
        }
    }

    private List<(byte[] Bytes, Receipt Receipt)> TryVerify(CertifiedComputer computer, Device device, byte[] receipt)
    {
        try
        {
            return ReceiptVerification.Verify(pod, computer, device.Place.Account, [receipt]);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.Forbidden)
        {
            return [];
        }
    }
}
