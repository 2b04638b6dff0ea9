using Holdfast.Authority.Accounts;
using Holdfast.Billing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>What months cost, computed from an account's plans and from what it used as it was counted each day: the same whenever it is computed, and wherever the account lives.</summary>
internal sealed class MonthBills(PlanTable plans, AccountStore store, Outages outages)
{
    public async Task<MonthBill> ComputeAsync(AccountPlace place, string asked, CancellationToken cancellation)
    {
        if (Month.TryParse(asked) is not { } month)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"'{asked}' is no month such as 2026-11.");
        }

        var periods = await plans.PeriodsAsync(place, cancellation);
        if (periods.Count == 0)
        {
            return new MonthBill(place.Name, month.ToString(), null, plans.Today >= month.EndDay, [], 0, "nothing: the account has no plan");
        }

        // Today has not been used up, and not been counted either.
        var bill = await BillAsync(place, month, periods, plans.Today, await outages.SinceAsync(month.FirstDay * Month.SecondsPerDay, cancellation), 0, [], cancellation);
        return new MonthBill(place.Name, month.ToString(), bill.Currency.Code, plans.Today >= month.EndDay, [.. bill.Lines.Select(LineOf)], bill.Net.Minor, bill.Net.ToString());
    }

    /// <summary>The bill itself, of an account that has had a plan.</summary>
    public async Task<Bill> BillAsync(AccountPlace place, Month month, IReadOnlyList<PlanPeriod> periods, long untilDay, IReadOnlyCollection<Outage> known, int taxBasisPoints, IReadOnlyList<Charge> earlier, CancellationToken cancellation)
    {
        var usage = await UsageAsync(place, month, cancellation);
        try
        {
            return Bill.Of(month, periods[0].Plan.Currency, periods, untilDay, usage, known, taxBasisPoints, earlier);
        }
        catch (BillingException exception)
        {
            throw new HoldfastException(FailureTable.Internal, $"The account '{place.Name}' cannot be billed for {month}: {exception.Message}", exception);
        }
    }

    /// <summary>What was used on a day, by the last count until then: a day on which nothing changed has none of its own.</summary>
    private async Task<Func<long, DailyUsage>> UsageAsync(AccountPlace place, Month month, CancellationToken cancellation)
    {
        var rows = await store.AskAsync(place, transaction => transaction.QueryAsync<(long Day, long Bytes, long Computers)>(
            """
            SELECT day, bytes, computers FROM account_usage WHERE account_id = @account AND deleted = 0 AND day < @end
                AND day >= coalesce((SELECT max(day) FROM account_usage WHERE account_id = @account AND deleted = 0 AND day <= @first), 0) ORDER BY day
            """, new { first = month.FirstDay, end = month.EndDay }), cancellation);
        return day => rows.LastOrDefault(row => row.Day <= day) is var found ? new DailyUsage(found.Bytes, found.Computers) : default;
    }

    public static BillLine LineOf(Charge charge) => new(
        charge.Kind.ToString().ToLowerInvariant(), charge.Plan.Name, charge.Plan.Version, $"{Month.DateOf(charge.FromDay):yyyy-MM-dd}", $"{Month.DateOf(charge.UntilDay - 1):yyyy-MM-dd}", charge.Quantity, charge.Amount.Minor);
}
