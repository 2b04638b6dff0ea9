using System.Collections.Concurrent;
using System.Text;
using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;

namespace Holdfast.Moving.Tests;

/// <summary>Records each write that clients were told is done, and those whose answer is not known, then looks whether all of the first are there, none twice, and nothing that nobody wrote.</summary>
internal sealed class Checker(AccountId account)
{
    private readonly ConcurrentDictionary<string, bool> _begun = new();
    private readonly ConcurrentDictionary<long, (long Version, WrittenRow Row)> _last = new();
    private readonly ConcurrentDictionary<long, bool> _versions = new();
    private readonly ConcurrentDictionary<long, bool> _numbers = new();
    private readonly ConcurrentQueue<string> _wrong = new();
    private long _reads;

    public int Acknowledged => _versions.Count;

    public long Reads => Interlocked.Read(ref _reads);

    public void Begun(IReadOnlyList<WrittenRow> rows)
    {
        foreach (var row in rows)
        {
            _begun[row.Value] = true;
        }
    }

    public void Done(long version, IReadOnlyList<WrittenRow> rows)
    {
        if (!_versions.TryAdd(version, true))
        {
            _wrong.Enqueue($"version {version} was given out twice");
        }

        if (!_numbers.TryAdd(rows[0].Number, true))
        {
            _wrong.Enqueue($"number {rows[0].Number} was given out twice");
        }

        foreach (var row in rows)
        {
            _last.AddOrUpdate(row.Number, (version, row), (_, known) => known.Version > version ? known : (version, row));
        }
    }

    /// <summary>Reads a row that was written, and complains if it is older than what was acknowledged before.</summary>
    public async Task ReadAsync(Client client, Random random, CancellationToken cancellation)
    {
        if (_last.IsEmpty || !_last.TryGetValue(1 + random.NextInt64(_last.Keys.Max()), out var known))
        {
            return;
        }

        var version = await client.ReadAsync(known.Row.Number, cancellation);
        Interlocked.Increment(ref _reads);
        if (version < known.Version)
        {
            _wrong.Enqueue($"a read of {known.Row.Number} saw version {version} when {known.Version} was acknowledged");
        }
    }

    /// <summary>Looks at what there is, once nobody writes.</summary>
    public async Task CheckAsync(MovingService service, CancellationToken cancellation)
    {
        var row = await service.Ledger.ReadAsync(account, cancellation);
        Assert.True(row.State is MoveState.None or MoveState.Reverse, $"the move is {row.State}");
        var other = row.Home == "a" ? "b" : "a";
        var home = await service.FenceAsync(row.Home, account, cancellation);
        Assert.Equal(("open", row.Epoch), (home.State, home.Epoch));
        var former = await service.FenceAsync(other, account, cancellation);
        if (row.State == MoveState.Reverse)
        {
            Assert.Equal(("left", row.Epoch), (former.State, former.Epoch));
        }
        else
        {
            Assert.True(former.State is null or "absent", $"{other} is {former.State}");
            Assert.Equal(0, await service.CountRowsAsync(other, account, cancellation));
        }

        var there = (await service.Store.ReadAsync(await service.PlaceOfAsync(account, cancellation), transaction => transaction.QueryAsync<(long Number, byte[] Value, long Deleted, long Version)>(
            "SELECT number, checksum, deleted, version FROM objects WHERE account_id = @account"), cancellation)).ToDictionary(found => found.Number, found => (Value: Encoding.UTF8.GetString(found.Value), found.Deleted, found.Version));
        foreach (var (number, (version, written)) in _last)
        {
            if (!there.TryGetValue(number, out var found))
            {
                _wrong.Enqueue($"row {number}, acknowledged at version {version}, is not there");
            }
            else if (found.Version < version || (found.Version == version && (found.Value, found.Deleted == 1) != (written.Value, written.IsDeleted)))
            {
                _wrong.Enqueue($"row {number} is {found}, and {written} was acknowledged at version {version}");
            }
        }

        foreach (var (number, found) in there.Where(found => !_begun.ContainsKey(found.Value.Value)))
        {
            _wrong.Enqueue($"nobody wrote row {number} as {found}");
        }

        foreach (var versions in there.Values.GroupBy(found => found.Version).Where(versions => versions.Count() > 2))
        {
            _wrong.Enqueue($"version {versions.Key} was used by more than one write");
        }

        Assert.True(_wrong.IsEmpty, string.Join('\n', _wrong.Take(20)));
        Assert.True(home.Number > there.Keys.DefaultIfEmpty().Max(), "the next number was given out before");
    }
}
