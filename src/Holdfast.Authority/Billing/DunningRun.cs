using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Billing;

namespace Holdfast.Authority.Billing;

/// <summary>Once a day: who has not paid is reminded, then warned, and at last backs up nothing new. Days are counted on which the service ran, so a clock that leaps pauses nobody.</summary>
internal sealed class DunningRun(IDatabase directory, Customers customers, Payments payments, InvoicingTable table, BillingSettings? settings, TimeProvider time) : IJobKind
{
    public const string JobName = "dunning";

    private const int AtOnce = 200;

    private static readonly TimeSpan _looksEvery = TimeSpan.FromHours(4);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var (today, after) = (time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay, Array.Empty<byte>());
        var isHeld = (await table.ReadAsync(cancellation)).IsHeld == 1;
        while (settings is not null && !isHeld)
        {
            var overdue = await customers.OverdueAsync(after, today, AtOnce, cancellation);
            if (overdue.Count == 0)
            {
                break;
            }

            foreach (var customer in overdue)
            {
                await directory.WriteAsync(transaction => LookAsync(transaction, customer.Id, today, settings), cancellation);
            }

            after = overdue[^1].Id;
        }

        return time.GetUtcNow() + _looksEvery;
    }

    private async Task<int> LookAsync(DatabaseTransaction transaction, byte[] id, long today, BillingSettings billing)
    {
        // Once a day, whoever looks; and it locks the row.
        if (await transaction.ExecuteAsync("UPDATE customers SET day_seen = @today WHERE account_id = @id AND day_seen <> @today", new { id, today }) == 0 || await Customers.FindAsync(transaction, id) is not { Currency: { } currency } customer)
        {
            return 0;
        }

        if (!(customer.OldestDue < today))
        {
            // A payment says so itself; this is a clock that was set back.
            await payments.GoOnAsync(transaction, customer);
            return 0;
        }

        var (days, before) = (customer.OverdueDays + 1, (DunningLevel)customer.Dunning);
        var level = billing.Dunning.Next(before, days);
        if (level != before && await customers.TellAsync(transaction, id, customer.ReadDetails(), InvoiceMail.Overdue(customer, level, new Money(customer.Balance, Currency.Parse(currency)))) == 0)
        {
            // Nobody could be told: nobody is worse off for that, and the days begin to count once somebody can.
            (level, days) = (before, customer.OverdueDays);
        }

        await transaction.ExecuteAsync("UPDATE customers SET overdue_days = @days, dunning = @level WHERE account_id = @id", new { id, days, level = (long)level });
        if (level != before && level == DunningLevel.Paused)
        {
            await transaction.ExecuteAsync("UPDATE accounts SET overdue_at = @now WHERE account_id = @id", new { id, now = time.GetUtcNow().ToUnixTimeSeconds() });
        }

        return 1;
    }
}
