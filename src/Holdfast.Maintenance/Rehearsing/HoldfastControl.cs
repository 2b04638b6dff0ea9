using Holdfast.Admission;

namespace Holdfast.Maintenance.Rehearsing;

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
