// Races the pod's engine against what the machine can do at all, side by side, round by round; see bench/pods.
using System.Diagnostics;
using System.Globalization;
using Holdfast.Bench.Pods;

const int PacksOnOwnDisks = 10;

// Coding has a process of its own: what it needs to get out of the caches is not the pod's memory.
if (args is ["coding"])
{
    new CodingRace().Run((name, value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}={value}")));
    return;
}

// So have sets of their own: what the process holds is to be one set's.
if (args is ["apart", var place, var count, .. var disks])
{
    ThreadPool.SetMinThreads(32, 32);
    void Say(string name, double value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}={value}"));
    await new DriveRace(place, int.Parse(count, CultureInfo.InvariantCulture)).PutLongAsync(Say);
    if (disks.Length > 0)
    {
        await new OwnDiskRace(place, PacksOnOwnDisks).RunAsync(disks, (name, value) => Say($"own disks: {name}", value));
    }

    return;
}

// As the service does: reads wait for drives on threads of the pool.
ThreadPool.SetMinThreads(32, 32);
var folder = args[0];
var (rounds, packs) = (int.Parse(args[1], CultureInfo.InvariantCulture), int.Parse(args[2], CultureInfo.InvariantCulture));
var drives = new DriveRace(folder, packs);
var mounts = args[3..];
var ratios = new SortedDictionary<string, List<double>>(StringComparer.Ordinal);
void Keep(string name, double value) => (ratios.TryGetValue(name, out var values) ? values : ratios[name] = []).Add(value);
for (var round = 0; round < rounds; round++)
{
    await AsideAsync(["coding"]);
    await drives.RunAsync(Keep);
    await AsideAsync(["apart", folder, args[2], .. mounts]);
    Console.Error.WriteLine($"bench: round {round + 1} of {rounds}: {string.Join(", ", ratios.Select(pair => $"{pair.Key} {pair.Value[^1]:0.00}"))}");
}

async Task AsideAsync(string[] arguments)
{
    using var aside = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, arguments) { RedirectStandardOutput = true })!;
    while (await aside.StandardOutput.ReadLineAsync() is { } line)
    {
        Keep(line.Split('=')[0], double.Parse(line.Split('=')[1], CultureInfo.InvariantCulture));
    }
}

string Line(string name) => ratios.TryGetValue(name, out var values)
    ? string.Create(CultureInfo.InvariantCulture, $"{values.Order().ElementAt(values.Count / 2):0.00}") : "none";
foreach (var (name, values) in ratios)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {values.Order().ElementAt(values.Count / 2):0.00} | {values.Min():0.00} | {values.Max():0.00} |"));
}

var rss = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
string[] names = ["rs-encode/isal", "rs-avx2/isal", "put/plain-fsync", "degraded/healthy", "scrub/read", "rebuild/read", "small-objects/plain"];
Console.WriteLine($"{string.Join(' ', names.Select(name => $"{name} {Line(name)}"))} rss-mb {(int.Parse(rss, CultureInfo.InvariantCulture) / 1024) - (StoreWork.LongPackLength >> 20)}");
