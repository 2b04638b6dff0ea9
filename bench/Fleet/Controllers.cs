using Holdfast.Admission;

namespace Holdfast.Bench.Fleet;

/// <summary>Who decides when a client may begin.</summary>
internal abstract class Controller
{
    /// <summary>A client calls: nothing if it may begin, else when it comes again, in seconds since the service is back; its own back-off if the answer is less than nothing.</summary>
    public abstract double? Ask(int client, double now, bool forgetsTurn);

    /// <summary>A client has sent everything.</summary>
    public virtual void End(int client, double now)
    {
    }

    /// <summary>After each second.</summary>
    public abstract void Tick(double now, FluidServer server);

    public virtual double PieceLimit => double.PositiveInfinity;

    public virtual int HeavyWeight => 1;

    public virtual int WeightOf(int client) => 1;

    public virtual bool RestoresFirst => false;

    /// <summary>Whether the server says when a client's next backup is, or the client's own timer: a day after the last.</summary>
    public virtual bool DrawsNext => false;
}

/// <summary>No control: whoever calls begins.</summary>
internal sealed class NoControl : Controller
{
    public override double? Ask(int client, double now, bool forgetsTurn) => null;

    public override void Tick(double now, FluidServer server)
    {
    }
}

/// <summary>Stages of equal size at times of a plan.</summary>
internal sealed class FixedStages(int stages, double planned, int clients) : Controller
{
    public override double? Ask(int client, double now, bool forgetsTurn)
    {
        var opens = (long)client * stages / clients * planned / stages;
        return opens <= now ? null : opens;
    }

    public override void Tick(double now, FluidServer server)
    {
    }
}

/// <summary>So many at once, tuned for what the operator believes; who is refused comes again by its own back-off.</summary>
internal sealed class FixedCap(int cap) : Controller
{
    private int _active;

    public override double? Ask(int client, double now, bool forgetsTurn)
    {
        if (_active >= cap)
        {
            return -1;
        }

        _active++;
        return null;
    }

    public override void Tick(double now, FluidServer server) => _active = server.Active;
}

/// <summary>Additive increase, multiplicative decrease by response times as the server sees them: the client's line is in them. Restores go first.</summary>
internal sealed class LatencyAimd : Controller
{
    private const double TimeOut = 30;
    private double _limit = 100;
    private int _active;

    public override bool RestoresFirst => true;

    public override double? Ask(int client, double now, bool forgetsTurn)
    {
        if (_active >= _limit)
        {
            return -1;
        }

        _active++;
        return null;
    }

    public override void Tick(double now, FluidServer server)
    {
        _active = server.Active;
        _limit = server.Response > TimeOut ? Math.Max(10, _limit * 0.9) : _active * 2 >= _limit ? _limit + 1 : _limit;
    }
}

/// <summary>Holdfast's own: the gate and the limit that the service uses.</summary>
internal sealed class HoldfastControl : Controller
{
    private readonly SimulatedTime _time = new(Population.Start);
    private readonly QueueWaitLimit _limit;
    private readonly BackupsLimit _backups = new();
    private readonly Gate _gate;
    private readonly Population _population;
    private readonly DateTimeOffset?[] _turns;
    private readonly GateRate _rate;
    private readonly BringUp _order;
    private readonly double _backlog;
    private readonly double _believed;
    private readonly ControlParts _parts;
    private double _done;
    private long _admitted;
    private int _active;
    private TimeSpan _expected;

    public HoldfastControl(FleetShape shape, Population population, ControlParts? parts = null)
    {
        (_population, _turns, _parts) = (population, new DateTimeOffset?[shape.Clients], parts ?? new ControlParts());
        _limit = new QueueWaitLimit(_time);
        _gate = new Gate(_time);
        _order = BringUp.Of(Population.Start, population.Askers.Select(asker => asker.LastBackup));
        (_backlog, _believed) = (shape.BacklogMean * shape.Clients, shape.Believed);
        _expected = TimeSpan.FromSeconds(_backlog / _believed);
        _backups.Look(_limit.Limit, 0, 0);
        _rate = new GateRate(shape.Clients / _expected.TotalSeconds);
        _rate.Add(0, 0);
        Look();
    }

    public override double PieceLimit => _parts.Limit ? _limit.Limit : double.PositiveInfinity;

    public override int HeavyWeight => BringUp.HeavyWeight;

    public override bool RestoresFirst => _parts.RestoresFirst;

    public override bool DrawsNext => _parts.DrawsNext;

    public override int WeightOf(int client) => BringUp.Weight(_population.Askers[client], _expected);

    public override double? Ask(int client, double now, bool forgetsTurn)
    {
        _time.MoveTo(now);
        if (!_parts.Turns)
        {
            if (_active >= _gate.View.InFlightMax)
            {
                return -1;
            }

            (_active, _admitted) = (_active + 1, _admitted + 1);
            return null;
        }

        var turn = forgetsTurn && _turns[client] is { } told && told > _time.GetUtcNow() ? null : _turns[client];
        if (turn is { } shown && _gate.TooEarly(shown) is { } early)
        {
            return (early.At - Population.Start).TotalSeconds;
        }

        var answer = _gate.Ask(_population.Askers[client], turn);
        if (answer.IsAdmitted)
        {
            _admitted++;
            return null;
        }

        _turns[client] = answer.At;
        return (answer.At - Population.Start).TotalSeconds;
    }

    public override void End(int client, double now) => _population.Askers[client] = _population.Askers[client] with { LastBackup = Population.Start.AddSeconds(now), Alone = TimeSpan.Zero };

    public override void Tick(double now, FluidServer server)
    {
        _time.MoveTo(now + 1);
        _limit.Begin(TimeSpan.FromSeconds(server.Wait), server.InFlight);
        _done += server.Goodput;
        _active = server.Active;
        if (now % QueueWaitLimit.Window.TotalSeconds == 0)
        {
            _backups.Look(_limit.Limit, server.InFlight, _active);
        }

        _rate.Add(1, _admitted);

        // Nothing is known of what is left but what history says; the rate is measured.
        if (now > 600 && _done > 0)
        {
            _expected = TimeSpan.FromSeconds(now + (Math.Max(0, _backlog - _done) / (_done / now)));
        }

        Look();
    }

    private void Look() => _gate.Look(new GateView
    {
        Mode = GateMode.Ramp, BringUp = _order, Expected = _expected, Admitted = _admitted, AdmittedPerSecond = _rate.PerSecond,
        InFlight = _active, InFlightMax = _parts.Limit ? _backups.Limit : int.MaxValue / 2,
    });
}

/// <summary>Parts that are switched off to see that each is needed.</summary>
internal sealed record ControlParts
{
    /// <summary>The limit of pieces and backups in flight.</summary>
    public bool Limit { get; init; } = true;

    /// <summary>Turns: without them whoever calls while there is room begins, and others come again by their own back-off.</summary>
    public bool Turns { get; init; } = true;

    public bool RestoresFirst { get; init; } = true;

    public bool DrawsNext { get; init; } = true;
}
