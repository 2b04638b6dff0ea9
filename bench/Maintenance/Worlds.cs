namespace Holdfast.Bench.Maintenance;

/// <summary>Kinds of services: those on which intervals were calibrated, and those on which they were not.</summary>
internal static class Worlds
{
    public static World Normal { get; } = new("normal");

    public static IReadOnlyList<World> Unseen { get; } =
    [
        new("harsh") { Regime = 0.8, Jump = 0.5, Cliff = 0.6, Noise = (0.052, 0.26), Bad = 0.12 },
        new("linear growth") { Form = GrowthForm.Linear },
        new("seasons") { Form = GrowthForm.Seasonal },
        new("large customers") { Form = GrowthForm.Stairs, Regime = 0 },
        new("saturating growth") { Form = GrowthForm.Saturating, Growth = (0.04, 0.25) },
        new("fast growth") { Growth = (0.08, 0.20) },
        new("heavy tails") { HasHeavyTail = true, Noise = (0.08, 0.25), Bad = 0.02 },
        new("fixed costs") { Overhead = 0.5, Slope = (-0.1, 0.1) },
        new("steep") { Slope = (0.3, 0.8) },
        new("wear") { Wear = 0.02 },
        new("three runs") { Runs = (3, 3), Gap = (3, 8) },
        new("probes that are too fast") { ProbeBias = 0.15, ProbeNoise = 0.1 },
        new("poor probes") { ProbeNoise = 0.35 },
        new("uneven") { Bend = 1.4, Together = 0.1 },
        new("all at once") { Together = 0.95, Noise = (0.1, 0.3) },
    ];
}
