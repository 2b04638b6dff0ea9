using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;

namespace Holdfast.Simulation.Tests;

/// <summary>One account, three stores, clients that write and read, and movers that are killed: what happens is decided by a seed.</summary>
internal sealed class World
{
    private const int KeysMost = 6;
    private const int WritesMost = 600;
    private const int WaitsMost = 40;

    private static readonly AccountId _account = new(new byte[16]);
    private static readonly MoverSettings _settings = new(RowsAtOnce: 3, LagMost: 3, RoundsMost: 80, FreezeMost: Timeout.InfiniteTimeSpan, PieceMost: Timeout.InfiniteTimeSpan, UnverifiedMost: 12);

    private readonly List<(string Key, long Version, object?[]? Values)> _committed = [];
    private readonly Dictionary<string, MemorySide> _sides;
    private readonly MemoryLedger _ledger;
    private long _lastVersion;
    private long _lastNumber;
    private int _movers;
    private int _moversLeft = 3;

    public World(int seed, Weakness weakness)
    {
        (Scheduler, Weakness) = (new Scheduler(seed), weakness);
        _sides = new[] { "a", "b", "c" }.ToDictionary(name => name, name => new MemorySide(this, name));
        _sides["a"].Side = Side.Absent with { State = SideState.Open, Epoch = 1 };
        _ledger = new MemoryLedger(this, new MoveRow("a", 1, MoveState.None, null, 0, null));
    }

    public Scheduler Scheduler { get; }

    public Weakness Weakness { get; }

    /// <summary>What went wrong; empty if all is well.</summary>
    public List<string> Violations { get; } = [];

    /// <summary>Moves that were decided.</summary>
    public int Decisions { get; set; }

    public int Writes { get; private set; }

    public int Reads { get; private set; }

    /// <summary>Ways back that were gone.</summary>
    public int Returns { get; private set; }

    /// <summary>One atomic step of an actor's: it may be gone before, or after, not knowing what came of it.</summary>
    public async Task<T> DoAsync<T>(Actor actor, Func<T> action)
    {
        await Scheduler.StepAsync(actor);
        var result = action();
        await Scheduler.StepAsync(actor);
        return result;
    }

    /// <summary>A write that a store committed: from now on it must be there for ever.</summary>
    public void Committed(MemorySide side, long epoch, Side now, IReadOnlyDictionary<string, object?[]?> rows)
    {
        if (now.Version <= _lastVersion || now.Numbers.Number <= _lastNumber)
        {
            Violations.Add($"version {now.Version} and number {now.Numbers.Number} were given out in {side.Name} (epoch {epoch}) after {_lastVersion} and {_lastNumber}");
        }

        (_lastVersion, _lastNumber, Writes) = (now.Version, now.Numbers.Number, Writes + 1);
        _committed.AddRange(rows.Select(row => (row.Key, now.Version, row.Value)));
    }

    /// <summary>A fence row is about to change.</summary>
    public void Changed(MemorySide side, Side to)
    {
        if (to.Epoch < side.Side.Epoch)
        {
            Violations.Add($"the epoch of {side.Name} fell from {side.Side.Epoch} to {to.Epoch}");
        }

        if (to.State == SideState.Open && _sides.Values.Any(other => other != side && other.Side.State == SideState.Open))
        {
            Violations.Add($"{side.Name} opens while another is open");
        }
    }

    /// <summary>Runs the history to its end, then looks.</summary>
    public void Run()
    {
        var tasks = new List<Task>();
        for (var client = 0; client < 3; client++)
        {
            tasks.Add(WriteAsync($"writer {client}"));
            tasks.Add(ReadAsync(new Actor($"reader {client}", 0)));
        }

        for (var mover = 0; mover < 3; mover++)
        {
            tasks.Add(MoveAsync());
        }

        Scheduler.Run(20_000);
        Scheduler.IsCalm = true;
        var ended = Scheduler.Run(40_000);

        // Everybody is gone: recovery alone must come to a good end, and the operator's abort of a copy that nobody goes on with.
        for (var round = 0; round < 5 && _ledger.Row.State is not (MoveState.None or MoveState.Reverse); round++)
        {
            tasks.Add(_ledger.Row.State == MoveState.Copying ? NewMover(new Actor("operator", 0)).AbortAsync(_account, default) : NewMover(new Actor("node", 0)).RecoverAsync(_account, default));
            ended &= Scheduler.Run(10_000);
        }

        tasks.Add(WriteOnceAsync(new Actor("last", 0), 0));
        ended &= Scheduler.Run(10_000);
        if (!ended)
        {
            Violations.Add("somebody waits for ever");
        }

        Violations.AddRange(tasks.Where(task => task.IsFaulted).Select(task => task.Exception!.InnerException!.ToString()));
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

        foreach (var other in _sides.Values.Where(side => side != home))
        {
            var isFormer = row.State == MoveState.Reverse && other.Name == row.Other;
            if (isFormer ? other.Side.State != SideState.Left || other.Side.Epoch != row.Epoch : other.Side.State != SideState.Absent || other.Rows.Count > 0)
            {
                Violations.Add(string.Create(CultureInfo.InvariantCulture, $"{other.Name} is {other.Side.State} with {other.Rows.Count} rows, and the move {row.State} from {row.Other}"));
            }
        }

        var expected = _committed.GroupBy(write => write.Key).Select(writes => writes.Last()).Where(write => write.Values is not null).ToDictionary(write => write.Key, write => (write.Version, (string?)write.Values![0]));
        var there = home.Rows.Where(pair => pair.Value.Values is not null).ToDictionary(pair => pair.Key, pair => (pair.Value.Version, (string?)pair.Value.Values![0]));
        foreach (var key in expected.Keys.Union(there.Keys).Where(key => expected.GetValueOrDefault(key) != there.GetValueOrDefault(key)))
        {
            Violations.Add($"{key} should be {expected.GetValueOrDefault(key)} and is {there.GetValueOrDefault(key)}");
        }
    }

