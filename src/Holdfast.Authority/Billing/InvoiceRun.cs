using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>Issues each month's invoices once it is over, one month after the other. Nothing else waits for it.</summary>
/// <remarks>A clock that leapt, or a service that did not run, would bill months that were not counted: then nothing is issued before an operator says so.</remarks>
internal sealed class InvoiceRun(IDatabase directory, AccountDirectory accounts, PlanTable plans, Invoicing invoicing, Invoices invoices, TimeProvider time) : IJobKind
{
    public const string JobName = "invoices";

    private const string IssuedMark = "invoices_issued";
    private const string ConfirmedMark = "invoices_confirmed";
    private const int AtOnce = 100;
    private const long SecondsPerDay = 86_400;

    private static readonly TimeSpan _looksEvery = TimeSpan.FromHours(1);

    /// <summary>What was counted last is in by then.</summary>
    private static readonly TimeSpan _behindMonth = TimeSpan.FromHours(3);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        while (invoicing.IsConfigured && await NextAsync(cancellation) is { } month)
        {
            if (await DoubtAsync(month, cancellation) is { } doubt)
            {
                throw new HoldfastException(FailureTable.Conflict, doubt);
            }

            await IssueAsync(lease, month, cancellation);
            await directory.WriteAsync(transaction => SetMarkAsync(transaction, IssuedMark, month.ToString()), cancellation);
        }

        return time.GetUtcNow() + _looksEvery;
    }

    public async Task<InvoicingState> StateAsync(CancellationToken cancellation) => new(
        await accounts.MarkAsync(IssuedMark, cancellation), invoicing.IsConfigured ? await NextAsync(cancellation) is { } month ? await DoubtAsync(month, cancellation) : null : "No seller is named under \"billing\" in holdfastd.json: nothing is issued.", await invoices.LastAsync(cancellation));

    /// <summary>An operator says that a month is to be issued as it was counted; it must be the next, and be over.</summary>
    public async Task ConfirmAsync(string asked, CancellationToken cancellation)
    {
        if (await NextAsync(cancellation) is not { } month || month.ToString() != asked)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{asked} is not the next month to be issued: `holdfast admin invoice status` says which is.");
        }

        await directory.WriteAsync(transaction => SetMarkAsync(transaction, ConfirmedMark, asked), cancellation);
    }

    /// <summary>The next month to be issued; null if it is not over, or no account ever had a plan.</summary>
    private async Task<Month?> NextAsync(CancellationToken cancellation)
    {
        var issued = await accounts.MarkAsync(IssuedMark, cancellation);
        var next = issued is null ? await plans.FirstDayAsync(cancellation) is { } first ? Month.Of(first) : (Month?)null : Month.TryParse(issued)!.Value.Next;
        return next is { } month && time.GetUtcNow() >= DateTimeOffset.FromUnixTimeSeconds(month.EndDay * SecondsPerDay) + _behindMonth ? month : null;
    }

    /// <summary>Why a month is not issued without being asked for; null if nothing speaks against it.</summary>
    private async Task<string?> DoubtAsync(Month month, CancellationToken cancellation)
    {
        if (await accounts.MarkAsync(ConfirmedMark, cancellation) == month.ToString())
        {
            return null;
        }

        var how = $"Look at the clock; if it is right: holdfast admin invoice issue --month {month}";
        if (plans.Today >= month.Next.EndDay)
        {
            return $"{month} is not the last month that is over: either the clock leapt, or the service did not run. Nothing is issued. {how}";
        }

        var (first, counted) = await directory.AskAsync(transaction => transaction.FindAsync<(long? First, long Counted)>(
            "SELECT min(day), count(CASE WHEN day >= @from AND day < @end THEN 1 END) FROM samples WHERE metric = 'accounts' AND subject = ''", new { from = month.FirstDay, end = month.EndDay }), cancellation);
        var expected = month.EndDay - Math.Max(month.FirstDay, first ?? month.EndDay);
        return 2 * counted >= expected ? null : string.Create(CultureInfo.InvariantCulture, $"What is stored was counted on {counted} of {expected} days of {month}: either the clock leapt, or the service did not run. Nothing is issued. {how}");
    }

    private async Task IssueAsync(JobLease lease, Month month, CancellationToken cancellation)
    {
        var (after, left) = (Progress(lease.Job.Progress, month), new List<string>());
        while (true)
        {
            var ids = await plans.AccountsAsync(after, AtOnce, cancellation);
            if (ids.Count == 0)
            {
                break;
            }

            var places = new List<AccountPlace>();
            foreach (var id in ids)
            {
                // One that is being deleted, or is not there any more, is billed by whoever deletes it.
                if (await accounts.FindAsync(new AccountId(id), cancellation) is { State: not AccountState.Purging } place)
                {
                    places.Add(place);
                }
            }

            await IssueAsync(places, month, left, cancellation);
            after = ids[^1];
            if (left.Count == 0)
            {
                await lease.SaveAsync($"{month} {Convert.ToHexStringLower(after)}", cancellation);
            }
        }

        if (left.Count > 0)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"{left.Count} accounts could not be billed for {month}, the others were; it is tried again. The first: {left[0]}");
        }
    }

    /// <summary>Together; if one cannot be billed, each by itself, so that nobody waits for another.</summary>
    private async Task IssueAsync(List<AccountPlace> places, Month month, List<string> left, CancellationToken cancellation)
    {
        try
        {
            await invoicing.IssueAsync(places, month, cancellation);
        }
        catch (Exception exception) when (exception is BillingException or HoldfastException)
        {
            if (places.Count == 1)
            {
                left.Add(exception.Message);
                return;
            }

            foreach (var place in places)
            {
                await IssueAsync([place], month, left, cancellation);
            }
        }
    }

    private static byte[] Progress(string? progress, Month month) => progress?.Split(' ') is [var of, var id] && of == month.ToString() ? Convert.FromHexString(id) : [];

    private static Task<int> SetMarkAsync(DatabaseTransaction transaction, string name, string value) => transaction.ExecuteAsync(
        "INSERT INTO directory_marks (name, value) VALUES (@name, @value) ON CONFLICT (name) DO UPDATE SET value = excluded.value", new { name, value });
}
