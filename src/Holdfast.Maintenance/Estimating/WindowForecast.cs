namespace Holdfast.Maintenance.Estimating;

/// <summary>
/// How long a window will take: each step's volume and rate are drawn some hundred times, and the window's quantiles are those of the sums (P90s that were added up would promise far too much). A part of what makes
/// a run slow makes all its steps slow.
/// </summary>
public sealed class WindowForecast
{
    private const int DrawsMade = 1200;

    /// <summary>Of the spread of a run, how much its steps have together; and of what is not known of growth.</summary>
    private const double SharedNoise = 0.6;
    private const double SharedGrowth = 0.5;

    /// <summary>Some runs simply go wrong.</summary>
    private const double BadRunShare = 0.05;
    private const double BadRunLeast = 1.2;
    private const double BadRunMost = 2.2;

    /// <summary>Until the window begins a large customer may come, or a step outgrow something, the sooner the faster it grows: what no history and no probe shows.</summary>
    private const double SurprisesPerMonth = 0.02;
    private const double SurprisesByGrowth = 0.4;
    private const double SurpriseLeast = 1.2;
    private const double SurpriseMost = 2.2;

    private readonly RunDraws _run;
    private readonly IReadOnlyList<StepDraws> _draws;

    private WindowForecast(IReadOnlyList<StepForecast> steps, RunDraws run, IReadOnlyList<StepDraws> draws) => (Steps, _run, _draws) = (steps, run, draws);

    /// <summary>The steps, in their order.</summary>
    public IReadOnlyList<StepForecast> Steps { get; }

    /// <summary>Steps of which nothing can be said, because their volume or their rate is not known: then the window's interval is no promise.</summary>
    public IReadOnlyList<string> Unknown => [.. Steps.Where(step => step.Interval is null).Select(step => step.Name)];

    /// <summary>How long the first steps take together, so many of them; all unless told. Steps of which nothing is known count as nothing.</summary>
    public Interval First(int steps = int.MaxValue) => Calibration.Of(Sum(_draws.Take(steps).Select(step => step.Seconds)));

    /// <summary>Estimates the steps of a window that begins on a day (days since 1970). The same input and seed give the same.</summary>
    public static WindowForecast Of(double start, IReadOnlyList<StepHistory> histories, int seed = 1)
    {
        var random = new Random(seed);
        var run = new RunDraws(Normals(random), Normals(random), [.. Enumerable.Range(0, DrawsMade).Select(_ => random.NextDouble() < BadRunShare ? Math.Log(BadRunLeast + (random.NextDouble() * (BadRunMost - BadRunLeast))) : 0)]);
        var (steps, all) = (new List<StepForecast>(), new List<StepDraws>());
        foreach (var history in histories)
        {
            var volume = history.Volume is { } said && Sound.IsVolume(said) ? new VolumeForecast(said, 0, Math.Log(said), 0, 0) : VolumeForecast.At(start, history.Samples);
            var rate = volume is null ? null : RateForecast.Of(RateModel.At(volume.LogMean, history.Threads, history.Runs), history.Probes, history.Threads);
            var draws = new StepDraws(new double[DrawsMade], 0, IsEstimated: false, null);
            if (history.Fixed is { } time)
            {
                Array.Fill(draws.Seconds, time.TotalSeconds);
            }
            else if (volume is not null && rate is not null)
            {
                draws = Draw(volume, rate, run, random, history.PerSecondMost) with { Turnover = history.Turnover };
                draws = draws.Behind(Sum(all.Select(step => step.Seconds)));
            }

            all.Add(draws);
            steps.Add(new StepForecast(history.Name, volume, rate?.PerSecond, history.Runs.Count(one => one.IsSound), history.Probes.Count(one => one.IsSound), draws.IsEstimated || history.Fixed is not null ? Calibration.Of(draws.Seconds) : null,
                rate is not null && history.Runs.Any(one => one.IsSound) && history.Probes.Any(one => one.IsSound) ? 1 - rate.AsBefore : null));
        }

        return new WindowForecast(steps, run, all);
    }

    /// <summary>How long the window will have taken, now that some of it has happened.</summary>
    /// <param name="progress">What became of each step, in their order; those that are not named have not begun.</param>
    /// <param name="steps">The first steps, so many of them; all unless told.</param>
    /// <param name="paused">What passed besides: the service was away then too.</param>
    public Interval Live(IReadOnlyList<StepProgress> progress, int steps = int.MaxValue, TimeSpan paused = default)
    {
        var sure = progress.Take(steps).Sum(step => step.Elapsed.TotalSeconds);
        var (logWeights, left, gone) = (new double[DrawsMade], new double[DrawsMade], new double[DrawsMade]);
        Array.Fill(gone, paused.TotalSeconds);
        for (var index = 0; index < _draws.Count; index++)
        {
            // What grows with how long services were away grows with how long they really were.
            var draws = _draws[index].Again(gone);
            var isLeft = draws.Seconds;
            if (index < progress.Count)
            {
                // What a step did says how this run is: each draw counts as far as it agrees with it.
                var step = new LiveStep(draws, _run, progress[index]);
                Add(logWeights, step.LogLikelihoods());
                isLeft = progress[index].IsOver ? new double[DrawsMade] : step.Left();
                Add(gone, [.. Enumerable.Repeat(progress[index].Elapsed.TotalSeconds, DrawsMade)]);
            }

            Add(gone, isLeft);
            Add(left, index < steps ? isLeft : new double[DrawsMade]);
        }

        var most = logWeights.Max();
        return Calibration.Live(left, [.. logWeights.Select(weight => Math.Exp(weight - most))], sure);
    }

