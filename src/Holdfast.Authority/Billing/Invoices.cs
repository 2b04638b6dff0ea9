using System.Globalization;
using System.Text.Json;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Notifying;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>An invoice that has no number yet.</summary>
internal sealed record InvoiceDraft(AccountId Account, Money Total, long DueDay, InvoiceDocument Document);

/// <summary>Invoices, each issued once, for ever and under a number without gaps.</summary>
internal sealed class Invoices(IDatabase directory, Customers customers, Webhooks webhooks, BillingSettings? settings, TimeProvider time)
{
    /// <summary>More months than anybody has an account for.</summary>
    private const int ListedMax = 1200;

    private const string Columns = "number, account_id AS Id, month, currency, total, issued_at AS IssuedAt, due_day AS DueDay, document";

    /// <summary>Issues invoices, each unless its account has one of that month already; how many were new. All or none.</summary>
    public Task<int> IssueAsync(IReadOnlyList<InvoiceDraft> drafts, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        // Locks the end: numbers follow each other whatever node gives them.
        var before = await InvoicingTable.LockAsync(transaction);
        var number = before;
        foreach (var draft in drafts)
        {
            var id = draft.Account.ToArray();
            if (await transaction.FindAsync<long>("SELECT count(*) FROM invoices WHERE account_id = @id AND month = @month", new { id, draft.Document.Month }) > 0)
            {
                continue;
            }

            number++;
            var document = draft.Document with { Number = string.Create(CultureInfo.InvariantCulture, $"{settings?.NumberPrefix}{number:d6}") };
            await transaction.ExecuteAsync("INSERT INTO invoices (number, account_id, month, currency, total, issued_at, due_day, document) VALUES (@number, @id, @month, @currency, @total, @now, @dueDay, @text)",
                new { number, id, document.Month, document.Currency, document.Total, now = time.GetUtcNow().ToUnixTimeSeconds(), draft.DueDay, text = JsonSerializer.Serialize(document, MessageJson.Default.InvoiceDocument) });
            await Customers.OweAsync(transaction, draft.Account, document.Account, draft.Total);
            await customers.TellAsync(transaction, id, document.Customer, InvoiceMail.Issued(document, number, draft.Total));
            await webhooks.TellAsync(transaction, WebhookTopics.InvoiceIssued, (id, document.Account), new Dictionary<string, string> { ["number"] = document.Number, ["total"] = draft.Total.ToString() });
        }

        await transaction.ExecuteAsync("UPDATE invoice_end SET number = @number WHERE one = 1", new { number });
        return (int)(number - before);
    }, cancellation);

    /// <summary>An invoice as it was issued; of an account, or of any if <paramref name="account"/> is null.</summary>
    public async Task<(AccountId Account, InvoiceDocument Document)> FindAsync(AccountId? account, long number, CancellationToken cancellation)
    {
        var row = await directory.AskAsync(transaction => transaction.FindAsync<Row>($"SELECT {Columns} FROM invoices WHERE number = @number", new { number }), cancellation);
        return row is null || (account is { } own && own != new AccountId(row.Id)) ? throw new HoldfastException(FailureTable.NotFound, $"There is no invoice {number}{(account is null ? "" : " of this account")}.") : (new AccountId(row.Id), row.Read());
    }

    /// <summary>All invoices, by number.</summary>
    public Task<Page<InvoiceSummary>> ListAsync(Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<Row>($"SELECT {Columns} FROM invoices WHERE number > @after ORDER BY number LIMIT @rows", new { after = paging.AfterNumber(), rows = paging.Rows })).Select(row => row.Summary(null))],
        invoice => invoice.Number.ToString(CultureInfo.InvariantCulture)), cancellation);

    /// <summary>An account's invoices of months before one, as they were issued, the latest first.</summary>
    public Task<List<InvoiceDocument>> EarlierAsync(AccountId account, Month before, int most, CancellationToken cancellation) => directory.AskAsync(async transaction => (await transaction.QueryAsync<Row>(
        $"SELECT {Columns} FROM invoices WHERE account_id = @id AND month < @before ORDER BY month DESC LIMIT @most", new { id = account.ToArray(), before = before.ToString(), most })).Select(row => row.Read()).ToList(), cancellation);

    /// <summary>What an account was billed, what was paid, and what is open.</summary>
    public async Task<AccountStatement> StatementAsync(AccountId account, string name, CancellationToken cancellation)
    {
        var id = account.ToArray();
        var (customer, rows, payments) = await directory.ReadAsync(async transaction => (await Customers.FindAsync(transaction, id),
            await transaction.QueryAsync<Row>($"SELECT {Columns} FROM invoices WHERE account_id = @id ORDER BY month LIMIT {ListedMax}", new { id }),
            await transaction.QueryAsync<(string Id, string Currency, long Amount, long Day, string Method)>($"SELECT payment_id, currency, amount, day, method FROM payments WHERE account_id = @id ORDER BY payment_id LIMIT {ListedMax}", new { id })), cancellation);
        var (open, _) = Settlement.Of([.. rows.Select(row => row.Issued)], payments.Sum(payment => payment.Amount));
        var balance = customer is { Currency: { } code } ? new Money(customer.Balance, Currency.Parse(code)).ToString() : "nothing";
        return new AccountStatement(name, customer?.ReadDetails() ?? new CustomerDetails(), customer?.Currency, customer?.Balance ?? 0, balance, ((DunningLevel)(customer?.Dunning ?? 0)).ToString().ToLowerInvariant(), customer?.OverdueDays ?? 0,
            [.. rows.Select((row, i) => row.Summary(open[i])).Reverse()], [.. payments.OrderByDescending(payment => payment.Day).Select(payment => new Payment(payment.Id, payment.Currency, payment.Amount, $"{Month.DateOf(payment.Day):yyyy-MM-dd}", payment.Method))]);
    }

    private sealed record Row
    {
        public long Number { get; init; }

        public byte[] Id { get; init; } = [];

        public string Month { get; init; } = "";

        public string Currency { get; init; } = "";

        public long Total { get; init; }

        public long IssuedAt { get; init; }

        public long DueDay { get; init; }

        public string Document { get; init; } = "";

        public IssuedInvoice Issued => new(Number, Total, DueDay);

        public InvoiceDocument Read() => JsonSerializer.Deserialize(Document, MessageJson.Default.InvoiceDocument)!;

        public InvoiceSummary Summary(long? open)
        {
            var document = Read();
            return new InvoiceSummary(Number, document.Number, document.Account, Month, Currency, Total, new Money(Total, Holdfast.Billing.Currency.Parse(Currency)).ToString(), document.IssuedOn, document.DueOn, open);
        }
    }
}
