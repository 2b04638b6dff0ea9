using System.Globalization;
using Holdfast.Bench.Fleet;
using Holdfast.Maintenance.Rehearsing;

// SEEDS CLIENTS [ROW]: worlds of one kind, and computers in each. Prints the rows of a table, then a line that sums up; or only the row whose name has the text.
var only = args.ElementAtOrDefault(2);
var (seeds, clients) = (int.Parse(args[0], CultureInfo.InvariantCulture), int.Parse(args[1], CultureInfo.InvariantCulture));
var normal = new FleetShape { Clients = clients, Believed = clients / 100.0 };
Func<FleetShape, Population, Controller> holdfast = (shape, population) => new HoldfastControl(shape, population);

var some = Math.Min(seeds, 100);
var few = Math.Min(seeds, 10);
var baselines = Math.Min(seeds, 3);
var asBelieved = Race("Holdfast, as believed", normal, holdfast, seeds);
var half = Race("Holdfast, capacity half of what is believed", normal with { Misjudged = 0.5 }, holdfast, some);
var twice = Race("Holdfast, twice what is believed", normal with { Misjudged = 2 }, holdfast, some);
Race("Holdfast, half of it lost after a third of the time", normal with { LossAt = 0.33 }, holdfast, few);
Race("Holdfast, a third of all computers never come", normal with { Absent = 0.33 }, holdfast, few);
Race("Holdfast, backlogs with a heavier tail (Pareto, 1.3)", normal with { Backlog = BacklogForm.Pareto }, holdfast, few);
Race("Holdfast, half of all have nothing to send", normal with { Backlog = BacklogForm.TwoKinds }, holdfast, few);
var days = Race("Holdfast, and the six days after", normal with { DaysAfter = 6 }, holdfast, few);
foreach (var misjudged in new[] { 1, 0.5, 2 })
{
    var shape = normal with { Misjudged = misjudged };
    var planned = shape.BacklogMean * shape.Clients / shape.Believed;
    var how = misjudged == 1 ? "as believed" : $"x{F(misjudged)}";
    Race($"no control, {how}", shape, (_, _) => new NoControl(), baselines);
    Race($"20 stages by plan, {how}", shape, (_, _) => new FixedStages(20, planned, shape.Clients), baselines);
    Race($"at most {F(0.65 * shape.Believed)} at once, {how}", shape, (_, _) => new FixedCap((int)(0.65 * shape.Believed)), baselines);
    Race($"AIMD on response times, {how}", shape, (_, _) => new LatencyAimd(), baselines);
}

Race("at most so many at once, clients' own timers, and the six days after", normal with { DaysAfter = 6 }, (_, _) => new FixedCap((int)(0.65 * normal.Believed)), baselines);
if (only is not null)
{
    return;
}

var all = asBelieved.Concat(half).Concat(twice).ToList();
Console.WriteLine(
    $"caught-up/lower-bound median {F(Median(asBelieved, outcome => outcome.CaughtUp))} worst {F(asBelieved.Max(outcome => outcome.CaughtUp))} " +
    $"x0.5 {F(Median(half, outcome => outcome.CaughtUp))} x2 {F(Median(twice, outcome => outcome.CaughtUp))} restore-p99/idle {F(all.Max(outcome => outcome.Restore))} " +
    $"collapses {all.Count(outcome => outcome.HasCollapsed)} jain {all.Min(outcome => outcome.Jain).ToString("0.0000", CultureInfo.InvariantCulture)} " +
    $"greedy {F(Median(asBelieved, outcome => outcome.Greedy))} echo {F(days.Max(outcome => outcome.Echo))} acf24 {F(Median(days, outcome => outcome.Daily))}");

IReadOnlyList<Outcome> Race(string name, FleetShape shape, Func<FleetShape, Population, Controller> controller, int seeds)
{
    if (only is not null && !name.Contains(only, StringComparison.Ordinal))
    {
        return [];
    }

    var outcomes = new Outcome[seeds];
    Parallel.For(0, seeds, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed => outcomes[seed] = Simulation.Run(shape, seed, controller));
    Console.WriteLine(
        $"| {name} | {seeds} | {F(Median(outcomes, outcome => outcome.CaughtUp))} | {F(outcomes.Max(outcome => outcome.CaughtUp))} | {F(Median(outcomes, outcome => outcome.Restore))} " +
        $"| {outcomes.Count(outcome => outcome.HasCollapsed)} | {Median(outcomes, outcome => outcome.Jain).ToString("0.0000", CultureInfo.InvariantCulture)} | {F(Median(outcomes, outcome => outcome.Greedy))} " +
        $"| {F(Median(outcomes, outcome => outcome.Echo))} | {F(Median(outcomes, outcome => outcome.Daily))} |");
    return outcomes;
}

static double Median(IEnumerable<Outcome> outcomes, Func<Outcome, double> of)
{
    var sorted = outcomes.Select(of).Order().ToList();
    return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
}

static string F(double value) => double.IsNaN(value) ? "" : double.IsInfinity(value) ? "never" : value.ToString("0.00", CultureInfo.InvariantCulture);
