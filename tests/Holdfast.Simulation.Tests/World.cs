using System.Globalization;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;

namespace Holdfast.Simulation.Tests;

/// <summary>One account, three stores, clients that write and read, and movers that are killed: what happens is decided by a seed.</summary>
internal sealed class World
{
    private const int KeysMost = 6;
    private const int Writes = 25;
    private const int WaitsMost = 40;

    private static readonly AccountId _account = new(new byte[16]);
    private static readonly MoverSettings _settings = new(RowsAtOnce: 2, LagMost: 1, RoundsMost: 60);

    private readonly List<(string Key, long Version, object?[]? Values)> _committed = [];
    private readonly Dictionary<string, MemorySide> _sides;
    private readonly MemoryLedger _ledger;
    private int _movers;
    private int _reads;
    private int _moved;

    public World(int seed, Weakness weakness)
    {
        (Scheduler, Weakness) = (new Scheduler(seed), weakness);
        _sides = new[] { "a", "b", "c" }.ToDictionary(name => name, name => new MemorySide(this, name));
        _sides["a"].Side = new Side(SideState.Open, 1, 0, 0, null);
        _ledger = new MemoryLedger(this, new MoveRow("a", 1, MoveState.None, null, 0, null));
    }

    public Scheduler Scheduler { get; }

    public Weakness Weakness { get; }

    /// <summary>What went wrong; empty if all is well.</summary>
    public List<string> Violations { get; } = [];

    public int Acknowledged => _committed.Count;

    public int Reads => _reads;

    public int Moved => _moved;

    /// <summary>One atomic step of an actor's: it may be gone before, or after, not knowing what came of it.</summary>
    public async Task<T> DoAsync<T>(Actor actor, Func<T> action)
    {
        await Scheduler.StepAsync(actor);
        var result = action();
        await Scheduler.StepAsync(actor);
        return result;
    }

    /// <summary>A write that a store committed: from now on it must be there for ever.</summary>
    public void Committed(MemorySide side, long epoch, long version, string key, object?[]? values)
    {
        if (_committed.Count > 0 && version <= _committed[^1].Version)
        {
            Violations.Add($"version {version} was committed in {side.Name} (epoch {epoch}) after version {_committed[^1].Version}");
        }

        _committed.Add((key, version, values));
    }

    /// <summary>Runs the history to its end, then looks.</summary>
    public void Run()
    {
        var tasks = new List<Task>();
        for (var client = 0; client < 3; client++)
        {
            tasks.Add(WriteAsync(new Actor($"writer {client}", 0.005)));
            tasks.Add(ReadAsync(new Actor($"reader {client}", 0)));
        }

        for (var mover = 0; mover < 3; mover++)
        {
            tasks.Add(MoveAsync(0.02));
        }

        var ended = Scheduler.Run(40_000);
        Scheduler.IsCalm = true;
        ended = Scheduler.Run(40_000) && ended;

        // Everybody is gone: recovery alone must come to a good end.
        for (var round = 0; round < 5 && _ledger.Row.State is not (MoveState.None or MoveState.Reverse); round++)
        {
            tasks.Add(RecoverAsync());
            ended &= Scheduler.Run(10_000);
        }

        tasks.Add(WriteLastAsync());
        ended &= Scheduler.Run(10_000);
        if (!ended)
        {
            Violations.Add("somebody waits for ever");
        }

        Violations.AddRange(tasks.Where(task => task.IsFaulted && task.Exception!.InnerException is not CrashedException).Select(task => task.Exception!.InnerException!.ToString()));
        Check();
    }

