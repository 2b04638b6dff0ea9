using System.Globalization;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;

namespace Holdfast.Simulation.Tests;

/// <summary>The twin of an account store, of one account: what transactions do, a lock that a writer holds until it commits, and reads that see only what was committed.</summary>
internal sealed class MemorySide(World world, string name)
{
    private static readonly TableShape _shape = new("rows", ["key", "version", "value"], [typeof(string), typeof(long), typeof(string)]);

    private readonly SortedDictionary<string, (long Version, object?[]? Values)> _rows = new(StringComparer.Ordinal);
    private readonly World _world = world;
    private RowPosition _position = RowPosition.Begin;
    private object? _locked;

    public string Name { get; } = name;

    private static GivenNumbers Larger(GivenNumbers one, GivenNumbers other) =>
        new(Math.Max(one.Number, other.Number), Math.Max(one.Computer, other.Computer), Math.Max(one.Session, other.Session), Math.Max(one.Collection, other.Collection));

    public Side Side { get; set; } = Side.Absent;

    /// <summary>What can be read here.</summary>
    public IReadOnlyDictionary<string, (long Version, object?[]? Values)> Rows => _rows;

    public IMoveSide For(Actor actor) => new View(this, actor);

    /// <summary>A write: fence, lock and version at its beginning, rows at its commit. It draws a number too, as packs and sessions do.</summary>
    /// <returns>False if the account is not open here at this epoch.</returns>
    public async Task<bool> WriteAsync(Actor actor, long epoch, IReadOnlyDictionary<string, object?[]?> rows)
    {
        await WaitForLockAsync(actor);
        if (Side.State != SideState.Open || Side.Epoch != epoch)
        {
            return false;
        }

        var own = _locked = new object();
        try
        {
            var changed = Side with { Version = Side.Version + 1, Numbers = Side.Numbers with { Number = Side.Numbers.Number + 1 } };
            await _world.Scheduler.StepAsync(actor);
            Side = _world.Weakness.HasFlag(Weakness.FenceForgetsWriters) ? Side with { Version = changed.Version, Numbers = changed.Numbers } : changed;
            foreach (var (key, values) in rows)
            {
                if (values is null && _world.Weakness.HasFlag(Weakness.DeletesWithoutTrace))
                {
                    _rows.Remove(key);
                }
                else
                {
                    _rows[key] = (changed.Version, values);
                }
            }

            _world.Committed(this, epoch, changed, rows);
        }
        finally
        {
            // A crash undoes it: nothing was changed yet.
            _locked = ReferenceEquals(_locked, own) ? null : _locked;
        }

        // It is done; whether the client hears of it is another matter.
        await _world.Scheduler.StepAsync(actor);
        return true;
    }

    private async Task WaitForLockAsync(Actor actor)
    {
        do
        {
            await _world.Scheduler.StepAsync(actor);
        }
        while (_locked is not null);
    }

    private sealed class View(MemorySide side, Actor actor) : IMoveSide
    {
        public int RowsMost => int.MaxValue;

        private World World => side._world;

        public Task<bool> PrepareAsync(AccountId account, long epoch, long attempt, string mover, CancellationToken cancellation) => ChangeAsync(here =>
        {
            var isOwn = here.State == SideState.Incoming && here.Attempt == attempt;
            if (here.State is SideState.Open or SideState.Frozen || here.Epoch > epoch || !(isOwn || here.Attempt < attempt))
            {
                return null;
            }

            if (!isOwn)
            {
                if (here.State == SideState.Left)
                {
                    side._position = new RowPosition(here.Version, null);
                }
                else
                {
                    side._rows.Clear();
                    side._position = RowPosition.Begin;
                }
            }

            return new Side(SideState.Incoming, epoch, here.Version, here.Numbers, attempt, mover);
        });

