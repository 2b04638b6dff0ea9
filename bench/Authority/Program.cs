using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Holdfast.Bench.Authority;
using Holdfast.Client;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Enrolling;
using Holdfast.Protocol.Messages;
using Npgsql;

// WORK ROUNDS CLIENTS SECONDS ACCOUNTS SERVER_PID DIRECTORY ACCOUNT_STORE RESTART_COMMAND, and the codes of as many accounts as there are clients on standard input; the first is enrolled as a computer.
var (work, rounds, clients, seconds, many, pid) = (args[0], Number(1), Number(2), Number(3), Number(4), Number(5));
var (directory, accounts, restart) = (args[6], args[7], args[8]);
var url = File.ReadAllText(Path.Combine(work, "authority", "ready")).Trim();
var codes = Console.In.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
var cancellation = CancellationToken.None;

// Every request of this process, by its path's last word.
var durations = new ConcurrentDictionary<string, ConcurrentBag<double>>();
using var listener = new ActivityListener
{
    ShouldListenTo = source => source.Name == "System.Net.Http",
    Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
    ActivityStopped = activity =>
    {
        if (activity.GetTagItem("url.full") is string address && activity.GetTagItem("http.response.status_code") is int status)
        {
            durations.GetOrAdd(status == 200 ? address.Split('/')[^1].Split('?')[0] : $"failed {status}", _ => []).Add(activity.Duration.TotalMilliseconds);
        }
    },
};

var folders = new ComputerFolders(Path.Combine(work, "config"), Path.Combine(work, "state"), Path.Combine(work, "cache"));
folders.Create();
await new Enrolment(folders, TimeProvider.System, RandomNumberGenerator.GetBytes).EnrolAsync(url, codes[0], "bench", _ => "a passphrase", cancellation);
var computer = ComputerFile.Load(folders);
var cached = folders.Of(computer.Account);
cached.Create();
using var service = Attachment.Connect(cached, computer, TimeProvider.System, RandomNumberGenerator.GetBytes, () => { }, () => { });
var tree = Directory.CreateDirectory(Path.Combine(work, "tree")).FullName;
ActivitySource.AddActivityListener(listener);

await using var raw = new RawLoop(Source(directory), Source(accounts), RandomNumberGenerator.GetBytes(16), 1);
await BackUpAsync(-1);
await raw.MakeAsync(computer.Account.ToArray());
var rawTimes = new Dictionary<string, List<double>> { ["sessions"] = [], ["commits"] = [], ["reads"] = [] };
for (var warm = 0; warm < 2; warm++)
{
    durations.Clear();
    foreach (var times in rawTimes.Values)
    {
        times.Clear();
    }

    for (var round = 0; round < (warm == 0 ? 20 : rounds); round++)
    {
        await BackUpAsync(round);
        for (var read = 0; read < 3; read++)
        {
            await service.OpenReadsAsync(new OpenReads([1], false), cancellation);
            await TimeAsync("reads", raw.GrantAsync);
        }

        await TimeAsync("sessions", raw.SessionAsync);
        await TimeAsync("commits", raw.CommitAsync);
    }
}

var ratios = new Dictionary<string, double>();
foreach (var (kind, times) in rawTimes)
{
    var (own, theirs) = (Median(durations[kind]), Median(times));
    ratios[kind] = theirs / own;
    Console.WriteLine($"| {kind}, one after the other: ms at the client, ms of the raw loop | {F(own)} | {F(theirs)} | {F(ratios[kind])} |");
}

// Commits, while the account is large: their cost follows what is new.
var small = Median(durations["commits"]);
await RawLoop.RunAsync(Source(accounts), "INSERT INTO objects (account_id, number, session, computer, state, type, length, tables_offset, frames, checksum, receipt, indexed, touched, version) SELECT $1, 10000000 + n, 0, 1, 'live', 1, 16000000, 1000, 16, decode(repeat('00', 32), 'hex'), decode(repeat('00', 200), 'hex'), 1, 1, 1 FROM generate_series(1, $2) n", computer.Account.ToArray(), (long)many * 3);
durations.Clear();
for (var round = 0; round < Math.Max(20, rounds / 4); round++)
{
    await BackUpAsync(100_000 + round);
}

Console.WriteLine($"| commit with {many * 3:n0} more packs in the account: ms, before, ratio | {F(Median(durations["commits"]))} | {F(small)} | {F(Median(durations["commits"]) / small)} |");

// Many at once: each in an account of its own opens a session, then asks for permissions.
var tokens = new List<(string Account, string Token)>();
foreach (var code in codes.Skip(1).Take(clients))
{
    using var anybody = new ServiceClient(url, null, null, TimeProvider.System);
    var begun = await anybody.EnrolAsync(new BeginEnrolment(code, "client", RandomNumberGenerator.GetBytes(BeginEnrolment.AttemptLength)), cancellation);
    tokens.Add((begun.Account, begun.Token));
}

await RawLoop.RunAsync(Source(accounts), "UPDATE devices SET rights = 'Read' WHERE rights = 'Waiting'");

