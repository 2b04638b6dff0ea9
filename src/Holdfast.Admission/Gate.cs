namespace Holdfast.Admission;

/// <summary>Decides who may begin a backup now, and tells everybody else when to come. Deterministic; the clock comes from outside. Not thread-safe.</summary>
/// <remarks>
/// Everybody has a rank (<see cref="BringUp"/>). Ranks up to an edge may begin; the edge runs ahead of those let in by half an hour of them, so that whoever is missing leaves no place empty. Beyond
/// it a computer is told when the edge will have come to it. Before it, with every place taken, it is told its next moment: these lie evenly, and each lets it try once. Who comes before the moment it was
/// told gets the same moment again, so polling gains nothing, and costs no look at anything but the turn that was shown.
/// </remarks>
public sealed class Gate(TimeProvider time)
{
    /// <summary>Nobody is told to come later than this: the rates that times follow from change.</summary>
    public static readonly TimeSpan Heartbeat = TimeSpan.FromMinutes(30);

    /// <summary>How far the edge runs ahead.</summary>
    public static readonly TimeSpan Pool = TimeSpan.FromMinutes(10);

    /// <summary>How long after its moment a turn is still good.</summary>
    public static readonly TimeSpan TurnLife = Heartbeat;

    /// <summary>How long a gate that refused somebody in turn for want of a place lets nobody pass out of turn.</summary>
    private static readonly TimeSpan _contention = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan _soon = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan _leastClosed = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _mostClosed = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan _shortestRound = TimeSpan.FromSeconds(30);

    private const int RoundsDoubled = 4;

    /// <summary>Tries a place should have, when one comes free, in the time until the next does: few enough to cost nothing, enough that none stays empty.</summary>
    private const double TriesPerPlace = 6;

    /// <summary>Fewer than so many tries for each that is let in, and few wait before the edge: those it waits for are not there.</summary>
    private const double TriesExpected = 2;

    /// <summary>More than so many, and the edge is too far ahead.</summary>
    private const double TriesMany = 4;

    private static readonly TimeSpan _memory = TimeSpan.FromMinutes(1);

    /// <summary>The edge moves so much faster than those let in while few wait before it.</summary>
    private const double SkippingSpeed = 4;

    private const double SkippingBack = 1;

    /// <summary>The share of all places that computers get whose turn was long ago, before those whose turn has just come.</summary>
    private const double KeptShare = 0.02;

    /// <summary>What long ago is.</summary>
    private static readonly TimeSpan _overdue = 2 * Pool;

    private readonly UsedTurns _used = new();
    private GateView _view = new() { Mode = GateMode.Closed };
    private int _begunSince;
    private int _endedSince;
    private double _tried;
    private double _letIn;
    private DateTimeOffset _lastBusy = DateTimeOffset.MinValue;
    private DateTimeOffset _lastLook = DateTimeOffset.MinValue;
    private DateTimeOffset _lastAsked = DateTimeOffset.MinValue;

    /// <summary>What nodes know together.</summary>
    public GateView View => _view;

    /// <summary>When this node last refused somebody in turn for want of a place.</summary>
    public DateTimeOffset LastBusy => _lastBusy;

    /// <summary>What this node let in and learned the end of since its last look: a look that was begun now will not know of more.</summary>
    public (int Begun, int Ended) Since => (_begunSince, _endedSince);

    /// <summary>Places in the order that this node passed over since nobody came for them.</summary>
    public double Skipped { get; private set; }

