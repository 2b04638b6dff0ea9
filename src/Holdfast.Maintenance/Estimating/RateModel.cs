namespace Holdfast.Maintenance.Estimating;

/// <summary>
/// How fast a step will be, from runs: log rate = a − b · log size, by Bayesian regression. Larger is slower (b about 0.25, never sure); runs long ago count less; a run far off counts less (Huber 1964);
/// of few runs the spread is what spreads usually are.
/// </summary>
/// <param name="Mean">The logarithm of the rate (volume a second).</param>
/// <param name="Deviation">How far that may be off.</param>
/// <param name="Noise">How far one run is off what it should be.</param>
/// <param name="Runs">How many runs it is made of.</param>
internal sealed record RateModel(double Mean, double Deviation, double Noise, int Runs)
{
    private const double Forgetting = 0.85;
    private const double SlopeMean = 0.25;
    private const double SlopeDeviation = 0.2;
    private const double UsualNoise = 0.14;
    private const double UsualNoiseWeight = 4;
    private const double HuberLimit = 2;

    /// <summary>Twice the threads are 2^0.4 times as fast, or somewhere there: nobody knows before it was tried.</summary>
    private const double ThreadsPower = 0.4;
    private const double ThreadsPowerDeviation = 0.3;

    /// <summary>What a rate at a size is, of runs that had as many threads or others; null without runs.</summary>
    public static RateModel? At(double logVolume, int? threads, IReadOnlyList<StepRun> runs)
    {
        var sound = runs.Where(run => run.IsSound).OrderByDescending(run => run.Day).ToList();
        if (sound.Count == 0)
        {
            return null;
        }

        var rates = sound.Select(run => Math.Log(run.Volume / run.Seconds) + ThreadsShift(run.Threads, threads)).ToArray();
        var sizes = sound.Select(run => Math.Log(run.Volume) - logVolume).ToArray();
        var recency = sound.Select((_, index) => Math.Pow(Forgetting, index)).ToArray();
        var weights = (double[])recency.Clone();
        var (level, slope, noise, spread) = (0.0, 0.0, UsualNoise, 0.0);
        for (var round = 0; round < 4; round++)
        {
            // Two normal equations; the slope's prior is an observation of its own.
            var prior = noise * noise / (SlopeDeviation * SlopeDeviation);
            double n = 0, x = 0, xx = prior, y = 0, xy = prior * -SlopeMean;
            for (var i = 0; i < rates.Length; i++)
            {
                n += weights[i];
                x += weights[i] * sizes[i];
                xx += weights[i] * sizes[i] * sizes[i];
                y += weights[i] * rates[i];
                xy += weights[i] * sizes[i] * rates[i];
            }

            var determinant = (n * xx) - (x * x);
            (level, slope, spread) = (((xx * y) - (x * xy)) / determinant, ((n * xy) - (x * y)) / determinant, xx / determinant);
            double squares = UsualNoiseWeight * UsualNoise * UsualNoise, count = UsualNoiseWeight;
            for (var i = 0; i < rates.Length; i++)
            {
                var rest = rates[i] - level - (slope * sizes[i]);
                squares += weights[i] * rest * rest;
                count += weights[i];
            }

            noise = Math.Sqrt(squares / count);
            for (var i = 0; i < rates.Length; i++)
            {
                var off = Math.Abs(rates[i] - level - (slope * sizes[i])) / noise;
                weights[i] = recency[i] * (off <= HuberLimit ? 1 : HuberLimit / off);
            }
        }

        return new RateModel(level, Math.Sqrt((noise * noise * spread) + Square(ThreadsDoubt(sound[0].Threads, threads))), noise, sound.Count);
    }

    /// <summary>What other threads make of a logarithm of a rate.</summary>
    public static double ThreadsShift(int? from, int? to) => from is > 0 && to is > 0 ? ThreadsPower * Math.Log((double)to / from.Value) : 0;

    /// <summary>How little is known of that.</summary>
    public static double ThreadsDoubt(int? from, int? to) => from is > 0 && to is > 0 ? ThreadsPowerDeviation * Math.Abs(Math.Log((double)to / from.Value)) : 0;

    private static double Square(double value) => value * value;
}
