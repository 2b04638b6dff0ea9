using System.Runtime.CompilerServices;
using System.Text.Json;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Billing;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Verifying;
using Holdfast.Billing;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Reports;

/// <summary>Whom something affected: who waited for a turn, which outages were recorded and what was given back for them, and what proves that no data was at risk.</summary>
/// <param name="Waits">Computers that asked for a turn and had to wait.</param>
/// <param name="Outages">Outages that were recorded of that time.</param>
/// <param name="Month">Seconds of all outages that were recorded of the months that these lie in: what plans promise counts by the month.</param>
/// <param name="Credits">What was given back for the months that they lie in, by currency: how many accounts, and the sum.</param>
/// <param name="Incidents">What went wrong meanwhile: what it was, when it began, and when it was over.</param>
/// <param name="Accounts">How many accounts there are.</param>
/// <param name="Verification">The first verification of everything since; null if there is none.</param>
internal sealed record Affected(GateWaits Waits, IReadOnlyList<OutageSummary> Outages, long Month, IReadOnlyList<(int Accounts, Money Sum)> Credits, IReadOnlyList<(string Title, long BeganAt, long? ClosedAt)> Incidents, long Accounts, VerificationStatus? Verification);

/// <summary>Finds that from what was recorded.</summary>
internal sealed class AffectedCustomers(IDatabase directory, GateTable gate, Verifications verifications, Outages outages)
{
    private const int DocumentsAtOnce = 500;

    /// <summary>Behind that, nothing is given back for an outage any more.</summary>
    private static readonly TimeSpan _creditedFor = TimeSpan.FromDays(150);

    private static readonly TimeSpan _incidentLongest = TimeSpan.FromDays(92);

    /// <summary>Whom a time affected.</summary>
    /// <param name="from">Seconds since 1970.</param>
    /// <param name="until">The same.</param>
    /// <param name="changedUntil">Until when data may have been touched: what proves that it was at no risk came behind.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<Affected> FindAsync(long from, long until, long changedUntil, CancellationToken cancellation)
    {
        var recorded = await outages.BetweenAsync(from, until, cancellation);
        var (monthsFrom, monthsUntil) = recorded.Count == 0 ? (from, until) : (MonthOf(recorded.Min(outage => outage.From), 0), MonthOf(recorded.Max(outage => outage.Until), 1));
        var month = recorded.Count == 0 ? [] : await outages.BetweenAsync(monthsFrom, monthsUntil, cancellation);
        var (incidents, accounts) = await directory.ReadAsync(async transaction => (
            await transaction.QueryAsync<(string, long, long?)>("SELECT title, began_at, closed_at FROM incidents WHERE began_at >= @earliest AND began_at < @until AND (closed_at IS NULL OR closed_at > @from) ORDER BY began_at",
                new { earliest = from - (long)_incidentLongest.TotalSeconds, from, until }),
            await transaction.FindAsync<long>("SELECT count(*) FROM accounts")), cancellation);
        return new Affected(await gate.WaitsAsync(from, until, cancellation), recorded, LengthOf(month, monthsFrom, monthsUntil),
            recorded.Count == 0 ? [] : await CreditsAsync(recorded, cancellation), incidents, accounts, await verifications.FindProofAsync(changedUntil, cancellation));
    }

    /// <summary>How long outages took within a time; what several have in common counts once.</summary>
    private static long LengthOf(IReadOnlyList<OutageSummary> outages, long from, long until)
    {
        var (length, counted) = (0L, from);
        foreach (var outage in outages.OrderBy(outage => outage.From))
        {
            var (begins, ends) = (Math.Max(outage.From, counted), Math.Min(outage.Until, until));
            length += Math.Max(0, ends - begins);
            counted = Math.Max(counted, ends);
        }

        return length;
    }

    /// <summary>When the month of a moment begins, or so many months later.</summary>
    private static long MonthOf(long seconds, int later)
    {
        var day = DateTimeOffset.FromUnixTimeSeconds(seconds);
        return new DateTimeOffset(day.Year, day.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(later).ToUnixTimeSeconds();
    }

    /// <summary>Lines of invoices that give back for months in which these outages lie.</summary>
    private async Task<IReadOnlyList<(int Accounts, Money Sum)>> CreditsAsync(IReadOnlyList<OutageSummary> recorded, CancellationToken cancellation)
    {
        var (since, sums) = (recorded.Min(outage => outage.From), new Dictionary<string, (HashSet<string> Accounts, long Sum)>());
        await foreach (var document in DocumentsAsync(since, since + (long)_creditedFor.TotalSeconds, cancellation))
        {
            foreach (var line in document.Lines.Where(line => line.Kind == "credit" && recorded.Any(outage => string.CompareOrdinal(DayOf(outage.From), line.Until) <= 0 && string.CompareOrdinal(line.From, DayOf(outage.Until)) <= 0)))
            {
                var (accounts, sum) = sums.TryGetValue(document.Currency, out var known) ? known : ([], 0);
                accounts.Add(document.Account);
                sums[document.Currency] = (accounts, sum - line.Amount);
            }
        }

        return [.. sums.OrderBy(sum => sum.Key, StringComparer.Ordinal).Select(sum => (sum.Value.Accounts.Count, new Money(sum.Value.Sum, Currency.Parse(sum.Key))))];
    }

    /// <summary>Invoices of a time that give anything back, some at a time.</summary>
    private async IAsyncEnumerable<InvoiceDocument> DocumentsAsync(long from, long until, [EnumeratorCancellation] CancellationToken cancellation)
    {
        IReadOnlyList<(long Number, string Document)> page;
        var after = 0L;
        do
        {
            page = await directory.AskAsync(transaction => transaction.QueryAsync<(long, string)>(
                $"SELECT number, document FROM invoices WHERE issued_at >= @from AND issued_at <= @until AND number > @after AND document LIKE '%\"credit\"%' ORDER BY number LIMIT {DocumentsAtOnce}", new { from, until, after }), cancellation);
            foreach (var (number, document) in page)
            {
                after = number;
                yield return JsonSerializer.Deserialize(document, MessageJson.Default.InvoiceDocument)!;
            }
        }
        while (page.Count == DocumentsAtOnce);
    }

    private static string DayOf(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
}