    /// <summary>Takes over what nodes know together; called every second or so.</summary>
    /// <param name="view">What they know.</param>
    /// <param name="known">What of this node's own it holds: <see cref="Since"/> when it was told; all, unless given.</param>
    public void Look(GateView view, (int Begun, int Ended)? known = null)
    {
        var now = time.GetUtcNow();
        if (view.BringUp?.Began != _view.BringUp?.Began)
        {
            Skipped = 0;
        }

        var (begun, ended) = known ?? Since;
        (_view, _begunSince, _endedSince) = (view, _begunSince - begun, _endedSince - ended);
        var seconds = _lastLook > DateTimeOffset.MinValue ? Math.Clamp((now - _lastLook).TotalSeconds, 0, _memory.TotalSeconds) : 0;
        if (view.Mode == GateMode.Ramp && now - _lastAsked < _memory)
        {
            var speed = _tried < TriesExpected * (_letIn + 1) ? SkippingSpeed : _tried > TriesMany * (_letIn + 1) ? -SkippingBack : 0;
            Skipped = Math.Max(0, Skipped + (speed * Rate * seconds / Math.Max(1, view.Nodes)));
        }

        var kept = Math.Exp(-seconds / _memory.TotalSeconds);
        (_tried, _letIn, _lastLook) = (_tried * kept, _letIn * kept, now);
    }

    /// <summary>Whether everybody had their turn: the edge has passed the last place and nobody before it waits, or nobody has come for so long that nobody is going to.</summary>
    public bool IsOver => _view.BringUp is { } order && !_view.IsContendedElsewhere && !IsContended(time.GetUtcNow())
        && (AdmittedNow + SkippedByAll >= order.Population || (_view.InFlight == 0 && time.GetUtcNow() - (_lastAsked > order.Began ? _lastAsked : order.Began) > 2 * Heartbeat));

    /// <summary>A backup has ended that this node learned of; its place is free.</summary>
    public void End() => _endedSince++;

    /// <summary>Whether a turn that was shown is for a later moment: then that is the answer, and nothing else need be looked at.</summary>
    public GateAnswer? TooEarly(DateTimeOffset turn)
    {
        var now = time.GetUtcNow();
        return turn > now && turn <= now + Heartbeat && (_view.Mode != GateMode.Open || IsContended(now)) ? new GateAnswer(ReasonNow, turn, turn) : null;
    }

    /// <summary>A computer asks to begin.</summary>
    /// <param name="asker">The computer.</param>
    /// <param name="turn">The moment it was told, proved to be what this service told this computer; nothing if it shows none.</param>
    public GateAnswer Ask(Asker asker, DateTimeOffset? turn)
    {
        var now = _lastAsked = time.GetUtcNow();
        if (_view.Mode is GateMode.Closed or GateMode.Held)
        {
            return Refuse(ReasonNow, asker, now, UntilOpen(asker, now));
        }

        if (turn is { } told && TooEarly(told) is { } early)
        {
            return early;
        }

        var isContended = IsContended(now);
        var ahead = AheadOf(asker);
        if (ahead > 0 && (isContended || Free <= 0))
        {
            return Refuse(GateReason.Turn, asker, now, TimeSpan.FromSeconds(Math.Min(ahead / Rate, TimeSpan.FromDays(365).TotalSeconds)));
        }

        var isDue = turn is { } moment && moment <= now && now - moment <= TurnLife && _used.TryUse(asker.Id, moment, now);
        var kept = ahead > double.NegativeInfinity ? _view.InFlightMax * KeptShare / Math.Max(1, _view.Nodes) * Math.Clamp(1 + (ahead / (Rate * _overdue.TotalSeconds)), 0, 1) : 0;
        _tried += ahead <= 0 ? 1 : 0;
        if (Free <= kept || (isContended && !isDue))
        {
            if (Free <= kept && ahead <= 0)
            {
                _lastBusy = now;
            }

            var at = NextMoment(asker, now);
            return new GateAnswer(ReasonNow, at, at);
        }

        (_begunSince, _letIn) = (_begunSince + 1, _letIn + 1);
        return new GateAnswer(GateReason.None, now, now);
    }

    private GateReason ReasonNow => _view.Mode switch
    {
        GateMode.Open => GateReason.Busy,
        GateMode.Closed => GateReason.Closed,
        GateMode.Held => GateReason.Held,
        _ => GateReason.Turn,
    };

    private double Free => ((_view.InFlightMax - _view.InFlight) / (double)Math.Max(1, _view.Nodes)) - _begunSince + _endedSince;

