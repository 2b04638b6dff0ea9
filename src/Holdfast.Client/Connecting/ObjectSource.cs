using System.Collections.Concurrent;
using Holdfast.Client.Computers;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Connecting;

/// <summary>Reads stored objects by number: asks the authority where they lie, the pod for the bytes, and the account log who may have written them.</summary>
internal sealed class ObjectSource(ServiceClient service, Computer computer, AccountLog log, bool tablesOnly = false)
{
    private const int AskAtOnce = 512;

    private readonly ConcurrentDictionary<uint, IReadOnlyList<ReadGrant>> _grants = new();

    /// <summary>Asks for permission to read objects, many at once.</summary>
    public async Task OpenAsync(IEnumerable<uint> numbers, CancellationToken cancellation)
    {
        foreach (var batch in numbers.Where(number => !_grants.ContainsKey(number)).Distinct().Chunk(AskAtOnce))
        {
            foreach (var group in (await service.OpenReadsAsync(new OpenReads(batch, tablesOnly), cancellation)).Where(IsSane).GroupBy(grant => grant.Number))
            {
                _grants[group.Key] = [.. group];
            }
        }
    }

    /// <summary>Where an object lies: one place, or several for a pack whose frames were moved.</summary>
    public async ValueTask<IReadOnlyList<ReadGrant>> PlacesAsync(uint number, CancellationToken cancellation)
    {
        if (!_grants.TryGetValue(number, out var grants))
        {
            await OpenAsync([number], cancellation);
            _grants.TryGetValue(number, out grants);
        }

        return grants is { Count: > 0 } ? grants : throw new HoldfastException(FailureTable.DamagedObject, $"The service does not hold object {number}, which is needed.");
    }

    /// <summary>A whole segment, snapshot or map page: checksum, number, type and its writer's signature are proved.</summary>
    public async Task<SignedObject> ReadSignedAsync(uint number, ObjectType type, CancellationToken cancellation)
    {
        var place = (await PlacesAsync(number, cancellation))[0];
        if (place.Length > (type == ObjectType.IndexSegment ? Limits.SegmentLengthMax : Limits.SmallObjectLengthMax))
        {
            throw new HoldfastException(FailureTable.Tampered, $"Object {number} is said to have {place.Length} bytes.");
        }

        var bytes = new byte[place.Length];
        await ReadAsync(place, 0, bytes, cancellation);
        return AccountView.Verified(() =>
        {
            var signed = SignedObject.Parse(bytes, type);
            return signed.Header.Account == computer.Account && signed.Header.Number == number && IsSigned(signed.Header.Computer, signed.IsSignedBy)
                ? signed
                : throw new MalformedObjectException(type.ToString(), $"object {number} was not signed by a computer of this account, or is another object");
        });
    }

    /// <summary>Header and tables of a pack, with one read of its end; signatures are proved.</summary>
    public async Task<PackTables> ReadTablesAsync(ReadGrant place, CancellationToken cancellation)
    {
        var tailLength = place.Length - place.TablesOffset;
        if (place.Length > Limits.PackLengthMax || tailLength is < PackTrailer.Length or > Limits.PackLengthMax)
        {
            throw new HoldfastException(FailureTable.Tampered, $"Pack {place.At} is said to have {place.Length} bytes.");
        }

        var tail = new byte[tailLength];
        await ReadAsync(place, place.TablesOffset, tail, cancellation);
        return AccountView.Verified(() =>
        {
            var tables = PackTables.Parse(tail, place.Length);
            var isSigned = tables.Header.Kind == 1
                ? IsSigned(tables.Header.Computer, tables.IsSignedBy)
                : tables.Origins.All(origin => IsSigned(origin.Header.Computer, origin.IsSignedBy));
            return tables.Header.Account == computer.Account && tables.Header.Number == place.At && isSigned
                ? tables
                : throw new MalformedObjectException("pack", $"pack {place.At} was not signed by a computer of this account, or is another pack");
        });
    }

    /// <summary>Reads a range. A grant that has expired meanwhile is asked for again: restores may take days.</summary>
    public async Task ReadAsync(ReadGrant place, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        var current = Current(place);
        try
        {
            await GetAsync(current, offset, destination, cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.GrantInvalid)
        {
            _grants.TryRemove(place.Number, out _);
            await OpenAsync([place.Number], cancellation);
            var renewed = Current(place);
            if (renewed.Grant == current.Grant)
            {
                throw;
            }

            await GetAsync(renewed, offset, destination, cancellation);
        }
    }

    private Task GetAsync(ReadGrant place, long offset, Memory<byte> destination, CancellationToken cancellation) =>
        service.GetObjectAsync(place.PodUrl, new ObjectName(computer.Account, ObjectSpace.Numbered, place.At), place.Grant, offset, destination, cancellation);

    /// <summary>The newest grant for the same place.</summary>
    private ReadGrant Current(ReadGrant place) =>
        _grants.TryGetValue(place.Number, out var grants) ? grants.FirstOrDefault(grant => grant.At == place.At) ?? place : place;

    /// <summary>Numbers that no honest service gives are as good as no answer.</summary>
    private static bool IsSane(ReadGrant grant) => grant.Length > 0 && grant.TablesOffset >= 0 && grant.TablesOffset < grant.Length;

    private bool IsSigned(uint writer, VerifySignature verify) => log.Computers.TryGetValue(writer, out var certified) && verify(certified.SigningKey.Span);

    private delegate bool VerifySignature(ReadOnlySpan<byte> publicKey);
}
