using System.Globalization;
using Holdfast.Bench.Maintenance;
using Holdfast.Maintenance.Estimating;

// HISTORIES: of each of the two worlds that the intervals are calibrated on, and a fifth of it of each other. Prints the rows of a table, then what sums up.
var count = int.Parse(args[0], CultureInfo.InvariantCulture);
var calibrated = new[] { Worlds.Normal, Worlds.Harsh }.Select(world => Test(world, count)).ToList();
var unseen = Worlds.Unseen.Select(world => Test(world, Math.Max(200, count / 5))).ToList();
Test(Worlds.Normal with { Name = "normal, without a probe", HasProbe = false }, count / 5);
var normal = calibrated[0];
Console.WriteLine($"p90-coverage {F(normal.Coverage)} p90/p50 {normal.Spread.ToString("0.00", CultureInfo.InvariantCulture)} median-ape {F(normal.MedianError)} live-ape {F(normal.LiveError)} unseen-coverage {F(unseen.Min(test => test.Coverage))}");

static BackTest Test(World world, int count)
{
    var test = BackTest.Of(Enumerable.Range(0, count).AsParallel().AsOrdered().Select(seed => Histories.Make(world, seed)));
    Console.WriteLine($"| {world.Name} | {count} | {F(test.Coverage)} | {F(test.HalfCoverage)} | {test.Spread.ToString("0.00", CultureInfo.InvariantCulture)} | {F(test.MedianError)} | {F(test.LiveError)} | {F(test.LiveCoverage)} |");
    return test;
}

static string F(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