    /// <summary>Writes until the movers are done; one that is killed is begun again.</summary>
    private async Task WriteAsync(string name)
    {
        var actor = new Actor(name, 0.005);
        for (var write = 0; write < WritesMost && _moversLeft > 0; write++)
        {
            try
            {
                await WriteOnceAsync(actor, write);
            }
            catch (Exception exception) when (exception is CrashedException or AnswerLostException)
            {
                actor = actor.IsDead ? new Actor(name, 0.005) : actor;
            }
        }
    }

    private async Task WriteOnceAsync(Actor actor, int write)
    {
        // Several rows in one write, some of them deleted.
        var rows = new Dictionary<string, object?[]?>();
        for (var i = Scheduler.Random.Next(1, 5); i > 0; i--)
        {
            rows[$"k{Scheduler.Random.Next(KeysMost)}"] = Scheduler.Random.Next(4) == 0 ? null : [$"{actor.Name}/{write}"];
        }

        var place = await _ledger.For(actor).ReadAsync(_account, default);
        for (var waits = 1; ; waits++)
        {
            if (await _sides[place.Home].WriteAsync(actor, place.Epoch, rows))
            {
                return;
            }

            place = await _ledger.For(actor).ReadAsync(_account, default);
            if (waits % WaitsMost == 0)
            {
                // It waited too long: any node ends what keeps it waiting.
                await (Scheduler.Random.Next(2) == 0 ? NewMover(actor).ReleaseAsync(_account, default) : NewMover(actor).RecoverAsync(_account, default));
            }
        }
    }

    /// <summary>Never refused, and never older than what was acknowledged before it began.</summary>
    private async Task ReadAsync(Actor actor)
    {
        for (var read = 0; read < WritesMost && _moversLeft > 0; read++)
        {
            var key = $"k{Scheduler.Random.Next(KeysMost)}";
            var (acknowledged, decisions, asked) = (_committed.LastOrDefault(write => write.Key == key).Version, Decisions, 0);
            (SideState State, long Version) seen;
            do
            {
                // Home, as the directory says, in whatever state: what was home a moment ago and is not any more is asked about again.
                var place = await _ledger.For(actor).ReadAsync(_account, default);
                seen = await DoAsync(actor, () => (_sides[place.Home].Side.State, VersionOf(_sides[place.Home], key)));
                asked++;
            }
            while (seen.State is not (SideState.Open or SideState.Frozen or SideState.Sealed));
            Reads++;
            if (asked > 1 + Decisions - decisions)
            {
                Violations.Add($"a read asked {asked} times while home changed {Decisions - decisions} times");
            }

            if (seen.Version < acknowledged)
            {
                Violations.Add($"a read of {key} saw version {seen.Version} when {acknowledged} was acknowledged");
            }
        }
    }

    private static long VersionOf(MemorySide side, string key) => side.Rows.TryGetValue(key, out var row) ? row.Version : 0;

    private async Task MoveAsync()
    {
        for (var lives = 0; lives < 8; lives++)
        {
            var actor = new Actor($"mover {lives}", 0.006);
            for (var moves = 0; moves < 3 && !actor.IsDead; moves++)
            {
                var mover = NewMover(actor);
                try
                {
                    await ActAsync(mover);
                }
                catch (Exception exception) when (exception is CrashedException or AnswerLostException)
                {
                    // Killed, another one is begun in its place; without an answer it asks again.
                }
            }
        }

        _moversLeft--;
    }

    private async Task ActAsync(Mover mover)
    {
        switch (Scheduler.Random.Next(8))
        {
            case 0 or 1:
                Returns += await mover.ReverseAsync(_account, new MoveWatch(), default) == MoveOutcome.Moved ? 1 : 0;
                break;
            case 2:
                await mover.RetireAsync(_account, default);
                break;
            case 3:
                await (Scheduler.Random.Next(2) == 0 ? mover.RecoverAsync(_account, default) : mover.AbortAsync(_account, default));
                break;
            default:
                await mover.MoveAsync(_account, "abc"[Scheduler.Random.Next(3)].ToString(), new MoveWatch(), default);
                break;
        }
    }

    private Mover NewMover(Actor actor) => new(_ledger.For(actor), _sides.ToDictionary(side => side.Key, side => side.Value.For(actor)), $"mover {++_movers}", _settings, TimeProvider.System);
}
