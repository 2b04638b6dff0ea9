using Holdfast.Authority.Measuring;
using Holdfast.Maintenance.Estimating;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>What the service knows of its own growth, and of what work took: read once for an estimate.</summary>
internal sealed class KnownWork(IReadOnlyList<GrowthSample> samples, IReadOnlyList<Actual> actuals, DateTimeOffset now)
{
    private const int SecondsPerDay = 86_400;
    private const double Noon = 0.5;
    private const double MostOfThem = 0.75;

    private static readonly TimeSpan _lately = TimeSpan.FromDays(30);

    /// <summary>What was known at a moment before.</summary>
    public KnownWork At(DateTimeOffset before) => new([.. samples.Where(sample => sample.Day < before.ToUnixTimeSeconds() / SecondsPerDay)], [.. actuals.Where(actual => actual.EndedAt < before.ToUnixTimeSeconds())], before);

    /// <summary>The values of a metric by day, of these subjects together; a day on which many of them are missing, because a store was away, is left out.</summary>
    public IReadOnlyList<VolumeSample> Samples(string metric, Func<string, bool> isOf)
    {
        var days = samples.Where(sample => sample.Metric == metric && isOf(sample.Subject)).GroupBy(sample => sample.Day).Select(day => (Day: day.Key, Count: day.Count(), Sum: day.Sum(sample => (double)sample.Value))).ToList();
        var most = days.Count == 0 ? 0 : days.Max(day => day.Count);
        return [.. days.Where(day => day.Count >= MostOfThem * most).Select(day => new VolumeSample(day.Day + Noon, day.Sum))];
    }

    /// <summary>What rehearsals measured of a kind of work, lately.</summary>
    public IReadOnlyList<Probe> Probes(string kind, Func<string, bool> isOf) =>
        [.. actuals.Where(actual => actual.Kind == Actuals.OfSample + kind && isOf(actual.Subject) && actual.EndedAt >= (now - _lately).ToUnixTimeSeconds())
            .Select(actual => new Probe(actual.Volume, actual.Milliseconds / 1000.0, actual.Threads > 0 ? actual.Threads : null))];

    /// <summary>Runs of a kind of work.</summary>
    public IReadOnlyList<Holdfast.Maintenance.Estimating.StepRun> Runs(string kind, Func<string, bool> isOf) =>
        [.. actuals.Where(actual => actual.Kind == kind && isOf(actual.Subject)).Select(actual => new Holdfast.Maintenance.Estimating.StepRun((double)actual.EndedAt / SecondsPerDay, actual.Volume, actual.Milliseconds / 1000.0, actual.Threads > 0 ? actual.Threads : null))];
}
