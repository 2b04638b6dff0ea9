namespace Holdfast.Permissions.Estimating;

/// <summary>How long a change would take, by what earlier ones on the same kind of medium took.</summary>
/// <param name="Runs">How many earlier runs it goes by.</param>
/// <param name="Half">As likely longer as shorter; null without earlier runs.</param>
/// <param name="NineTenths">Longer once in ten times.</param>
public sealed record PermissionEstimate(int Runs, TimeSpan? Half, TimeSpan? NineTenths)
{
    /// <summary>Few runs say little about the spread: as wide as with one run, narrower with each.</summary>
    private const double WidestFactor = 2;

    /// <summary>A run that had less to do says more about starting up than about rates.</summary>
    private const long EntriesLeast = 1000;

    /// <param name="entries">Entries in the tree.</param>
    /// <param name="wrong">How many have to be changed.</param>
    /// <param name="look">How long looking at all of them takes, as measured now.</param>
    /// <param name="earlier">Runs on the same kind of medium, with as many threads.</param>
    public static PermissionEstimate Of(long entries, long wrong, TimeSpan look, IReadOnlyList<PermissionActuals> earlier)
    {
        // A pass that looks, and what each change took beyond that.
        var perChange = earlier.Where(run => run.Changed >= EntriesLeast && run.Changed * 2 >= run.Entries).Select(run => run.Seconds / run.Changed).Order().ToList();
        if (wrong == 0)
        {
            return new PermissionEstimate(earlier.Count, look, look * 1.5);
        }

        if (perChange.Count == 0)
        {
            return new PermissionEstimate(0, null, null);
        }

        var median = perChange[perChange.Count / 2];
        var upper = Math.Max(perChange[(int)Math.Min(perChange.Count - 1, Math.Ceiling(0.9 * perChange.Count))], median * (1 + ((WidestFactor - 1) / perChange.Count)));
        TimeSpan Time(double each) => look * ((double)(entries - wrong) / Math.Max(1, entries)) + TimeSpan.FromSeconds(each * wrong);
        return new PermissionEstimate(perChange.Count, Time(median), Time(upper));
    }
}
