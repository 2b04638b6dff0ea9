using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Throttling;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Granting;

/// <summary>Permissions to read: where objects lie now, signed and narrow. No gate ever stands before them.</summary>
/// <remarks>A frame that somebody still reads was condemned by mistake, or its snapshot's map is incomplete: it is revived, and the operator is told (format rule 15).</remarks>
/// <param name="store">Where objects' rows are.</param>
/// <param name="pod">Signs the permissions.</param>
/// <param name="flows">How fast.</param>
/// <param name="takeIn">Takes in objects that came since an older copy of the rows, which was restored.</param>
/// <param name="logger">Hears of what was revived.</param>
internal sealed partial class Reads(AccountStore store, PodClient pod, Flows flows, Func<AccountPlace, IReadOnlyCollection<uint>, CancellationToken, Task> takeIn, ILogger logger)
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

        var places = await PlacesAsync(device.Place, request.Numbers, cancellation);
        if (device.Place.IsReconciling && request.Numbers.Except(places.Select(place => place.Number)).ToList() is { Count: > 0 } unknown)
        {
            try
            {
                await takeIn(device.Place, unknown, cancellation);
            }
            catch (Exception exception) when (exception is HoldfastException or Format.MalformedObjectException)
            {
                // What is known is read all the same.
                LogNotTakenIn(exception, device.Place.Account);
            }

            places = await PlacesAsync(device.Place, request.Numbers, cancellation);
        }

        AuthorityMeter.ReadGrants.Add(places.Count);
        var flow = await flows.OfRestoreAsync(device, cancellation);
        var opened = new ReadsOpened([.. places.Select(place => Open(device, place.Number, place.Row, request.TablesOnly, flow))], flow.State);
        if (!request.TablesOnly)
        {
            await ReviveAsync(device.Place, [.. places.Where(place => place.Row.IsLastCopy).Select(place => place.Row.Number).Distinct()], cancellation);
        }

        return opened;
    }

    private async Task ReviveAsync(AccountPlace place, IReadOnlyList<long> numbers, CancellationToken cancellation)
    {
        if (numbers.Count == 0)
        {
            return;
        }

        try
        {
            await store.WriteAsync(place, transaction => transaction.ExecuteEachAsync(
                "UPDATE objects SET state = 'live', condemned_at = NULL, touched = @version, version = @version WHERE account_id = @account AND number = @number AND state = 'condemned'",
                numbers.Select(number => new { number })), cancellation);
            LogRevived(place.Account, string.Join(", ", numbers));
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.Fenced || exception.Kind == FailureTable.PodUnavailable || exception.Kind == FailureTable.ServiceUnavailable)
        {
            // A restore is never refused because nothing can be written: condemned objects stay readable for their grace.
            LogNotRevived(exception, place.Account, string.Join(", ", numbers));
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Account {Account}: condemned objects {Numbers} are still read; they were revived. A snapshot's map may be incomplete: its computer should run `holdfast check`.")]
    private partial void LogRevived(AccountId account, string numbers);

    [LoggerMessage(Level = LogLevel.Error, Message = "Account {Account}: objects that came since its rows were copied could not be taken in.")]
    private partial void LogNotTakenIn(Exception exception, AccountId account);

    [LoggerMessage(Level = LogLevel.Error, Message = "Account {Account}: condemned objects {Numbers} are still read, and could not be revived.")]
    private partial void LogNotRevived(Exception exception, AccountId account, string numbers);

    /// <summary>For each number the object itself; and for a pack, those that its frames were moved to. One question: a restore waits for each.</summary>
    private async Task<IReadOnlyList<(uint Number, Row Row)>> PlacesAsync(AccountPlace place, IReadOnlyList<uint> numbers, CancellationToken cancellation)
    {
        var (list, parameters) = SqlParameters.Numbers("n", [.. numbers.Distinct()]);
        var rows = await store.AskAsync(place, transaction => transaction.QueryAsync<Row>(
            $"""
            WITH wanted (asked, number) AS (
              SELECT number, number FROM objects WHERE account_id = @account AND number IN ({list})
              UNION SELECT origin_number, number FROM forwards WHERE account_id = @account AND deleted = 0 AND origin_number IN ({list}))
            SELECT w.asked AS Asked, o.number, o.type, o.length, o.tables_offset AS TablesOffset, o.computer, o.state,
              EXISTS (SELECT 1 FROM forwards f WHERE f.account_id = @account AND f.origin_number = o.number AND f.deleted = 0) AS Moved
            FROM wanted w JOIN objects o ON o.account_id = @account AND o.number = w.number
            WHERE o.receipt IS NOT NULL AND o.state IN ('granted', 'live', 'condemned')
            """, parameters), cancellation);
        var found = rows.ToLookup(row => row.Asked);
        return [.. numbers.Distinct().SelectMany(number => found[number].OrderBy(row => row.Number != number).ThenBy(row => row.Number), (number, row) => (number, row))];
    }

    /// <summary>A computer that only adds reads what it wrote itself; of others', the index segments and, if it asks for no more, the tables of packs, which its group's keys open.</summary>
    private ReadGrant Open(Device device, uint number, Row row, bool tablesOnly, Flow flow)
    {
        var isPack = row.Type == (int)ObjectType.Pack;
        var mayReadAll = device.Rights == DeviceRights.Read || row.Computer == device.Computer || row.Type == (int)ObjectType.IndexSegment;
        if (!mayReadAll && !(isPack && tablesOnly))
        {
            throw new HoldfastException(FailureTable.Forbidden, $"Object {number} is another computer's.");
        }

        var firstByte = isPack && tablesOnly ? row.TablesOffset : 0;
        return new ReadGrant(number, (uint)row.Number, row.Length, row.TablesOffset, pod.Url,
            pod.Sign(GrantMethod.Get, new ObjectName(device.Place.Account, ObjectSpace.Numbered, (ulong)row.Number), device.Computer, 0, firstByte, flow.LifeOf(_life), flow.Grant));
    }

    /// <remarks>Properties, not a constructor: without a row SQLite does not say what type an expression has, and none would fit.</remarks>
    private sealed record Row
    {
        /// <summary>The object that was asked for.</summary>
        public long Asked { get; init; }

        public long Number { get; init; }

        public long Type { get; init; }

        public long Length { get; init; }

        public long TablesOffset { get; init; }

        public long Computer { get; init; }

        public string State { get; init; } = "";

        public bool Moved { get; init; }

        /// <summary>True for a condemned pack whose frames were not moved: reading it for its frames means that somebody needs them. Tables alone are read for the index.</summary>
        public bool IsLastCopy => State == "condemned" && Type == (int)ObjectType.Pack && !Moved;
    }
}