    private double Rate => Math.Max(_view.AdmittedPerSecond, 0.001);

    private long AdmittedNow => _view.Admitted + _begunSince;

    private double SkippedByAll => Skipped + _view.SkippedElsewhere;

    private double Edge => AdmittedNow + SkippedByAll + (Pool.TotalSeconds * Rate);

    private bool IsContended(DateTimeOffset now) => now - _lastBusy < _contention && now >= _lastBusy;

    /// <summary>How many go before the edge comes to this computer; nothing or less if it has.</summary>
    private double AheadOf(Asker asker) => _view is { Mode: GateMode.Ramp, BringUp: { } order } ? (order.Rank(asker, _view.Expected) * order.Population) - Edge : double.NegativeInfinity;

    /// <summary>
    /// How long a closed gate has a computer wait: as long as it is expected to stay closed; what is late by some time, as long again. But never less than a quarter of how long it has been closed, up to some minutes, and
    /// differently long for each: what always opens in a moment may never do so, and all would come each moment.
    /// </summary>
    private TimeSpan UntilOpen(Asker asker, DateTimeOffset now)
    {
        if (_view.OpensAt is not { } opens)
        {
            return Heartbeat;
        }

        var expected = (opens - now).Duration();
        var least = TimeSpan.FromSeconds(Math.Clamp((now - _view.Since).TotalSeconds / 4, _leastClosed.TotalSeconds, _mostClosed.TotalSeconds)) * (1 + Fraction(Mix(asker.Id)));
        return expected > least ? expected : least;
    }

    /// <summary>Times beyond a heartbeat are cut, and spread, so that nobody's next call meets all the others'.</summary>
    private GateAnswer Refuse(GateReason reason, Asker asker, DateTimeOffset now, TimeSpan wait)
    {
        // A rate that was measured for a minute says nothing of the next half hour: at first everybody is told to come soon.
        var farthest = reason == GateReason.Turn && _view.BringUp is { } order && (now - order.Began) / 2 is var known && known < Heartbeat ? (known > _soon ? known : _soon) : Heartbeat;
        var drawn = Fraction(Mix(~asker.Id));
        var at = wait >= 0.9 * farthest ? farthest * (0.7 + (0.3 * drawn)) : wait * (0.9 + (0.2 * drawn));
        at = at < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : at;
        return new GateAnswer(reason, now + at, now + (wait > at ? wait : at));
    }

    /// <summary>The computer's next moment in rounds whose length follows how many wait.</summary>
    private DateTimeOffset NextMoment(Asker asker, DateTimeOffset now)
    {
        var waiting = _view.BringUp is { } order && _view.Mode == GateMode.Ramp ? Math.Clamp(order.Population - AdmittedNow, 0, Pool.TotalSeconds * Rate) : 0;
        waiting = Math.Max(waiting, _tried * Math.Max(1, _view.Nodes));
        var wanted = waiting / (TriesPerPlace * Rate);
        var round = _shortestRound;
        for (var doubled = 0; doubled < RoundsDoubled && round.TotalSeconds < wanted; doubled++)
        {
            round *= 2;
        }

        // One moment in each round, drawn anew for each: the same whoever asks how often, and nobody always behind the same others.
        var number = now.UtcTicks / round.Ticks;
        var moment = MomentIn(number);
        return new DateTimeOffset(moment > now.UtcTicks ? moment : MomentIn(number + 1), TimeSpan.Zero);

        long MomentIn(long number) => (number * round.Ticks) + (long)(Fraction(Mix(asker.Id + (ulong)number)) * round.Ticks);
    }

    /// <summary>Spreads bits (the finaliser of SplitMix64; Steele, Lea and Flood, OOPSLA 2014).</summary>
    private static ulong Mix(ulong bits)
    {
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9;
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB;
        return bits ^ (bits >> 31);
    }

    private static double Fraction(ulong bits) => (bits >> 11) * (1.0 / (1UL << 53));
}
