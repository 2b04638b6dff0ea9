using System.Globalization;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Moving;
using Holdfast.Bench.Move;
using Holdfast.Moving;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging.Abstractions;

// traffic DIRECTORY A B ACCOUNTS ROWS_OF_THE_LARGE_ONE CLIENTS ROWS_OF_THE_DIRECTORY NEXT…: moves all accounts from A to B while clients write and restore, then the directory to each of the next ones.
// bulk DIRECTORY A B: moves one account without traffic; prints seconds.
// fill DIRECTORY A B ROWS: makes that account.
// Before either a small account is moved elsewhere: a node's code is warm.
var time = TimeProvider.System;
await using var service = await MovingService.OpenAsync(args[1], args[2], args[3], CancellationToken.None);
switch (args[0])
{
    case "fill":
        await Rows.AddAsync(service, await service.AddAccountAsync("bulk", CancellationToken.None), Number(4));
        return;
    case "bulk":
        await WarmAsync();
        var account = (await service.Directory.FindByNameAsync("bulk", CancellationToken.None))!.Account;
        var began = time.GetTimestamp();
        var watch = new MoveWatch { Ready = Task.WhenAll(service.Homes.Values.Select(home => VersionIndexes.MakeAsync(home, CancellationToken.None))) };
        var outcome = await service.Movers.New().MoveAsync(account, "b", watch, CancellationToken.None);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{outcome} {watch.Rows} rows in {time.GetElapsedTime(began).TotalSeconds:0.00} s, {watch.Freeze?.TotalMilliseconds:0.0} ms frozen {watch.Reason}"));
        return;
}

await WarmAsync();
var large = await service.AddAccountAsync("large", CancellationToken.None);
await Rows.AddAsync(service, large, Number(5));
var accounts = new List<Holdfast.Format.Objects.AccountId> { large };
// Pieces: an account is three transactions, each of which waits for the disk.
foreach (var some in Enumerable.Range(0, Number(4)).Chunk(500))
{
    var places = await service.Directory.PlacesForAsync([.. some.Select(i => ($"small {i}", (string?)null))], CancellationToken.None);
    await Parallel.ForEachAsync(places, async (place, cancellation) => await service.Store.AdmitAsync(place, cancellation));
    await service.Directory.AddAsync([.. places.Select(place => (place, Guid.NewGuid().ToByteArray()))], CancellationToken.None);
    await Parallel.ForEachAsync(places, async (place, _) => await Rows.AddAsync(service, place.Account, 20));
    accounts.AddRange(places.Select(place => place.Account));
}

var (jobs, table, check, actuals) = (new JobTable(service.DirectoryDatabase, "bench", time), new MoveTable(service.DirectoryDatabase, time), new StoreCheck(service.Homes), new Actuals(service.DirectoryDatabase));
var moves = new Moves(service.DirectoryDatabase, table, check, new LiveNodes(service.DirectoryDatabase, time), jobs, time);
await using var runner = new JobRunner(jobs, [new MoveJob(table, service.Movers, check, actuals, time)], time, NullLogger.Instance);
var traffic = new Traffic(service, accounts);
var clients = Enumerable.Range(0, Number(6)).Select(client => Task.Run(() => traffic.RunAsync(client))).ToList();
var plan = await moves.PlanAsync(new PlanMove("b"), CancellationToken.None);
var start = time.GetTimestamp();
await moves.StartAsync(plan.Id, CancellationToken.None);
runner.Start();
MoveStatus status;
do
{
    await Task.Delay(500);
    status = await moves.StatusAsync(plan.Id, CancellationToken.None);
    Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{time.GetElapsedTime(start).TotalSeconds:0} s: {status.State}, {status.Moved} of {status.Accounts} moved, {status.Rows} rows, {traffic.Acknowledged} writes, {traffic.Served} restores, {(status.Troubles.Count > 0 ? status.Troubles[0].Failure : "")}"));
}
while (status.State == "running" && time.GetElapsedTime(start) < TimeSpan.FromHours(2));

await traffic.StopAsync();
await Task.WhenAll(clients);
var lost = await traffic.CountLostAsync();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| accounts, rows of the largest, rows copied in all | {status.Moved} of {status.Accounts} | {Number(5)} | {status.Rows} |"));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| seconds, accounts a second, writes that took longer than 0.1 s | {time.GetElapsedTime(start).TotalSeconds:0.0} | {status.Moved / time.GetElapsedTime(start).TotalSeconds:0.0} | {traffic.Waits} |"));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| writes as clients saw them: median, p99, longest, ms | {traffic.WriteMs(0.5):0.0} | {traffic.WriteMs(0.99):0.0} | {traffic.WriteMs(1):0.0} |"));
foreach (var line in await DirectoryRace.RunAsync(service.DirectoryDatabase, Number(7), args[8..]))
{
    Console.WriteLine(line);
}

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"freeze-p99-ms {status.FreezeP99Ms:0.0} freeze-max-ms {status.FreezeMaxMs:0.0} restores-served {traffic.Served} restores-refused {traffic.Refused} acknowledged-writes {traffic.Acknowledged} lost-writes {lost}"));

async Task WarmAsync()
{
    await using var other = await MovingService.OpenAsync(args[1] + ";Search Path=warm", args[2] + ";Search Path=warm", args[3] + ";Search Path=warm", CancellationToken.None);
    var account = await other.AddAccountAsync("warm", CancellationToken.None);
    await Rows.AddAsync(other, account, 20_000);
    await other.Movers.New().MoveAsync(account, "b", new MoveWatch(), CancellationToken.None);

    // What runs often is compiled again, a tenth of a second later, beside what is measured.
    await Task.Delay(2000);
}

int Number(int at) => int.Parse(args[at], CultureInfo.InvariantCulture);
