using Holdfast.Admission;

namespace Holdfast.Maintenance.Rehearsing;

/// <summary>Everybody who comes back, drawn from a seed.</summary>
internal sealed class Population
{
    private static readonly double[] _lines = [1, 3, 12, 60];
    private static readonly double[] _lineShares = [0.3, 0.4, 0.2, 0.1];

    /// <summary>When the service is back, on the wall's clock.</summary>
    public static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(40);

    public Population(FleetShape shape, Random random)
    {
        var count = shape.Clients;
        (Account, Line, Backlog, IsGreedy, IsAbsent, FirstCall, Askers) = (new int[count], new byte[count], new double[count], new bool[count], new bool[count], new int[count], new Asker[count]);
        for (var client = 0; client < count; client++)
        {
            // Accounts 0 … n - 1 are the big ones; everybody else is alone in theirs.
            Account[client] = random.NextDouble() < shape.InBigAccounts ? random.Next(shape.BigAccounts) : shape.BigAccounts + client;
            var drawn = random.NextDouble();
            while (Line[client] < _lines.Length - 1 && drawn >= _lineShares[Line[client]])
            {
                drawn -= _lineShares[Line[client]++];
            }

            var line = _lines[Line[client]] * shape.FasterLines;
            Backlog[client] = Math.Min(DrawBacklog(shape, random), shape.AloneMax * line);
            IsGreedy[client] = random.NextDouble() < shape.Greedy;
            IsAbsent[client] = random.NextDouble() < shape.Absent;
            FirstCall[client] = (int)(random.NextDouble() * shape.CallWithin);

            // Backups were daily: the last lies up to a day before the outage. The service knows backlogs from earlier days, roughly: off by half or twice, mostly. And it knows no line better than what it saw last.
            var known = Backlog[client] * Math.Exp(0.35 * Gauss(random));
            Askers[client] = new Asker((ulong)random.NextInt64(long.MinValue, long.MaxValue), Start.AddSeconds(-shape.Outage - (86_400 * random.NextDouble())), TimeSpan.FromSeconds(known / Math.Min(line, 12 * shape.FasterLines)));
        }
    }

    public int[] Account { get; }

    /// <summary>Which line: an index of <see cref="LineOf"/>.</summary>
    public byte[] Line { get; }

    public double[] Backlog { get; }

    public bool[] IsGreedy { get; }

    public bool[] IsAbsent { get; }

    public int[] FirstCall { get; }

    public Asker[] Askers { get; }

    public static int Lines => _lines.Length;

    public static double LineOf(int line) => _lines[line];

    private static double DrawBacklog(FleetShape shape, Random random) => shape.BacklogMean * shape.Backlog switch
    {
        BacklogForm.LogNormal => Math.Exp((1.66 * Gauss(random)) - (1.66 * 1.66 / 2)),
        BacklogForm.Pareto => 0.3 / 1.3 * Math.Pow(1 - random.NextDouble(), -1 / 1.3),
        _ => random.NextDouble() < 0.5 ? 0.02 : 1.98,
    };

    private static double Gauss(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
