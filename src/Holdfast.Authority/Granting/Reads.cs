using Holdfast.Authority.Accounts;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Granting;

/// <summary>Permissions to read: where objects lie now, signed and narrow. No gate ever stands before them.</summary>
internal sealed class Reads(AccountStore store, PodClient pod, SnapshotMaps maps)
{
    /// <summary>Most objects one request may name.</summary>
    public const int ObjectsAtOnceMax = 1024;

    private static readonly TimeSpan _life = TimeSpan.FromHours(1);

    public async Task<ReadsOpened> OpenAsync(Device device, OpenReads request, CancellationToken cancellation)
    {
        if (request.Numbers.Count > ObjectsAtOnceMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"At most {ObjectsAtOnceMax} objects at once.");
        }

        var own = device.Rights == DeviceRights.Add ? await maps.OfComputerAsync(device, cancellation) : null;
        return store.Read(device.Place.Account, transaction => new ReadsOpened(
            [.. request.Numbers.Distinct().SelectMany(number => Places(transaction, number), (number, row) => Open(device, number, row, request.TablesOnly, own))]));
    }

    /// <summary>The object itself; and for a pack, those that its frames were moved to.</summary>
    private static IReadOnlyList<Row> Places(AccountTransaction transaction, uint number) => transaction.Query<Row>(
        """
        SELECT number, type, length, tables_offset AS TablesOffset, computer FROM objects
        WHERE account_id = @account AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')
          AND (number = @number OR number IN (SELECT number FROM forwards WHERE account_id = @account AND origin_number = @number AND deleted = 0))
        """, new { number });

    private ReadGrant Open(Device device, uint number, Row row, bool tablesOnly, HashSet<uint>? own)
    {
        var isPack = row.Type == (int)ObjectType.Pack;
        var mayReadAll = device.Rights == DeviceRights.Read || !isPack || own!.Contains(number);
        if (row.Type == (int)ObjectType.Snapshot && device.Rights != DeviceRights.Read && row.Computer != device.Computer)
        {
            throw new HoldfastException(FailureTable.Forbidden, $"Object {number} is another computer's snapshot.");
        }

        var firstByte = isPack && (tablesOnly || !mayReadAll) ? row.TablesOffset : 0;
        return new ReadGrant(number, (uint)row.Number, row.Length, row.TablesOffset, pod.Url,
            pod.Sign(GrantMethod.Get, new ObjectName(device.Place.Account, ObjectSpace.Numbered, (ulong)row.Number), device.Computer, 0, firstByte, _life));
    }

    private sealed record Row(long Number, long Type, long Length, long TablesOffset, long Computer);
}
