namespace Holdfast.Maintenance.Rehearsing;

/// <summary>A service whose work flows, second by second: what it takes in falls when too much is in flight, and pieces that wait longer than a minute are sent in vain.</summary>
/// <remarks>Backups of the same line and weight advance together, so a second costs nothing for each of them: a backup ends when what one of its kind has sent since the beginning reaches where it began and its backlog.</remarks>
internal sealed class FluidServer(FleetShape shape, Random random)
{
    private const double PieceLength = 16;

    private const double PieceLife = 60;

    /// <summary>What restores take.</summary>
    private const double RestoreShare = 0.02;

    /// <summary>A restore's own wait for the disks of an idle service.</summary>
    private const double RestoreAlone = 0.08;

    /// <summary>A refusal's processor time, of all the service's.</summary>
    private const double RefusalCost = 100e-6 / 4;

    private const int Weights = 2;

    // In flight, without loss.
    private readonly double _room = 0.8 * shape.Believed;

    private readonly double[] _sent = new double[Population.Lines * Weights];
    private readonly int[] _active = new int[Population.Lines * Weights];
    private readonly PriorityQueue<(int Client, int Attempt), double>[] _ends = [.. Enumerable.Range(0, Population.Lines * Weights).Select(_ => new PriorityQueue<(int, int), double>())];
    private readonly double[] _rates = new double[Population.Lines * Weights];
    private readonly int[] _attempts = new int[shape.Clients];
    private readonly double[] _endOf = new double[shape.Clients];
    private readonly double _driftPhase = random.NextDouble() * 2 * Math.PI;
    private readonly double _slowHour = (1 + (9 * random.NextDouble())) * 3600;

    /// <summary>When capacity is lost for good.</summary>
    public double LossAt { get; set; } = double.PositiveInfinity;

    public int Active { get; private set; }

    /// <summary>What went in this second.</summary>
    public double Goodput { get; private set; }

    /// <summary>How long a piece lay in the queue.</summary>
    public double Wait { get; private set; }

    /// <summary>How long a piece took as its client sees it: its line too.</summary>
    public double Response { get; private set; }

    public int InFlight { get; private set; }

    /// <summary>What it could take in this second if all were well, restores apart.</summary>
    public double Capacity { get; private set; }

    /// <summary>Whether pieces are sent in vain now.</summary>
    public bool IsDrowned => Wait > PieceLife;

    public void Begin(int client, int line, int weight, double backlog)
    {
        var kind = KindOf(line, weight);
        _endOf[client] = _sent[kind] + backlog;
        _ends[kind].Enqueue((client, ++_attempts[client]), _endOf[client]);
        _active[kind]++;
        Active++;
    }

    /// <summary>A client gives up; what is left of its backlog.</summary>
    public double Leave(int client, int line, int weight)
    {
        var kind = KindOf(line, weight);
        _attempts[client]++;
        _active[kind]--;
        Active--;
        return _endOf[client] - _sent[kind];
    }

    public double CapacityAt(double now)
    {
        var drift = 1 + (0.05 * Math.Sin(_driftPhase + (now / 5000)));
        var slow = now >= _slowHour && now < _slowHour + 3600 ? 0.5 : 1;
        var left = now >= LossAt ? shape.LeftAfterLoss : 1;
        return (shape.Believed * shape.Misjudged * drift * slow * left) - (RestoreShare * shape.Believed);
    }

    /// <summary>One second.</summary>
    /// <param name="now">Seconds since the service is back.</param>
    /// <param name="limit">Pieces that may be in flight.</param>
    /// <param name="heavy">The larger weight.</param>
    /// <param name="refused">Calls that were refused in the second before.</param>
    /// <param name="ended">Clients that have sent everything.</param>
    public void Run(double now, double limit, int heavy, int refused, List<int> ended)
    {
        Capacity = CapacityAt(now);
        InFlight = (int)Math.Min(Active, limit);
        var excess = Math.Max(0, (InFlight / _room) - 1);
        var able = Capacity / (1 + (0.5 * excess * excess)) * Math.Max(0.1, 1 - (refused * RefusalCost));
        var share = Active == 0 ? 0 : InFlight / (double)Active;
        var demand = 0.0;
        for (var kind = 0; kind < _active.Length; kind++)
        {
            demand += _active[kind] * LineOf(kind) * share;
        }

        Goodput = Divide(Math.Min(able, demand), share, heavy);
        Wait = demand > able ? InFlight * PieceLength * ((1 / able) - (1 / demand)) : 0;
        Response = Goodput > 0 ? InFlight * PieceLength / Goodput : 0;
        if (IsDrowned)
        {
            Goodput = 0;
            return;
        }

        for (var kind = 0; kind < _active.Length; kind++)
        {
            _sent[kind] += _rates[kind];
            while (_ends[kind].TryPeek(out var next, out var end) && (end <= _sent[kind] || _attempts[next.Client] != next.Attempt))
            {
                _ends[kind].Dequeue();
                if (_attempts[next.Client] == next.Attempt)
                {
                    _active[kind]--;
                    Active--;
                    ended.Add(next.Client);
                }
            }
        }
    }

    /// <summary>One restore's time against that of an idle service's mean: its own wait for disks, slowed by what is in flight; then the queue, unless restores go first: then the piece that is under way.</summary>
    public double RestoreTime(bool restoresFirst)
    {
        var excess = Math.Max(0, (InFlight / _room) - 1);
        var own = -Math.Log(1 - random.NextDouble()) * RestoreAlone * (1 + (0.5 * excess * excess));
        var queue = restoresFirst ? (InFlight > 0 ? random.NextDouble() * PieceLength / Capacity : 0) : Wait * 2 * random.NextDouble();
        return (own + queue) / RestoreAlone;
    }

    private double LineOf(int kind) => Population.LineOf(kind / Weights) * shape.FasterLines;

    private static int KindOf(int line, int weight) => (line * Weights) + (weight > 1 ? 1 : 0);

    /// <summary>The largest fair shares by weight that no line exceeds (max-min, by filling up); returns their sum.</summary>
    private double Divide(double able, double share, int heavy)
    {
        var (left, level, sum) = (able, 0.0, 0.0);
        var open = Enumerable.Range(0, _active.Length).Where(kind => _active[kind] > 0).OrderBy(kind => LineOf(kind) / Weight(kind)).ToArray();
        var weights = open.Sum(kind => (double)_active[kind] * Weight(kind));
        foreach (var kind in open)
        {
            level = left / weights;
            _rates[kind] = Math.Min(LineOf(kind) * share, level * Weight(kind));
            left -= _rates[kind] * _active[kind];
            weights -= (double)_active[kind] * Weight(kind);
            sum += _rates[kind] * _active[kind];
        }

        return sum;

        int Weight(int kind) => kind % Weights == 1 ? heavy : 1;
    }
}
