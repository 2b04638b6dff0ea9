using System.Diagnostics;
using System.Globalization;
using Holdfast.Authority.Billing;
using Holdfast.Billing;
using Holdfast.Customers;
using Holdfast.Protocol.Messages;
using Npgsql;

// DIRECTORY STORE OTHER_STORE FOLDER ACCOUNTS BILLED: meters as many accounts, again with nothing changed, and issues a month's invoices of those that are billed; says the seconds of each, and the most memory.
var (directory, store, other, folder) = (args[0], args[1], args[2], args[3]);
var (accounts, billed) = (long.Parse(args[4], CultureInfo.InvariantCulture), long.Parse(args[5], CultureInfo.InvariantCulture));
var cancellation = CancellationToken.None;
foreach (var name in new[] { "key", "secret" })
{
    File.WriteAllText(Path.Combine(folder, name), "sk_test");
}

var month = new DateOnly(2027, 1, 1);
var time = new StillTime(new DateTimeOffset(2027, 1, 1, 12, 0, 0, TimeSpan.Zero));
await using var service = await CustomersService.OpenAsync(directory, store, other, new StripeSettings(Path.Combine(folder, "key"), Path.Combine(folder, "secret"), "http://127.0.0.1/", "http://127.0.0.1:1"), "bench", time, cancellation);

// Each account: a computer, three packs, a snapshot.
const string Id = "decode(lpad(to_hex(n), 32, '0'), 'hex')";
await RunAsync(directory, $"INSERT INTO accounts (account_id, name, home, epoch, state, created_at) SELECT {Id}, 'account ' || n, 'a', 1, 'open', 1 FROM generate_series(1, {accounts}) n");
await RunAsync(store, $"INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) SELECT {Id}, 1, 'open', 10, 10, 2, 2, 0 FROM generate_series(1, {accounts}) n");
await RunAsync(store, $"INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, version) SELECT {Id}, 1, 'computer', {Id}, 'Add', 0, 1, 1 FROM generate_series(1, {accounts}) n");
await RunAsync(store, $"INSERT INTO objects (account_id, number, session, computer, state, type, length, tables_offset, frames, checksum, receipt, indexed, touched, version) SELECT {Id}, k, 1, 1, 'live', 1, 16000000 + n, 1000, 16, {Id}, {Id}, 1, 1, 1 FROM generate_series(1, {accounts}) n, generate_series(1, 3) k");
await RunAsync(store, $"INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version) SELECT {Id}, {Id}, 1, 1, 4, 'live', {Id}, 1, 1, 1 FROM generate_series(1, {accounts}) n");
foreach (var each in new[] { directory, store })
{
    await RunAsync(each, "VACUUM ANALYZE");
}

var firstDay = Month.DayOf(month);
var metering = await SecondsAsync(() => service.Usages.KeepAsync(firstDay, cancellation));
var unchanged = await SecondsAsync(() => service.Usages.KeepAsync(firstDay + 1, cancellation));
var kept = await CountAsync(store, "SELECT count(*) FROM account_usage");
Require(kept == accounts, $"{kept} of {accounts} accounts were counted");

// A month of days, and then its invoices.
await service.Plans.AddAsync(new PlanTerms("home", "EUR", 500, 300, 1, Storage: [new StoragePrice(1_000_000)]), cancellation);
await RunAsync(directory, $"INSERT INTO account_plans (account_id, from_day, plan, version) SELECT {Id}, {firstDay}, 'home', 1 FROM generate_series(1, {billed}) n");
for (var day = firstDay; day <= firstDay + 32; day++)
{
    await service.Samples.KeepAsync(day, [("accounts", "", accounts)], cancellation);
}

time.Now = new DateTimeOffset(2027, 2, 2, 12, 0, 0, TimeSpan.Zero);
var failure = (string?)null;
var invoicing = await SecondsAsync(async () => failure = await service.RunJobsAsync(cancellation));
Require(failure is null, failure ?? "");
var issued = await CountAsync(directory, "SELECT count(*) FROM invoices");
Require(issued == billed, $"{issued} of {billed} invoices were issued");
var memory = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{metering:F1} {unchanged:F1} {billed / invoicing:F0} {long.Parse(memory, CultureInfo.InvariantCulture) / 1024}"));

static async Task<double> SecondsAsync(Func<Task> work)
{
    var watch = Stopwatch.StartNew();
    await work();
    return watch.Elapsed.TotalSeconds;
}

static async Task RunAsync(string database, string sql)
{
    await using var source = NpgsqlDataSource.Create(database);
    await using var command = source.CreateCommand(sql);
    command.CommandTimeout = 600;
    await command.ExecuteNonQueryAsync();
}

static async Task<long> CountAsync(string database, string sql)
{
    await using var source = NpgsqlDataSource.Create(database);
    await using var command = source.CreateCommand(sql);
    return (long)(await command.ExecuteScalarAsync())!;
}

static void Require(bool condition, string why)
{
    if (!condition)
    {
        throw new InvalidOperationException(why);
    }
}
