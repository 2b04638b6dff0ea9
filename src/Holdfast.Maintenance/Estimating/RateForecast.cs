namespace Holdfast.Maintenance.Estimating;

/// <summary>
/// What a step's rate may be: as its runs say, or, because since then something may have changed (a cache outgrown, other hardware), as only a probe can tell. Which of the two is the more likely follows from
/// the probe: a mixture of two normal distributions of the logarithm.
/// </summary>
internal sealed record RateForecast(double AsBefore, double MeanBefore, double DeviationBefore, double MeanChanged, double DeviationChanged, double Noise)
{
    /// <summary>How often something changed since the last run, and what that does: mostly slower.</summary>
    private const double ChangeShare = 0.25;
    private const double ChangeMean = -0.15;
    private const double ChangeDeviation = 0.4;

    /// <summary>How far a sample's rate is off the whole's; several probes of one system are off together, in part.</summary>
    private const double ProbeDeviation = 0.17;
    private const double ProbesTogether = 0.3;

    /// <summary>Without runs nothing says what the whole does that a sample does not.</summary>
    private const double AloneDeviation = 0.35;
    private const double UsualNoise = 0.14;

    /// <summary>The rate that is as likely too high as too low, nearly.</summary>
    public double PerSecond => Math.Exp((AsBefore * MeanBefore) + ((1 - AsBefore) * MeanChanged));

    /// <summary>One of the rates' logarithms that there may be: which of the two by a uniform value, where in it by a normal one.</summary>
    public double At(double uniform, double normal) => uniform < AsBefore ? MeanBefore + (DeviationBefore * normal) : MeanChanged + (DeviationChanged * normal);

    /// <summary>Null where neither a run nor a probe says anything.</summary>
    public static RateForecast? Of(RateModel? model, IReadOnlyList<Probe> probes, int? threads)
    {
        var sound = probes.Where(probe => probe.IsSound).ToList();
        if (model is null && sound.Count == 0)
        {
            return null;
        }

        var rate = sound.Count == 0 ? 0 : sound.Average(probe => Math.Log(probe.Volume / probe.Seconds) + RateModel.ThreadsShift(probe.Threads, threads));
        var doubt = sound.Count == 0 ? 0 : sound.Average(probe => RateModel.ThreadsDoubt(probe.Threads, threads));
        var variance = sound.Count == 0 ? double.PositiveInfinity : (ProbeDeviation * ProbeDeviation * (ProbesTogether + ((1 - ProbesTogether) / sound.Count))) + (doubt * doubt);
        if (model is null)
        {
            var deviation = Math.Sqrt(variance + (AloneDeviation * AloneDeviation));
            return new RateForecast(1, rate, deviation, rate, deviation, UsualNoise);
        }

        var before = model.Deviation * model.Deviation;
        var (changedMean, changed) = (model.Mean + ChangeMean, before + (ChangeDeviation * ChangeDeviation));
        if (sound.Count == 0)
        {
            return new RateForecast(1 - ChangeShare, model.Mean, model.Deviation, changedMean, Math.Sqrt(changed), model.Noise);
        }

        var (asBefore, asChanged) = ((1 - ChangeShare) * Density(rate - model.Mean, before + variance), ChangeShare * Density(rate - changedMean, changed + variance));
        var (mean, deviationBefore) = Combine(model.Mean, before, rate, variance);
        var (other, deviationChanged) = Combine(changedMean, changed, rate, variance);
        var sum = asBefore + asChanged;

        // So far off that both are nothing: then it has changed.
        return new RateForecast(sum > 0 ? asBefore / sum : 0, mean, deviationBefore, other, deviationChanged, model.Noise);
    }

    private static double Density(double off, double variance) => Math.Exp(-off * off / (2 * variance)) / Math.Sqrt(variance);

    private static (double Mean, double Deviation) Combine(double first, double firstVariance, double second, double secondVariance)
    {
        var variance = 1 / ((1 / firstVariance) + (1 / secondVariance));
        return (variance * ((first / firstVariance) + (second / secondVariance)), Math.Sqrt(variance));
    }
}
