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
internal sealed class InvoiceRun(IDatabase directory, AccountDirectory accounts, PlanTable plans, Invoicing invoicing, InvoicingTable table, TimeProvider time) : IJobKind
{
    public const string JobName = "invoices";

    private const int AtOnce = 100;

    private static readonly TimeSpan _looksEvery = TimeSpan.FromHours(1);

    /// <summary>What was counted last is in by then.</summary>
    private static readonly TimeSpan _behindMonth = TimeSpan.FromHours(3);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (!invoicing.IsConfigured || (await table.ReadAsync(cancellation)).IsHeld == 1)
        {
            return time.GetUtcNow() + _looksEvery;
        }

        await RetryAsync(cancellation);
        while (await NextAsync(cancellation) is { } month)
        {
            if (await DoubtAsync(month, cancellation) is { } doubt)
            {
                throw new HoldfastException(FailureTable.Conflict, doubt);
            }

            await IssueAsync(lease, month, cancellation);
            await table.KeepMonthAsync(month.ToString(), cancellation);
        }

        return time.GetUtcNow() + _looksEvery;
    }

    public async Task<InvoicingState> StateAsync(CancellationToken cancellation)
    {
        var row = await table.ReadAsync(cancellation);
        var waiting = !invoicing.IsConfigured ? "No seller is named under \"billing\" in holdfastd.json: nothing is issued."
            : row.IsHeld == 1 ? "The databases were restored from a copy: invoices, cards and reminders wait, because what was issued and paid since is not known. Enter what was paid, then: holdfast admin invoice resume --last-number N"
            : await NextAsync(cancellation) is { } month ? await DoubtAsync(month, cancellation) : null;
        return new InvoicingState(row.IssuedUntil, waiting, row.Number, [.. (await table.LeftAsync([], "", cancellation)).Select(left => $"{left.Month}: {left.Reason}")]);
    }

    /// <summary>An operator says that a month is to be issued as it was counted; it must be the next, and be over.</summary>
    public async Task ConfirmAsync(string asked, CancellationToken cancellation)
    {
        if (await NextAsync(cancellation) is not { } month || month.ToString() != asked)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{asked} is not the next month to be issued: `holdfast admin invoice status` says which is.");
        }

        await table.ConfirmAsync(asked, cancellation);
    }

    /// <summary>The next month to be issued; null if it is not over, or no account ever had a plan.</summary>
    private async Task<Month?> NextAsync(CancellationToken cancellation)
    {
        var issued = (await table.ReadAsync(cancellation)).IssuedUntil;
        var next = issued is null ? await plans.FirstDayAsync(cancellation) is { } first ? Month.Of(first) : (Month?)null : Month.TryParse(issued)!.Value.Next;
        return next is { } month && time.GetUtcNow() >= DateTimeOffset.FromUnixTimeSeconds(month.EndDay * Month.SecondsPerDay) + _behindMonth ? month : null;
    }

    /// <summary>Why a month is not issued without being asked for; null if nothing speaks against it.</summary>
    private async Task<string?> DoubtAsync(Month month, CancellationToken cancellation)
    {
        if ((await table.ReadAsync(cancellation)).Confirmed == month.ToString())
        {
            return null;
        }

        var how = $"Look at the clock; if it is right: holdfast admin invoice issue --month {month}";
        if (plans.Today >= month.Next.EndDay)
        {
            return $"{month} is not the last month that is over: either the clock leapt, or the service did not run. Nothing is issued. {how}";
        }

        var (first, counted, last) = await directory.AskAsync(transaction => transaction.FindAsync<(long? First, long Counted, long? Last)>(
            "SELECT min(day), count(CASE WHEN day >= @from AND day < @end THEN 1 END), max(CASE WHEN day < @end THEN day END) FROM samples WHERE metric = 'accounts' AND subject = ''", new { from = month.FirstDay, end = month.EndDay }), cancellation);
        var expected = month.EndDay - Math.Max(month.FirstDay, first ?? month.EndDay);
        return expected <= 0 || (2 * counted >= expected && last >= month.EndDay - 2) ? null : string.Create(CultureInfo.InvariantCulture, $"What is stored was counted on {counted} of {expected} days of {month}, and not to its end or not often enough: either the clock leapt, or the service did not run. Nothing is issued. {how}");
    }

    private async Task IssueAsync(JobLease lease, Month month, CancellationToken cancellation)
    {
        var after = Progress(lease.Job.Progress, month);
        while (true)
        {
            var ids = await plans.AccountsAsync(after, AtOnce, cancellation);
            if (ids.Count == 0)
            {
                return;
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

            await IssueAsync(places, month, cancellation);
            after = ids[^1];
            await lease.SaveAsync($"{month} {Convert.ToHexStringLower(after)}", cancellation);
        }
    }

    private async Task<bool> TryIssueAsync(AccountPlace place, Month month, CancellationToken cancellation)
    {
        try
        {
            await invoicing.IssueAsync([place], month, cancellation);
            return true;
        }
        catch (Exception exception) when (IsOfOne(exception))
        {
            await table.LeaveAsync(place.Account, month.ToString(), exception.Message, cancellation);
            return false;
        }
    }

    private static bool IsOfOne(Exception exception) => exception is BillingException or HoldfastException or ArithmeticException;

    /// <summary>Together; if one cannot be billed, each by itself, so that nobody waits for another. Who cannot is written down, and tried again.</summary>
    private async Task IssueAsync(IReadOnlyList<AccountPlace> places, Month month, CancellationToken cancellation)
    {
        try
        {
            await invoicing.IssueAsync(places, month, cancellation);
        }
        catch (Exception exception) when (IsOfOne(exception))
        {
            foreach (var place in places)
            {
                await TryIssueAsync(place, month, cancellation);
            }
        }
    }

    /// <summary>Tries those again who could not be billed; of one that was deleted the reason stays.</summary>
    private async Task RetryAsync(CancellationToken cancellation)
    {
        var (after, afterMonth) = (Array.Empty<byte>(), "");
        while (await table.LeftAsync(after, afterMonth, cancellation) is { Count: > 0 } left)
        {
            foreach (var (id, month, _) in left)
            {
                var account = new AccountId(id);
                if (await accounts.FindAsync(account, cancellation) is { State: not AccountState.Purging } place && await TryIssueAsync(place, Month.TryParse(month)!.Value, cancellation))
                {
                    await table.EndAsync(account, month, cancellation);
                }
            }

            (after, afterMonth) = (left[^1].Account, left[^1].Month);
        }
    }

    private static byte[] Progress(string? progress, Month month) => progress?.Split(' ') is [var of, var id] && of == month.ToString() ? Convert.FromHexString(id) : [];
}
