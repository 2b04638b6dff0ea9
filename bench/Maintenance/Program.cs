using System.Diagnostics;
using System.Globalization;
using Holdfast.Bench.Maintenance;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Rehearsing;

// HISTORIES [write]: of the world that the intervals are calibrated on, and a fifth of it of each other. Prints the rows of a table, then what sums up; or writes the histories.
var count = int.Parse(args[0], CultureInfo.InvariantCulture);
if (args.Length > 1)
{
    foreach (var window in Make(Worlds.Normal, count))
    {
        Console.WriteLine(HistoryFile.Write(window));
    }

    return;
}

var normal = Test(Worlds.Normal, count);
var unseen = Worlds.Unseen.Select(world => Test(world, Math.Max(200, count / 5))).ToList();
Test(Worlds.Normal with { Name = "normal, without a probe", HasProbe = false }, Math.Max(200, count / 5));
var watch = Stopwatch.StartNew();
_ = ReturnRehearsal.Of(new ServiceNumbers(100_000, 300e6, 1e9), TimeSpan.FromHours(26), TimeSpan.FromHours(36), seed: 1).ToList();
var rehearse = watch.Elapsed.TotalSeconds;
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"p90-coverage {normal.Coverage:0.0} p90/p50 {normal.Spread:0.00} median-ape {normal.MedianError:0.0} live-ape {normal.LiveError:0.0} unseen-coverage {unseen.Min(test => test.Coverage):0.0} rehearse-s {rehearse:0.0}"));

static IEnumerable<PastWindow> Make(World world, int count) => Enumerable.Range(0, count).AsParallel().AsOrdered().Select(seed => Histories.Make(world, seed));

static BackTest Test(World world, int count)
{
    var test = BackTest.Of(Make(world, count));
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {world.Name} | {count} | {test.Coverage:0.0} | {test.HalfCoverage:0.0} | {test.Spread:0.00} | {test.MedianError:0.0} | {test.LiveError:0.0} | {test.LiveCoverage:0.0} |"));
    return test;
}
