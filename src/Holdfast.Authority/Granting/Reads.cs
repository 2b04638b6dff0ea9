using Holdfast.Authority.Accounts;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Granting;

/// <summary>Permissions to read: where objects lie now, signed and narrow. No gate ever stands before them.</summary>
internal sealed class Reads(AccountStore store, PodClient pod)
{
    /// <summary>Most objects one request may name.</summary>
    public const int ObjectsAtOnceMax = 1024;

    private static readonly TimeSpan _life = TimeSpan.FromHours(1);

    public ReadsOpened Open(Device device, OpenReads request)
    {
        if (request.Numbers.Count > ObjectsAtOnceMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"At most {ObjectsAtOnceMax} objects at once.");
        }

        return store.Read(device.Place.Account, transaction => new ReadsOpened(
            [.. request.Numbers.Distinct().SelectMany(number => Places(transaction, number), (number, row) => Open(device, number, row, request.TablesOnly))]));
    }

    /// <summary>The object itself; and for a pack, those that its frames were moved to.</summary>
    private static IReadOnlyList<Row> Places(AccountTransaction transaction, uint number) => transaction.Query<Row>(
        """
        SELECT number, type, length, tables_offset AS TablesOffset, computer FROM objects
        WHERE account_id = @account AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')
          AND (number = @number OR number IN (SELECT number FROM forwards WHERE account_id = @account AND origin_number = @number AND deleted = 0))
        """, new { number });

    /// <summary>A write-only computer reads what it wrote itself; of others', the index segments and the tables of packs, which its group's keys open.</summary>
    private ReadGrant Open(Device device, uint number, Row row, bool tablesOnly)
    {
        var isPack = row.Type == (int)ObjectType.Pack;
        var mayReadAll = device.Rights == DeviceRights.Read || row.Computer == device.Computer || row.Type == (int)ObjectType.IndexSegment;
        if (!mayReadAll && !isPack)
        {
            throw new HoldfastException(FailureTable.Forbidden, $"Object {number} is another computer's.");
        }

        var firstByte = isPack && (tablesOnly || !mayReadAll) ? row.TablesOffset : 0;
        return new ReadGrant(number, (uint)row.Number, row.Length, row.TablesOffset, pod.Url,
            pod.Sign(GrantMethod.Get, new ObjectName(device.Place.Account, ObjectSpace.Numbered, (ulong)row.Number), device.Computer, 0, firstByte, _life));
    }

    private sealed record Row(long Number, long Type, long Length, long TablesOffset, long Computer);
}
