using System.Globalization;
using Holdfast.Authority.Billing;
using Holdfast.Customers;

// DIRECTORY A B STRIPE_URL KEY_FILE SECRET_FILE UNIX_SECONDS: runs the jobs of that day, and says so; it may be killed at any point.
var time = new StillTime(DateTimeOffset.FromUnixTimeSeconds(long.Parse(args[6], CultureInfo.InvariantCulture)));
await using var service = await CustomersService.OpenAsync(args[0], args[1], args[2], new StripeSettings(args[4], args[5], "http://127.0.0.1/", args[3]), $"node {Environment.ProcessId}", time, CancellationToken.None);
Console.WriteLine("up");
Console.WriteLine(await service.RunJobsAsync(CancellationToken.None) ?? "done");