    private void Check()
    {
        var row = _ledger.Row;
        if (row.State is not (MoveState.None or MoveState.Reverse))
        {
            Violations.Add($"the move is still {row.State}");
        }

        var home = _sides[row.Home];
        if (home.Side.State != SideState.Open || home.Side.Epoch != row.Epoch)
        {
            Violations.Add($"home is {row.Home} at epoch {row.Epoch}, which is {home.Side.State} at {home.Side.Epoch}");
        }

        foreach (var other in _sides.Values.Where(side => side != home && side.Side.State is SideState.Open or SideState.Frozen))
        {
            Violations.Add(string.Create(CultureInfo.InvariantCulture, $"{other.Name} is {other.Side.State} too"));
        }

        var expected = _committed.GroupBy(write => write.Key).Select(writes => writes.Last()).Where(write => write.Values is not null).ToDictionary(write => write.Key, write => write.Values![0]);
        var there = home.Rows.Where(pair => pair.Value.Values is not null).ToDictionary(pair => pair.Key, pair => pair.Value.Values![0]);
        foreach (var key in expected.Keys.Union(there.Keys).Where(key => !Equals(expected.GetValueOrDefault(key), there.GetValueOrDefault(key))))
        {
            Violations.Add($"{key} should be {expected.GetValueOrDefault(key) ?? "gone"} and is {there.GetValueOrDefault(key) ?? "gone"}");
        }
    }

    private async Task WriteAsync(Actor actor)
    {
        for (var write = 0; write < Writes; write++)
        {
            await WriteOnceAsync(actor, write);
        }
    }

    private async Task WriteOnceAsync(Actor actor, int write)
    {
        var place = await _ledger.For(actor).ReadAsync(_account, default);
        var key = $"k{Scheduler.Random.Next(KeysMost)}";
        for (var waits = 1; ; waits++)
        {
            if (await _sides[place.Home].WriteAsync(actor, place.Epoch, key, Scheduler.Random.Next(4) == 0 ? null : [$"{actor.Name}/{write}"]) is not null)
            {
                return;
            }

            place = await _ledger.For(actor).ReadAsync(_account, default);
            if (waits % WaitsMost == 0)
            {
                // It waited too long: any node ends what keeps it waiting.
                await NewMover(actor).RecoverAsync(_account, default);
            }
        }
    }

    /// <summary>Never refused, and never older than what was acknowledged before it began.</summary>
    private async Task ReadAsync(Actor actor)
    {
        for (var read = 0; read < Writes; read++)
        {
            var key = $"k{Scheduler.Random.Next(KeysMost)}";
            var acknowledged = _committed.LastOrDefault(write => write.Key == key).Version;
            (SideState State, long Version) seen;
            do
            {
                // Home, as the directory says, in whatever state: what was home a moment ago and is not any more is asked about again.
                var place = await _ledger.For(actor).ReadAsync(_account, default);
                seen = await DoAsync(actor, () => (_sides[place.Home].Side.State, VersionOf(_sides[place.Home], key)));
            }
            while (seen.State is not (SideState.Open or SideState.Frozen or SideState.Sealed));

            _reads++;
            if (seen.Version < acknowledged && Weakness == Weakness.None)
            {
                Violations.Add($"a read of {key} saw version {seen.Version} when {acknowledged} was acknowledged");
            }
        }
    }

    private static long VersionOf(MemorySide side, string key) => side.Rows.TryGetValue(key, out var row) ? row.Version : 0;

    private async Task MoveAsync(double crashes)
    {
        for (var lives = 0; lives < 8; lives++)
        {
            var actor = new Actor($"mover {lives}", crashes);
            try
            {
                for (var moves = 0; moves < 3; moves++)
                {
                    var mover = NewMover(actor);
                    var outcome = Scheduler.Random.Next(6) switch
                    {
                        0 => await mover.ReverseAsync(_account, default),
                        1 => await RetireAsync(mover),
                        2 => await mover.RecoverAsync(_account, default),
                        _ => await mover.MoveAsync(_account, "abc"[Scheduler.Random.Next(3)].ToString(), default),
                    };
                    _moved += outcome == MoveOutcome.Moved ? 1 : 0;
                }
            }
            catch (CrashedException)
            {
                // Another one is begun in its place.
            }
        }
    }

    private static async Task<MoveOutcome> RetireAsync(Mover mover)
    {
        await mover.RetireAsync(_account, default);
        return MoveOutcome.Elsewhere;
    }

    private async Task RecoverAsync() => await NewMover(new Actor("node", 0)).RecoverAsync(_account, default);

    private async Task WriteLastAsync() => await WriteOnceAsync(new Actor("last", 0), 0);

    private Mover NewMover(Actor actor) => new(_ledger.For(actor), _sides.ToDictionary(side => side.Key, side => side.Value.For(actor)), $"mover {++_movers}", _settings);
}
