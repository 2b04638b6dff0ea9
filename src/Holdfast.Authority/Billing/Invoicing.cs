using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Closing;
using Holdfast.Authority.Databases;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>Makes invoices of months that are over: of plans, of what was counted, of outages, and of who pays. Made again, they are the same; issued they are once.</summary>
internal sealed class Invoicing(IDatabase directory, PlanTable plans, MonthBills bills, Invoices invoices, InvoicingTable table, Outages outages, Customers customers, BillingSettings? settings, TimeProvider time)
{
    /// <summary>For so many months an outage that is recorded late is still given back.</summary>
    private const int CreditedMonths = 3;

    public bool IsConfigured => settings is not null;

    /// <summary>Issues what accounts owe of a month; how many invoices were new.</summary>
    public async Task<int> IssueAsync(IReadOnlyList<AccountPlace> places, Month month, CancellationToken cancellation)
    {
        var since = month;
        for (var i = 0; i < CreditedMonths; i++)
        {
            since = Month.Of(since.FirstDay - 1);
        }

        var known = await outages.SinceAsync(since.FirstDay * Month.SecondsPerDay, cancellation);
        var drafts = new List<InvoiceDraft>();
        foreach (var place in places)
        {
            if (await DraftAsync(place, month, known, cancellation) is { } draft)
            {
                drafts.Add(draft);
            }
        }

        return drafts.Count == 0 ? 0 : await invoices.IssueAsync(drafts, cancellation);
    }

    /// <summary>Issues the last invoices of an account that is being deleted, up to the day for which that was asked; done once.</summary>
    public async Task IssueLastAsync(AccountPlace place, CancellationToken cancellation)
    {
        var id = place.Account.ToArray();
        if (place.ClosesAt is not { } closesAt || await directory.AskAsync(transaction => transaction.FindAsync<long>("SELECT is_billed FROM closures WHERE account_id = @id", new { id }), cancellation) != 0)
        {
            return;
        }

        var periods = await plans.PeriodsAsync(place, cancellation);
        var row = await table.ReadAsync(cancellation);
        if (row.IsHeld == 1 && periods.Count > 0)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"The account '{place.Name}' is to be billed before it is deleted, and invoices wait for an operator: holdfast admin invoice status");
        }

        if (settings is null && periods.Count > 0 && row.Number > 0)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"The account '{place.Name}' is to be billed before it is deleted, and this node's holdfastd.json names no \"billing\": another node does it.");
        }

        if (settings is not null && periods.Count > 0)
        {
            var last = await invoices.EarlierAsync(place.Account, Month.Of(closesAt / Month.SecondsPerDay).Next, 1, cancellation);
            var month = last.Count > 0 ? Month.TryParse(last[0].Month)!.Value.Next : Month.Of(periods[0].FromDay);
            for (; month.FirstDay * Month.SecondsPerDay < closesAt; month = month.Next)
            {
                try
                {
                    await IssueAsync([place], month, cancellation);
                }
                catch (HoldfastException exception) when (exception.Kind == FailureTable.Internal)
                {
                    // It can never be billed: that is told to the operator, and keeps no customer's data from being deleted.
                    await table.LeaveAsync(place.Account, month.ToString(), exception.Message, cancellation);
                }
            }
        }

        await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE closures SET is_billed = 1 WHERE account_id = @id", new { id }), cancellation);
    }

    private async Task<InvoiceDraft?> DraftAsync(AccountPlace place, Month month, IReadOnlyList<Outage> known, CancellationToken cancellation)
    {
        var periods = await plans.PeriodsAsync(place, cancellation);
        if (periods.Count == 0 || periods[0].FromDay >= month.EndDay)
        {
            return null;
        }

        var details = (await customers.FindAsync(place.Account, cancellation))?.ReadDetails() ?? new CustomerDetails();
        var rate = details.TaxBasisPoints ?? settings!.TaxBasisPoints;
        var earlier = known.Any(outage => outage.From < month.FirstDay * Month.SecondsPerDay) ? await EarlierAsync(place.Account, month, cancellation) : [];
        var bill = await bills.BillAsync(place, month, periods, Math.Min(month.EndDay, place.ClosesAt / Month.SecondsPerDay ?? long.MaxValue), known, rate, earlier, cancellation);
        if (bill.Lines.Count == 0)
        {
            return null;
        }

        var today = time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;
        var dueDay = today + (details.DueDays ?? settings!.DueDays);
        return new InvoiceDraft(place.Account, bill.Total, dueDay, new InvoiceDocument("", place.Name, month.ToString(), Day(today), Day(dueDay), settings!.Seller, details, bill.Currency.Code,
            [.. bill.Lines.Select(MonthBills.LineOf)], bill.Net.Minor, settings.TaxLabel, rate, bill.Tax.Minor, bill.Total.Minor));
    }

    /// <summary>What was billed in the months before, credits that were given since among it.</summary>
    private async Task<IReadOnlyList<Charge>> EarlierAsync(AccountId account, Month month, CancellationToken cancellation)
    {
        var charges = new List<Charge>();
        var documents = await invoices.EarlierAsync(account, month, CreditedMonths, cancellation);
        var first = documents.Count == 0 ? 0 : documents.Min(document => Month.TryParse(document.Month)!.Value.FirstDay);
        foreach (var line in documents.SelectMany(document => document.Lines))
        {
            var plan = await plans.FindAsync(line.Plan, line.Version, cancellation);
            var (from, until) = (DayOf(line.From), DayOf(line.Until) + 1);
            if (from >= first)
            {
                charges.Add(new Charge(Enum.Parse<ChargeKind>(line.Kind, ignoreCase: true), plan, from, until, line.Quantity, new Money(line.Amount, plan.Currency)));
            }
        }

        return charges;
    }

    private static string Day(long day) => string.Create(CultureInfo.InvariantCulture, $"{Month.DateOf(day):yyyy-MM-dd}");

    private static long DayOf(string text) => Month.DayOf(DateOnly.ParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture));
}
