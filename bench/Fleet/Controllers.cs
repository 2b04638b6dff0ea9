using Holdfast.Maintenance.Rehearsing;

namespace Holdfast.Bench.Fleet;

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
