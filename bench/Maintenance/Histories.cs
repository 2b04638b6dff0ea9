using Holdfast.Maintenance.Estimating;

namespace Holdfast.Bench.Maintenance;

/// <summary>Makes histories of services, and the window that comes next.</summary>
internal static class Histories
{
    private const double DaysPerMonth = 30.4375;
    private const double SampleDays = 7;

    public static PastWindow Make(World world, int seed)
    {
        var random = new Random((seed * 7919) + Sum(world.Name));
        double Between((double Least, double Most) range) => range.Least + (random.NextDouble() * (range.Most - range.Least));

        // Runs of the past, then the plan, then the window.
        var months = new List<double> { 3 + (random.NextDouble() * 6) };
        var runs = random.Next(world.Runs.Least, world.Runs.Most + 1);
        while (months.Count < runs)
        {
            months.Add(months[^1] + Between(world.Gap));
        }

        var planned = months[^1] + Between(world.Gap);
        var start = planned + Between((0.5, 2));
        var hardwareAt = random.NextDouble() < world.Hardware ? random.NextDouble() * start : double.PositiveInfinity;
        var hardware = Between((0.6, 1.6));
        var growth = Between(world.Growth);
        var steps = Enumerable.Range(0, random.Next(3, 8)).Select(_ => new Step(world, random, growth, months[0], start)).ToList();
        var seconds = steps.Select(_ => new List<double>()).ToList();
        foreach (var month in months.Append(start))
        {
            var (noise, shared, bad) = (Between(world.Noise), Normal(random, world.HasHeavyTail), random.NextDouble() < world.Bad ? Between((1.3, 2.5)) : 1);
            for (var index = 0; index < steps.Count; index++)
            {
                var off = noise * ((Math.Sqrt(world.Together) * shared) + (Math.Sqrt(1 - world.Together) * Normal(random, world.HasHeavyTail)));
                seconds[index].Add(steps[index].Seconds(month, hardwareAt, hardware) * Math.Exp(off) * bad);
            }
        }

        return new PastWindow(start * DaysPerMonth, [.. steps.Select((step, index) =>
        {
            var samples = Enumerable.Range(0, (int)(planned * DaysPerMonth / SampleDays)).Select(week => week * SampleDays / DaysPerMonth).Append(planned).Select(month => new VolumeSample(month * DaysPerMonth, step.Volume(month) * Math.Exp(0.004 * Normal(random, false)))).ToList();
            var earlier = months.Select((month, run) => new StepRun(month * DaysPerMonth, step.Volume(month), seconds[index][run])).ToList();
            var probe = step.Seconds(planned, hardwareAt, hardware) / step.Volume(planned) * Math.Exp((world.ProbeNoise * Normal(random, false)) - world.ProbeBias);
            var sample = 0.02 * step.Volume(planned);
            return new PastStep(new StepHistory($"step {index}", samples, earlier, world.HasProbe ? [new Probe(sample, sample * probe)] : []), seconds[index][^1], step.Volume(start), Math.Exp(Math.Log(world.Bend) * ((2 * random.NextDouble()) - 1)));
        })]);
    }

    private static int Sum(string text) => text.Aggregate(17, (sum, letter) => unchecked((sum * 31) + letter));

    /// <summary>Or Student's t with three degrees, made as wide.</summary>
    private static double Normal(Random random, bool hasHeavyTail)
    {
        double One() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        var value = One();
        return hasHeavyTail ? value / Math.Sqrt((Square(One()) + Square(One()) + Square(One())) / 3) / Math.Sqrt(3) : value;
    }

    private static double Square(double value) => value * value;

    /// <summary>What a step really is.</summary>
    private sealed class Step
    {
        private readonly World _world;
        private readonly double _growth;
        private readonly double _first;
        private readonly double _regimeAt;
        private readonly double _regime;
        private readonly double _jumpAt;
        private readonly double _jump;
        private readonly double _cliffAt;
        private readonly double _cliff;
        private readonly double _slope;
        private readonly double _rate;
        private readonly double _phase;

        public Step(World world, Random random, double growth, double firstRun, double start)
        {
            double Between(double least, double most) => least + (random.NextDouble() * (most - least));
            _world = world;
            _growth = growth * Between(0.7, 1.3);
            _first = Math.Exp(Between(Math.Log(1e5), Math.Log(1e9)));
            (_regimeAt, _regime) = (random.NextDouble() < world.Regime ? Between(0, start) : double.PositiveInfinity, Between(0.3, 3));
            (_jumpAt, _jump) = (random.NextDouble() < world.Jump ? Between(0, start) : double.PositiveInfinity, Between(1.2, 2));
            _phase = random.NextDouble();
            var (small, large) = (Volume(firstRun), Volume(start));
            (_cliffAt, _cliff) = (random.NextDouble() < world.Cliff ? small + (random.NextDouble() * (large - small)) : double.PositiveInfinity, Between(0.4, 0.8));
            _slope = Between(world.Slope.Least, world.Slope.Most);
            _rate = _first / Math.Exp(Between(Math.Log(600), Math.Log(20_000)));
        }

        public double Volume(double month)
        {
            var (before, behind) = (Math.Min(month, _regimeAt), Math.Max(0, month - _regimeAt));
            var grown = (_growth * before) + (_growth * _regime * behind);
            var size = _world.Form switch
            {
                GrowthForm.Linear => 1 + grown,
                GrowthForm.Seasonal => Math.Exp(Math.Log(1 + _growth) / _growth * grown) * (1 + (0.12 * Math.Sin(2 * Math.PI * ((month / 12) + _phase)))),
                GrowthForm.Stairs => Math.Exp(Math.Floor((month / 3) + _phase) * 3 * Math.Log(1 + _growth)),
                GrowthForm.Saturating => 1 + (4 * (1 - Math.Exp(-grown / 2))),
                _ => Math.Exp(Math.Log(1 + _growth) / _growth * grown),
            };
            return _first * size * (month >= _jumpAt ? _jump : 1);
        }

        public double Seconds(double month, double hardwareAt, double hardware)
        {
            var volume = Volume(month);
            var rate = _rate * Math.Pow(volume / _first, -_slope) * (volume >= _cliffAt ? _cliff : 1) * (month >= hardwareAt ? hardware : 1) * Math.Exp(-_world.Wear * month);
            return (volume / rate) + (_world.Overhead * _first / _rate);
        }
    }
}
