namespace Holdfast.Admission;

/// <summary>The order in which all computers come back after an outage: oldest last backup first, and whoever needs longest alone before that. Immutable; any node finds the same rank without asking another.</summary>
/// <remarks>
/// Computers are ranked by cohorts of their last backup. Inside a cohort a computer's place is drawn (from its id), so that an account of many is spread over the cohort as everybody's are. A long backlog
/// moves its computer forward: what one line can send in a day decides the end, and capacity does not, if it starts late.
/// </remarks>
public sealed class BringUp
{
    /// <summary>How much a long backlog counts: one that alone takes a fifth of the expected time goes first.</summary>
    private const double AloneFactor = 5;

    /// <summary>Beyond this share of the expected time a computer needs a larger share of the service to be done with the others.</summary>
    private const double HeavyShare = 0.25;

    /// <summary>The larger share.</summary>
    public const int HeavyWeight = 16;

    /// <summary>The most cohorts; those before the first of them are in it.</summary>
    public const int CohortsMax = 32;

    /// <summary>How far last backups of one cohort lie apart.</summary>
    public static readonly TimeSpan CohortLength = TimeSpan.FromHours(6);

    // How many are in older cohorts; the last number is all of them.
    private readonly long[] _before = new long[CohortsMax + 1];

    /// <param name="began">When the gate began to open.</param>
    /// <param name="cohorts">Computers in each of <see cref="CohortsMax"/> cohorts, the oldest first; none is less than nothing.</param>
    public BringUp(DateTimeOffset began, IReadOnlyList<long> cohorts)
    {
        if (cohorts.Count != CohortsMax || cohorts.Any(count => count < 0))
        {
            throw new ArgumentException($"There are {CohortsMax} cohorts of no fewer than no computers.", nameof(cohorts));
        }

        (Began, Cohorts) = (began, cohorts);
        for (var cohort = 0; cohort < CohortsMax; cohort++)
        {
            _before[cohort + 1] = _before[cohort] + cohorts[cohort];
        }
    }

    /// <summary>When the gate began to open.</summary>
    public DateTimeOffset Began { get; }

    /// <summary>Computers in each cohort, the oldest first.</summary>
    public IReadOnlyList<long> Cohorts { get; }

    /// <summary>All computers that may come.</summary>
    public long Population => _before[CohortsMax];

    /// <summary>Which cohort a computer belongs to, 0 for the oldest.</summary>
    /// <param name="began">When the gate began to open.</param>
    /// <param name="lastBackup">When its newest snapshot was received, if it has one; a time to come is now.</param>
    public static int CohortOf(DateTimeOffset began, DateTimeOffset? lastBackup) =>
        lastBackup is { } last ? CohortsMax - 1 - (int)Math.Clamp((began - last) / CohortLength, 0, CohortsMax - 1) : 0;

    /// <summary>Counts computers into cohorts.</summary>
    /// <param name="began">When the gate begins to open.</param>
    /// <param name="lastBackups">Of every computer that may come.</param>
    public static BringUp Of(DateTimeOffset began, IEnumerable<DateTimeOffset?> lastBackups)
    {
        var cohorts = new long[CohortsMax];
        foreach (var last in lastBackups)
        {
            cohorts[CohortOf(began, last)]++;
        }

        return new BringUp(began, cohorts);
    }

    /// <summary>A computer's place in the order, from nothing to one: how many of all go before it.</summary>
    /// <param name="asker">The computer.</param>
    /// <param name="expected">How long the whole takes, as far as is known now.</param>
    public double Rank(Asker asker, TimeSpan expected)
    {
        if (asker.LastBackup > Began)
        {
            // It has had its turn: its next backup waits for everybody's first.
            return 1;
        }

        var cohort = CohortOf(Began, asker.LastBackup);
        var drawn = asker.Id / (double)ulong.MaxValue;
        var rank = (_before[cohort] + (drawn * Cohorts[cohort])) / Math.Max(1, Population);
        return rank * Math.Max(0, 1 - (AloneFactor * ShareOf(asker, expected)));
    }

    /// <summary>The computer's share of the service beside others: one, or more if it would otherwise be last.</summary>
    public static int Weight(Asker asker, TimeSpan expected) => ShareOf(asker, expected) > HeavyShare ? HeavyWeight : 1;

    private static double ShareOf(Asker asker, TimeSpan expected) => expected > TimeSpan.Zero ? Math.Max(0, asker.Alone / expected) : 0;
}