    /// <summary>One of the windows that may come, as long as is expected, or as is exceeded once in ten times: how long each step takes in it.</summary>
    /// <param name="isSlow">The second of these.</param>
    /// <param name="steps">The first steps, so many of them, take so long together.</param>
    public IReadOnlyList<TimeSpan> Play(bool isSlow, int steps)
    {
        var (sums, estimated) = (Sum(_draws.Take(steps).Select(step => step.Seconds)), Sum(_draws.Take(steps).Where(step => step.IsEstimated).Select(step => step.Seconds)));
        var draw = Enumerable.Range(0, DrawsMade).OrderBy(index => sums[index]).ElementAt((int)((isSlow ? 0.9 : 0.5) * (DrawsMade - 1)));
        var interval = First(steps);

        // It is drawn out to the length that is promised; what is fixed stays.
        var least = (isSlow ? interval.NineTenths : interval.Half).TotalSeconds - (sums[draw] - estimated[draw]);
        var longer = estimated[draw] > 0 ? Math.Max(0, least / estimated[draw]) : 1;
        return [.. _draws.Select(step => TimeSpan.FromSeconds(step.Seconds[draw] * (step.IsEstimated ? longer : 1)))];
    }

    /// <summary>How many of all windows that may come, 0 to 1, take longer with their first steps.</summary>
    public double ShareLater(TimeSpan than, int steps) => Calibration.ShareLater(Sum(_draws.Take(steps).Select(step => step.Seconds)), than.TotalSeconds);

    /// <summary>How many of them take longer with one step, by its place.</summary>
    public double StepShareLater(TimeSpan than, int step) => Calibration.ShareLater(_draws[step].Seconds, than.TotalSeconds);

    /// <summary>The step that makes slow windows slow, one of ten, and how much of what they take more, 0 to 1; null unless several may.</summary>
    public (string Name, double Share)? SlowestBy(int steps)
    {
        var draws = _draws.Take(steps).ToList();
        var sums = Sum(draws.Select(step => step.Seconds));
        var slow = Enumerable.Range(0, DrawsMade).OrderByDescending(index => sums[index]).Take(DrawsMade / 10).ToList();
        var more = draws.Select(step => slow.Average(index => step.Seconds[index]) - step.Seconds.Average()).ToList();
        return draws.Count(step => step.IsEstimated) > 1 && more.Sum() is > 0 and var all ? (Steps[more.IndexOf(more.Max())].Name, more.Max() / all) : null;
    }

    private static StepDraws Draw(VolumeForecast volume, RateForecast rate, RunDraws run, Random random, double? perSecondMost)
    {
        var (own, systematic, size) = (Normals(random), Normals(random), Normals(random));
        var (draws, surprises) = (new double[DrawsMade], 1 - Math.Exp(-volume.MonthsAhead * (SurprisesPerMonth + (SurprisesByGrowth * Math.Max(0, volume.PerMonth)))));
        for (var draw = 0; draw < DrawsMade; draw++)
        {
            var logVolume = volume.LogMean + (volume.LogDeviation * ((Math.Sqrt(SharedGrowth) * run.Growth[draw]) + (Math.Sqrt(1 - SharedGrowth) * size[draw])));
            var logRate = rate.At(random.NextDouble(), systematic[draw]);
            var noise = rate.Noise * ((Math.Sqrt(SharedNoise) * run.Noise[draw]) + (Math.Sqrt(1 - SharedNoise) * own[draw]));
            var surprise = random.NextDouble() < surprises ? Math.Log(SurpriseLeast + (random.NextDouble() * (SurpriseMost - SurpriseLeast))) : 0;
            draws[draw] = Math.Max(Math.Exp(logVolume - logRate + noise + surprise + run.Bad[draw]), perSecondMost > 0 ? Math.Exp(logVolume) / perSecondMost.Value : 0);
        }

        return new StepDraws(draws, rate.Noise * Math.Sqrt(SharedNoise), IsEstimated: true, null);
    }

    private static double[] Sum(IEnumerable<double[]> seconds)
    {
        var sums = new double[DrawsMade];
        foreach (var step in seconds)
        {
            Add(sums, step);
        }

        return sums;
    }

    private static void Add(double[] sums, double[] values)
    {
        for (var draw = 0; draw < DrawsMade; draw++)
        {
            sums[draw] += values[draw];
        }
    }

    /// <summary>Each with its opposite, so that few are as even as many (Box and Muller 1958).</summary>
    private static double[] Normals(Random random)
    {
        var values = new double[DrawsMade];
        for (var draw = 0; draw < DrawsMade; draw += 2)
        {
            values[draw] = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            values[draw + 1] = -values[draw];
        }

        random.Shuffle(values);
        return values;
    }
}