        /// <remarks>As stores do: up to the version of the first piece in the order of keys, then what came since.</remarks>
        public Task<MovedRows> ReadRowsAsync(AccountId account, RowPosition after, int most, CancellationToken cancellation) => World.DoAsync(actor, () =>
        {
            var (until, key) = after.Key?.Split('/') is [var version, var last] ? (long.Parse(version, CultureInfo.InvariantCulture), last) : (side.Side.Version, "");
            var rows = side._rows.Where(row => row.Value.Version > after.Version && row.Value.Version <= until && string.CompareOrdinal(row.Key, key) > 0).Take(most + 1).ToList();
            var moved = new PackedRows(_shape);
            foreach (var (rowKey, row) in rows.Take(most))
            {
                moved.Add([rowKey, row.Version, row.Values?[0]]);
            }

            var isPart = rows.Count > most && !World.Weakness.HasFlag(Weakness.ReadsVersionsInPart);
            return new MovedRows([moved], after, isPart ? new RowPosition(after.Version, string.Create(CultureInfo.InvariantCulture, $"{until}/{rows[most - 1].Key}")) : new RowPosition(until, null), side.Side.Version, side.Side.Numbers);
        });

        public Task<string?> FindEndAsync(AccountId account, VersionRange versions, string? after, int most, CancellationToken cancellation) => World.DoAsync(actor, () => Between(versions, after, null).Skip(most - 1).Select(PlaceOf).FirstOrDefault());

        /// <remarks>Sides are of two kinds: "c" has no sums.</remarks>
        public Task<RowSum?> SumAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation) => World.DoAsync(actor, () =>
        {
            var rows = Between(versions, after, until).ToList();
            return side.Name == "c" ? null : new RowSum(rows.Count, rows.Aggregate(0L, (sum, row) => sum ^ (long)XxHash3.HashToUInt64(Encoding.UTF8.GetBytes($"{row.Key} {row.Version} {row.Digest}"))));
        });

        public Task<IReadOnlyList<RowMark>> ReadMarksAsync(AccountId account, VersionRange versions, string? after, string? until, CancellationToken cancellation) => World.DoAsync<IReadOnlyList<RowMark>>(actor, () => [.. Between(versions, after, until)]);

        private IEnumerable<RowMark> Marks => side._rows.Select(row => new RowMark(row.Key, row.Value.Version, row.Value.Values is null, XxHash128.HashToUInt128(Encoding.UTF8.GetBytes(string.Join(',', row.Value.Values ?? [])))));

        private IEnumerable<RowMark> Between(VersionRange versions, string? after, string? until) => World.Weakness.HasFlag(Weakness.NoDigest)
            ? []
            : Marks.Where(row => row.Version > versions.Above && row.Version <= versions.UpTo && string.CompareOrdinal(PlaceOf(row), after) > 0 && (until is null || string.CompareOrdinal(PlaceOf(row), until) <= 0)).OrderBy(PlaceOf, StringComparer.Ordinal);

        private static string PlaceOf(RowMark row) => string.Create(CultureInfo.InvariantCulture, $"{row.Version:D10}/{row.Key}");

        public Task<bool> ApplyAsync(AccountId account, long attempt, string mover, MovedRows rows, CancellationToken cancellation) => ChangeAsync(here =>
        {
            var isOwn = here.State == SideState.Incoming && here.Attempt == attempt && here.Mover == mover && side._position == rows.After;
            if (!isOwn && !World.Weakness.HasFlag(Weakness.TakesAnybodysRows))
            {
                return null;
            }

            foreach (var row in rows.Tables.SelectMany(table => Enumerable.Range(0, table.Count).Select(table.Values)))
            {
                var (key, version) = ((string)row[0]!, (long)row[1]!);
                if (!side._rows.TryGetValue(key, out var there) || there.Version < version)
                {
                    side._rows[key] = (version, row[2] is { } value ? [value] : null);
                }
            }

            side._position = rows.Position;
            return here;
        });

        public Task<RowPosition> PositionAsync(AccountId account, long attempt, string mover, CancellationToken cancellation) => World.DoAsync(actor, () => side._position);

