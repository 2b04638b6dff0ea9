namespace Holdfast.Maintenance.Estimating;

/// <summary>What became of a step until now.</summary>
/// <param name="Elapsed">How long it was worked on.</param>
/// <param name="Share">How much of it is done, 0 to 1; null if it cannot say.</param>
/// <param name="IsOver">It has ended.</param>
public readonly record struct StepProgress(TimeSpan Elapsed, double? Share, bool IsOver);

/// <summary>What all steps of a run have together, a draw each: how far it is off, what growth is off, and what simply goes wrong (logarithms).</summary>
internal sealed record RunDraws(double[] Noise, double[] Growth, double[] Bad);

/// <summary>A step's draws.</summary>
/// <param name="Seconds">How long it takes.</param>
/// <param name="Together">By how much the run's noise moves the logarithm.</param>
/// <param name="IsEstimated">False if it is fixed, or not known.</param>
/// <param name="Turnover">All that it may work on is due within this time of what the service was away; null if it works on all in any case.</param>
internal sealed record StepDraws(double[] Seconds, double Together, bool IsEstimated, TimeSpan? Turnover)
{
    private const double PartLeast = 1e-3;

    private readonly double[] _gone = [];

    /// <summary>Of all that it may work on, what is due once the service was away for so many seconds, a draw each.</summary>
    public StepDraws Behind(double[] gone) => Turnover is null ? this : new StepDraws(this, [.. Seconds.Select((seconds, draw) => seconds * PartOf(gone[draw]))], gone);

    /// <summary>The same for another time than was drawn.</summary>
    public StepDraws Again(double[] gone) => Turnover is null || _gone.Length == 0 ? this : new StepDraws(this, [.. Seconds.Select((seconds, draw) => seconds * PartOf(gone[draw]) / PartOf(_gone[draw]))], gone);

    private StepDraws(StepDraws other, double[] seconds, double[] gone)
        : this(seconds, other.Together, other.IsEstimated, other.Turnover) => _gone = gone;

    private double PartOf(double gone) => Math.Clamp(gone / Turnover!.Value.TotalSeconds, PartLeast, 1);
}

/// <summary>What a step that has begun says: of the run, and of what it still takes itself. What was expected and what it does count as far as each is to be believed.</summary>
internal sealed class LiveStep
{
    /// <summary>How far a rate that was measured on a share of a step is off that of all of it: at its end, and how much more half way.</summary>
    private const double LeastDeviation = 0.02;
    private const double DeviationOfHalf = 0.045;

    /// <summary>A step that says nothing of itself and is late may take some of what it took once more.</summary>
    private const double LateShare = 0.25;
    private const double SharePart = 1e-6;

    private readonly StepDraws _draws;
    private readonly StepProgress _progress;
    private readonly double[] _expected;
    private readonly double[] _own;
    private readonly double _ownVariance;

    public LiveStep(StepDraws draws, RunDraws run, StepProgress progress)
    {
        (_draws, _progress) = (draws, progress);

        // The logarithm of a draw is what the run makes of it, and what is the step's own.
        var shared = draws.Seconds.Select((_, draw) => (draws.Together * run.Noise[draw]) + run.Bad[draw]).ToArray();
        var rests = draws.Seconds.Select((seconds, draw) => Math.Log(Math.Max(seconds, 1e-3)) - shared[draw]).ToArray();
        var mean = rests.Average();
        _expected = [.. shared.Select(part => mean + part)];
        _own = [.. rests.Select(rest => rest - mean)];
        _ownVariance = Math.Max(_own.Sum(rest => rest * rest) / _own.Length, 1e-6);
    }

    private bool SaysSomething => _draws.IsEstimated && _progress.Elapsed > TimeSpan.Zero && (_progress.IsOver || _progress.Share > SharePart);

    private double Share => _progress.IsOver ? 1 : Math.Min(1, _progress.Share!.Value);

    private double Measured => Math.Log(_progress.Elapsed.TotalSeconds / Share);

    private double MeasuredVariance => (LeastDeviation * LeastDeviation) + (DeviationOfHalf * DeviationOfHalf * (1 - Share) / Share);

    /// <summary>How well each draw's run agrees with what the step did.</summary>
    public double[] LogLikelihoods() => SaysSomething ? [.. _expected.Select(expected => -(Measured - expected) * (Measured - expected) / (2 * (_ownVariance + MeasuredVariance)))] : new double[_expected.Length];

    /// <summary>Seconds that are left, a draw each.</summary>
    public double[] Left()
    {
        var elapsed = _progress.Elapsed.TotalSeconds;
        if (!SaysSomething)
        {
            return [.. _draws.Seconds.Select((draw, index) => Math.Max(draw - elapsed, LateShare * elapsed * (index + 0.5) / _draws.Seconds.Length))];
        }

        var variance = 1 / ((1 / _ownVariance) + (1 / MeasuredVariance));
        var narrower = Math.Sqrt(variance / _ownVariance);
        return [.. _expected.Select((expected, draw) => (1 - Share) * Math.Exp((variance * ((expected / _ownVariance) + (Measured / MeasuredVariance))) + (narrower * _own[draw])))];
    }
}