// Each has one object, so that there is something to sign a permission for.
await Task.WhenAll(tokens.Select(async item =>
{
    using var client = Client(item);
    await client.LeaveSessionAsync((await client.OpenSessionAsync(new OpenSession(0), cancellation)).Session, cancellation);
    await RawLoop.RunAsync(Source(accounts), "UPDATE objects SET state = 'live', type = 1, length = 5000, tables_offset = 4096, frames = 1, checksum = decode(repeat('00', 32), 'hex'), receipt = decode(repeat('00', 200), 'hex'), indexed = 1 WHERE account_id = $1 AND number = 1", Convert.FromHexString(item.Account));
    await RawLoop.RunAsync(Source(accounts), "UPDATE objects SET state = 'condemned', condemned_at = 1 WHERE account_id = $1 AND state = 'granted' AND receipt IS NULL", Convert.FromHexString(item.Account));
    if ((await client.OpenReadsAsync(new OpenReads([1], false), cancellation)).Count != 1)
    {
        throw new InvalidOperationException("no permission for the object");
    }
}));
durations.Clear();
await using var ending = Source(accounts);
var until = Stopwatch.StartNew();
await Task.WhenAll(tokens.Select(async item =>
{
    using var client = Client(item);
    while (until.Elapsed.TotalSeconds < seconds)
    {
        await client.LeaveSessionAsync((await client.OpenSessionAsync(new OpenSession(0), cancellation)).Session, cancellation);

        // As its commit would: otherwise the next session asks the pod for each of its numbers.
        await RawLoop.RunAsync(ending, "UPDATE objects SET state = 'condemned', condemned_at = 1 WHERE account_id = $1 AND state = 'granted' AND receipt IS NULL", Convert.FromHexString(item.Account));
        for (var read = 0; read < 4; read++)
        {
            await client.OpenReadsAsync(new OpenReads([1], false), cancellation);
        }
    }
}));
var worst = 0.0;
foreach (var kind in new[] { "sessions", "reads" })
{
    var (median, p99) = (Median(durations[kind]), Percentile(durations[kind], 0.99));
    worst = Math.Max(worst, p99 / median);
    Console.WriteLine($"| {kind} of {clients} clients at once ({durations[kind].Count / until.Elapsed.TotalSeconds:n0} a second, beside one UPDATE of the bench's own a session): median ms, p99 ms, ratio | {F(median)} | {F(p99)} | {F(p99 / median)} |");
}

var failed = durations.Where(item => item.Key.StartsWith("failed", StringComparison.Ordinal)).Sum(item => item.Value.Count);
if (failed > 0)
{
    throw new InvalidOperationException($"{failed} requests failed: {string.Join(", ", durations.Keys)}");
}

var memory = long.Parse(File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
Console.WriteLine($"| most memory of the node until then, MB | {memory} | | |");

// A directory of many accounts, and a start.
await RawLoop.RunAsync(Source(directory), "INSERT INTO accounts (account_id, name, home, epoch, state, created_at) SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), 'account ' || n, 'main', 1, 'open', 1 FROM generate_series(1, $1) n", (long)many);
await RawLoop.RunAsync(Source(accounts), "INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), 1, 'open', 1, 1, 1, 1, 0 FROM generate_series(1, $1) n", (long)many);
var starts = new List<double>();
for (var start = 0; start < 3; start++)
{
    using var process = Process.Start("/bin/bash", ["-c", restart])!;
    await process.WaitForExitAsync();
    starts.Add(double.Parse(await File.ReadAllTextAsync(Path.Combine(work, "ready-ms")), CultureInfo.InvariantCulture) / 1000);
}

Console.WriteLine($"| start until ready with {many:n0} accounts, s (median of 3) | {F(Median(starts))} | | |");
Console.WriteLine($"session/raw {F(ratios["sessions"])} commit/raw {F(ratios["commits"])} grant/raw {F(ratios["reads"])} p99/median {F(worst)} rss-mb {memory} ready-s {F(Median(starts))}");

ServiceClient Client((string Account, string Token) item) => new(url, new Holdfast.Format.Objects.AccountId(Convert.FromHexString(item.Account)), item.Token, TimeProvider.System);

int Number(int index) => int.Parse(args[index], CultureInfo.InvariantCulture);

async Task BackUpAsync(int round)
{
    await File.WriteAllTextAsync(Path.Combine(tree, "file"), $"round {round}");
    await new Backup(computer, cached, service, TimeProvider.System, RandomNumberGenerator.GetBytes).RunAsync(new BackupOptions { Paths = [tree], Host = "bench", Program = "bench" }, new BackupProgress(), cancellation);
}

async Task TimeAsync(string kind, Func<Task> work)
{
    var watch = Stopwatch.StartNew();
    await work();
    rawTimes[kind].Add(watch.Elapsed.TotalMilliseconds);
}

NpgsqlDataSource Source(string connectionString) => new NpgsqlDataSourceBuilder($"{connectionString};Max Auto Prepare=100;Auto Prepare Min Usages=2;Command Timeout=0;Options=-c synchronous_commit=on").Build();

static double Median(IEnumerable<double> values) => Percentile(values, 0.5);

static double Percentile(IEnumerable<double> values, double share)
{
    var sorted = values.Order().ToList();
    return sorted[Math.Min(sorted.Count - 1, (int)(share * sorted.Count))];
}

static string F(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
