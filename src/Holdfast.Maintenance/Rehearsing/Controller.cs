namespace Holdfast.Maintenance.Rehearsing;

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
