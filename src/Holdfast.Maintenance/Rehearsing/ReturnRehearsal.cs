namespace Holdfast.Maintenance.Rehearsing;

/// <summary>What is known of a service whose return is rehearsed.</summary>
/// <param name="Computers">Computers that back up.</param>
/// <param name="BytesPerDay">What each has to send for a day, on average.</param>
/// <param name="BytesPerSecond">What the service takes in, as its operator believes.</param>
public sealed record ServiceNumbers(int Computers, double BytesPerDay, double BytesPerSecond);

/// <summary>How everybody's return went in a simulation.</summary>
/// <param name="Assumption">What was assumed.</param>
/// <param name="Away">How long the service had been away.</param>
/// <param name="After">When how many had caught up.</param>
/// <param name="Restore">A restore's time, 99th of a hundred, against an idle service's.</param>
/// <param name="HasCollapsed">Half an hour in which less than half was done of what could have been.</param>
public sealed record RehearsedReturn(string Assumption, TimeSpan Away, CaughtUpAfter After, double Restore, bool HasCollapsed);

/// <summary>
/// Everybody's return after a window, simulated under a clock of its own with the gate, the turns and the limit that the service uses; the server is a model, second by second (docs/benchmarks.md says which). The same
/// seed gives the same.
/// </summary>
public static class ReturnRehearsal
{
    private const double Mega = 1e6;
    private const double HoursPerDay = 24;

    /// <summary>What a service takes in at least, in MB a second, for the model's pieces to be small against it: a slower one is played as one so fast to which everybody has as much more to send by a line as much faster, which takes as long.</summary>
    private const double SlowestModelled = 50;

    /// <summary>Computers beyond these are simulated by as many with as much more each.</summary>
    private const int ComputersMax = 100_000;

    /// <summary>Rehearses a window that takes as long as expected, one that takes as long as it does once in ten times, and one where the service takes in only half of what is believed.</summary>
    public static IEnumerable<RehearsedReturn> Of(ServiceNumbers service, TimeSpan half, TimeSpan nineTenths, int seed)
    {
        yield return One("as long as expected", service, half, 1, seed);
        yield return One("as long as once in ten times", service, nineTenths, 1, seed);
        yield return One("that long, and the service takes in half of what is believed", service, nineTenths, 0.5, seed);
    }

    private static RehearsedReturn One(string assumption, ServiceNumbers service, TimeSpan away, double capacity, int seed)
    {
        var computers = Math.Clamp(service.Computers, 1, ComputersMax);

        // Backups were daily: besides what came up while the service was away, half a day on average.
        var days = (away.TotalHours / HoursPerDay) + 0.5;
        var believed = Math.Max(1e-6, service.BytesPerSecond / Mega);
        var faster = Math.Max(1, SlowestModelled / believed);
        var shape = new FleetShape
        {
            Clients = computers, Outage = away.TotalSeconds, Believed = believed * faster, FasterLines = faster, Misjudged = capacity, BacklogMean = Math.Max(1e-3, service.BytesPerDay * days * service.Computers / computers / Mega) * faster,
        };
        var outcome = Simulation.Run(shape, seed, (world, population) => new HoldfastControl(world, population));
        return new RehearsedReturn(assumption, away, outcome.Times, outcome.Restore, outcome.HasCollapsed);
    }
}