        public Task<bool> FenceAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(
            here => here.State == SideState.Open && here.Epoch == epoch ? here with { State = SideState.Frozen, Epoch = epoch + 1 } : null, waits: !World.Weakness.HasFlag(Weakness.FenceForgetsWriters));

        public Task<bool> SealAsync(AccountId account, long attempt, string mover, MovedRows last, CancellationToken cancellation) => ChangeAsync(
            here => here.State == SideState.Incoming && here.Attempt == attempt && here.Mover == mover && side._position == last.Position
                ? here with { State = SideState.Sealed, Version = World.Weakness.HasFlag(Weakness.NumbersAnew) ? 0 : last.Version, Numbers = World.Weakness.HasFlag(Weakness.CountersAnew) ? new GivenNumbers(0, 0, 0, 0) : Larger(here.Numbers, last.Numbers) } : null);

        public Task<byte[]> DigestAsync(AccountId account, long above, CancellationToken cancellation) => World.DoAsync(actor, () => World.Weakness.HasFlag(Weakness.NoDigest)
            ? []
            : SHA256.HashData(Encoding.UTF8.GetBytes($"{side.Side.Version} {side.Side.Numbers}\n" + string.Join('\n', side._rows.Where(row => row.Value.Version > above).Select(row => $"{row.Key} {row.Value.Version} {string.Join(',', row.Value.Values ?? ["deleted"])}")))));

        public Task ThawAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(here =>
        {
            var to = World.Weakness.HasFlag(Weakness.ThawsAtTheSameEpoch) ? epoch - 2 : epoch;
            return here.Epoch < epoch && here.State is SideState.Open or SideState.Frozen ? here with { State = SideState.Open, Epoch = to } : null;
        });

        public Task DiscardAsync(AccountId account, long epoch, long attempt, CancellationToken cancellation) => ChangeAsync(here =>
        {
            if (here.Attempt > attempt || here.State is SideState.Open or SideState.Frozen || (here.Attempt == attempt && here.State == SideState.Absent) || (here.Attempt < attempt && here.State == SideState.Left && here.Epoch > epoch))
            {
                return null;
            }

            side._rows.Clear();
            side._position = RowPosition.Begin;
            return Side.Absent with { Epoch = Math.Max(here.Epoch, epoch), Attempt = attempt, Numbers = here.Numbers };
        });

        public Task OpenAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(
            here => here.State == SideState.Sealed && here.Epoch == epoch - 1 ? here with { State = SideState.Open, Epoch = epoch, Mover = null } : null);

        public Task LeaveAsync(AccountId account, long epoch, CancellationToken cancellation) => ChangeAsync(
            here => here.State == SideState.Frozen && here.Epoch == epoch ? here with { State = SideState.Left } : null);

        public Task<string?> RetireAsync(AccountId account, long epoch, string? after, int most, CancellationToken cancellation) => World.DoAsync(actor, () =>
        {
            if ((side.Side.State != SideState.Left || side.Side.Epoch != epoch) && !World.Weakness.HasFlag(Weakness.RetiresUnchecked))
            {
                return null;
            }

            var deleted = side._rows.Keys.Where(key => string.CompareOrdinal(key, after) > 0).Take(most).ToList();
            foreach (var key in deleted)
            {
                side._rows.Remove(key);
            }

            if (deleted.Count < most && side.Side.State == SideState.Left)
            {
                side.Side = World.Weakness.HasFlag(Weakness.RetireForgets) ? Side.Absent : side.Side with { State = SideState.Absent };
            }

            return deleted.Count < most ? null : deleted[^1];
        });

        /// <summary>A transaction that begins with the fence row: it waits for who has it locked.</summary>
        private async Task<bool> ChangeAsync(Func<Side, Side?> change, bool waits = true)
        {
            if (waits)
            {
                await side.WaitForLockAsync(actor);
            }
            else
            {
                await World.Scheduler.StepAsync(actor);
            }

            var changed = change(side.Side);
            World.Changed(side, changed ?? side.Side);
            side.Side = changed ?? side.Side;
            await World.Scheduler.StepAsync(actor);
            return changed is not null;
        }
    }
}
