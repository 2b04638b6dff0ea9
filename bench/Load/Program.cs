using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Holdfast.Bench.Load;
using Holdfast.Protocol.Messages;
using Npgsql;

// restore WORK, or: WORK CLIENTS SECONDS OPERATOR_TOKEN DIRECTORY ACCOUNT_STORE AUTHORITY_PID POD_PID POSTGRES_PID
if (args is ["restore", var told])
{
    await new RestoreReader(told).RunAsync();
    return;
}

var (work, clients, seconds) = (args[0], Number(1), Number(2));
var url = File.ReadAllText(Path.Combine(work, "authority", "ready")).Trim();
var cancellation = CancellationToken.None;
int authority = Number(6), pod = Number(7), postgres = Number(8);

const int Steady = 16;
await using var store = NpgsqlDataSource.Create(args[5] + ";Maximum Pool Size=20");
var returning = await Fleet.MakeAsync(url, clients + Steady + 1, args[4], store);
using var signingKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
var content = new UploadContent(signingKey);
await RestoreOrder.GiveAsync(work, url, returning[^1], content, store, cancellation);
var steady = returning.Skip(clients).Take(Steady).ToList();
returning = [.. returning.Take(clients)];
await SetGateAsync("open", null);

// Warm, then three times the same: restores alone, with as many backups as are always there, with everybody coming back at once.
await RunAsync(steady, 5, loops: true);
var idle = await RunAsync([], seconds, loops: false);
var calm = await RunAsync(steady, seconds, loops: true);
Report("restores alone", idle);
Report($"{Steady} computers that back up again and again", calm);
await SetGateAsync("ramp", "a flood");
var connected = await Fleet.ConnectAsync(returning, cancellation);
var flood = await RunAsync(returning, seconds * 2, loops: true, ignoring: 0.05, countFrom: seconds);
Report($"{connected:n0} computers that come back at once, 5 % of which ask every second whatever they are told", flood);

RestoreOrder.Withdraw(work);

// What a refusal costs: everybody comes early, as fast as one core can ask.
await SetGateAsync("closed", "a closed gate");
var (cpuBefore, refused) = (CpuMilliseconds(authority), 0L);
var asking = Stopwatch.StartNew();
await Task.WhenAll(returning.Take(64).Select(async client =>
{
    await client.TryOpenAsync(cancellation);
    while (asking.Elapsed.TotalSeconds < Math.Max(5, seconds / 3))
    {
        await client.TryOpenAsync(cancellation);
        Interlocked.Increment(ref refused);
    }
}));
var refusal = (CpuMilliseconds(authority) - cpuBefore) * 1000.0 / refused;
Console.WriteLine($"| refusals of computers that come before their turn: {refused / asking.Elapsed.TotalSeconds:n0} a second; processor time of the authority, µs each | {F(refusal)} | | | | | |");
var memory = Peak(authority) + Peak(pod) + Children(postgres).Append(postgres).Sum(Proportional);
Console.WriteLine($"| most memory of authority and pod, and PostgreSQL's at the end, MB | {Peak(authority)} + {Peak(pod)} + {memory - Peak(authority) - Peak(pod)} | | | | | |");
var untyped = idle.Untyped + calm.Untyped + flood.Untyped;
Console.WriteLine($"| answers that were neither a success nor a typed refusal with a turn | {untyped} | | | | | |");
Console.WriteLine($"| what the flood's backups stored a second, against those of the {Steady} computers | {F(flood.BytesPerSecond / calm.BytesPerSecond)} | | | | | |");
Console.WriteLine($"clients {connected} restores-served {idle.Restores.Count + calm.Restores.Count + flood.Restores.Count} restore-p99/idle {F(Percentile(flood.Restores, 0.99) / Percentile(idle.Restores, 0.99))} untyped-errors {untyped} rss-mb {memory} refusal-us {F(refusal)}");

async Task<Phase> RunAsync(IReadOnlyList<ReturningClient> backups, int length, bool loops, double ignoring = 0, int countFrom = 0)
{
    var phase = new Phase(countFrom, length);
    using var end = new CancellationTokenSource(TimeSpan.FromSeconds(length));
    var tasks = backups.Select((client, index) => Task.Run(() => client.BackUpAsync(content, phase, loops, index < ignoring * backups.Count, end.Token))).ToList();
    await Task.WhenAll(tasks.Append(Task.Delay(TimeSpan.FromSeconds(length))));
    await phase.TakeRestoresAsync(work);
    return phase;
}

void Report(string what, Phase phase) => Console.WriteLine(
    $"| {what} | {phase.Restores.Count} | {F(Percentile(phase.Restores, 0.5))} | {F(Percentile(phase.Restores, 0.99))} | {F(Percentile(phase.Permissions, 0.5))} | {F(Percentile(phase.Permissions, 0.99))} | {phase.BytesPerSecond / 1e6:n1} MB/s, {phase.Backups} done, {phase.Refused:n0} refused, {phase.Untyped} untyped |");

async Task SetGateAsync(string mode, string? reason)
{
    using var http = new HttpClient { BaseAddress = new Uri(url) };
    http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", args[3]);
    using var answer = await http.PutAsJsonAsync("/v1/gate", new ChangeGate(mode, null, null, reason), MessageJson.Default.ChangeGate, cancellation);
    answer.EnsureSuccessStatusCode();
}

int Number(int index) => int.Parse(args[index], CultureInfo.InvariantCulture);

static double CpuMilliseconds(int pid)
{
    var fields = File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1].Split(' ');
    return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) * 10.0;
}

static long Peak(int pid) => Kibibytes($"/proc/{pid}/status", "VmHWM") / 1024;

static long Proportional(int pid) => Kibibytes($"/proc/{pid}/smaps_rollup", "Pss:") / 1024;

static long Kibibytes(string file, string name) => File.Exists(file) && File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) is { } line
    ? long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) : 0;

static IEnumerable<int> Children(int pid) => File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(child => int.Parse(child, CultureInfo.InvariantCulture));

static double Percentile(IReadOnlyCollection<double> values, double share)
{
    var sorted = values.Order().ToList();
    return sorted.Count == 0 ? double.NaN : sorted[Math.Min(sorted.Count - 1, (int)(share * sorted.Count))];
}

static string F(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
