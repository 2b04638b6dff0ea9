using System.Text.Json;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.People;
using Holdfast.Billing;
using Holdfast.Documents.Letters;
using Holdfast.Documents.Texts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>A customer as they stand in the directory.</summary>
internal sealed record Customer
{
    public byte[] Id { get; init; } = [];

    public string Account { get; init; } = "";

    public string Details { get; init; } = "{}";

    public string? Currency { get; init; }

    public long Balance { get; init; }

    public long? OldestDue { get; init; }

    public long Dunning { get; init; }

    public long OverdueDays { get; init; }

    public string? Card { get; init; }

    public string? Charge { get; init; }

    public long ChargeInvoice { get; init; }

    public long ChargeTries { get; init; }

    public long ChargeDay { get; init; }

    public CustomerDetails ReadDetails() => JsonSerializer.Deserialize(Details, MessageJson.Default.CustomerDetails)!;
}

/// <summary>Who pays for accounts, what they owe, and who is told of it.</summary>
internal sealed class Customers(IDatabase directory, Outbox outbox)
{
    private const string Columns = "account_id AS Id, account, details, currency, balance, oldest_due AS OldestDue, dunning, overdue_days AS OverdueDays, card, charge, charge_invoice AS ChargeInvoice, charge_tries AS ChargeTries, charge_day AS ChargeDay";
    private const int TextLengthMax = 1000;

    /// <summary>Says who pays for an account.</summary>
    public Task ChangeAsync(AccountPlace place, CustomerDetails details, CancellationToken cancellation)
    {
        string[] lines = [details.Name, details.Email, details.TaxNumber, .. details.Address.Split('\n')];
        if (lines.Any(line => line.Any(char.IsControl)) || lines.Append(details.Address).Any(text => text.Length > TextLengthMax))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A customer's name, e-mail address and tax number are one line each, and nothing is longer than {TextLengthMax} characters.");
        }

        if (details.Email.Length > 0)
        {
            Invitations.Address(details.Email);
        }

        if (details.TaxBasisPoints is < 0 or > 10_000 || details.DueDays is < 0 or > 365)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A tax is 0 to 10000 hundredths of a percent, and a customer has 0 to 365 days to pay.");
        }

        if (!Wording.Languages.Contains(details.Language))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"'{details.Language}' is none of the languages that customers are written to in: {string.Join(", ", Wording.Languages.Order(StringComparer.Ordinal))}.");
        }

        return directory.WriteAsync(transaction => AddAsync(transaction, place.Account, place.Name, JsonSerializer.Serialize(details, MessageJson.Default.CustomerDetails)), cancellation);
    }

    public Task<Customer?> FindAsync(AccountId account, CancellationToken cancellation) => directory.AskAsync(transaction => FindAsync(transaction, account.ToArray()), cancellation);

    public static Task<Customer?> FindAsync(DatabaseTransaction transaction, byte[] id) => transaction.FindAsync<Customer>($"SELECT {Columns} FROM customers WHERE account_id = @id", new { id });

    /// <summary>Some who did not pay in time, or were told that they did not, behind one, and who were not looked at on this day.</summary>
    public Task<List<Customer>> OverdueAsync(byte[] after, long today, int most, CancellationToken cancellation) => directory.AskAsync(async transaction => (await transaction.QueryAsync<Customer>(
        $"SELECT {Columns} FROM customers WHERE (oldest_due IS NOT NULL OR dunning > 0) AND (oldest_due < @today OR overdue_days > 0) AND account_id > @after AND day_seen <> @today ORDER BY account_id LIMIT @most", new { after, today, most })).ToList(), cancellation);

    /// <summary>Some whose card is to be charged, or was and it is not known what became of it, behind one.</summary>
    public Task<List<Customer>> WithCardsAsync(byte[] after, int most, CancellationToken cancellation) => directory.AskAsync(async transaction => (await transaction.QueryAsync<Customer>(
        $"SELECT {Columns} FROM customers WHERE (card IS NOT NULL OR charge IS NOT NULL) AND (balance > 0 OR charge IS NOT NULL) AND account_id > @after ORDER BY account_id LIMIT @most", new { after, most })).ToList(), cancellation);

    /// <summary>Something was paid back: the card is not charged again before somebody enters one.</summary>
    public Task ForgetCardAsync(AccountId account, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE customers SET card = NULL WHERE account_id = @id", new { id = account.ToArray() }), cancellation);

    /// <summary>Keeps a card that a customer entered, in the place of another; it is tried at once.</summary>
    public Task KeepCardAsync(AccountId account, string card, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var id = account.ToArray();
        if (await transaction.FindAsync<string>("SELECT name FROM accounts WHERE account_id = @id", new { id }) is { } name)
        {
            await AddAsync(transaction, account, name, null);
        }

        return await transaction.ExecuteAsync("UPDATE customers SET card = @card, charge_tries = 0 WHERE account_id = @id AND coalesce(card, '') <> @card", new { id, card });
    }, cancellation);

    public Task<long> LastInvoiceAsync(byte[] id, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.FindAsync<long>("SELECT coalesce(max(number), 0) FROM invoices WHERE account_id = @id", new { id }), cancellation);

    /// <summary>Writes down which charge is about to be made; false if something was paid or billed meanwhile.</summary>
    public async Task<bool> KeepChargeAsync(Customer customer, string charge, long invoice, long tries, long day, CancellationToken cancellation) => await directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE customers SET charge = @charge, charge_invoice = @invoice, charge_tries = @tries, charge_day = @day WHERE account_id = @id AND charge IS NULL AND balance = @balance AND card = @card",
        new { customer.Id, customer.Balance, customer.Card, charge, invoice, tries, day }), cancellation) == 1;

    /// <summary>A charge has ended; why it failed is told to who pays.</summary>
    public Task EndChargeAsync(AccountId account, string charge, string? failure, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var id = account.ToArray();
        if (await transaction.ExecuteAsync("UPDATE customers SET charge = NULL WHERE account_id = @id AND charge = @charge", new { id, charge }) == 1 && failure is not null && await FindAsync(transaction, id) is { } customer)
        {
            await TellAsync(transaction, id, customer.ReadDetails(), InvoiceMail.NotCharged(customer, failure));
        }

        return 0;
    }, cancellation);

    /// <summary>Adds to what an account owes: what an invoice comes to that was just kept.</summary>
    public static async Task OweAsync(DatabaseTransaction transaction, AccountId account, string name, Money amount)
    {
        await AddAsync(transaction, account, name, null);
        await ChangeBalanceAsync(transaction, account.ToArray(), name, amount);
    }

    /// <summary>Changes what a customer owes, and until when, behind an invoice or a payment that was just kept.</summary>
    public static async Task ChangeBalanceAsync(DatabaseTransaction transaction, byte[] id, string name, Money amount)
    {
        var invoices = await transaction.QueryAsync<(long Number, long Total, long DueDay)>("SELECT number, total, due_day FROM invoices WHERE account_id = @id ORDER BY month", new { id });
        var paid = await transaction.FindAsync<long>("SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM payments WHERE account_id = @id", new { id });
        var oldestDue = Settlement.OldestDueDay([.. invoices.Select(invoice => new IssuedInvoice(invoice.Number, invoice.Total, invoice.DueDay))], paid);
        if (await transaction.ExecuteAsync("UPDATE customers SET balance = balance + @minor, currency = @code, oldest_due = @oldestDue WHERE account_id = @id AND coalesce(currency, @code) = @code", new { id, amount.Minor, code = amount.Currency.Code, oldestDue }) == 0)
        {
            throw new BillingException(BillingError.MixedCurrencies, $"The account '{name}' is billed in another currency than {amount.Currency}.");
        }
    }

    /// <summary>Writes to whoever pays for an account: the customer's own address, or the organisation's owners and those who see its bills. How many those are.</summary>
    public async Task<int> TellAsync(DatabaseTransaction transaction, byte[] id, CustomerDetails details, Letter letter)
    {
        if (!await outbox.IsSentAsync(transaction))
        {
            return 0;
        }

        IReadOnlyList<string> addresses = details.Email.Length > 0 ? [details.Email] : await transaction.QueryAsync<string>(
            "SELECT DISTINCT p.email FROM accounts a JOIN members m ON m.organisation_id = a.organisation_id JOIN people p ON p.person_id = m.person_id WHERE a.account_id = @id AND m.role IN ('owner', 'billing')", new { id });
        foreach (var address in addresses)
        {
            await outbox.AddAsync(transaction, address, letter, isBulk: true);
        }

        return addresses.Count;
    }

    private static Task<int> AddAsync(DatabaseTransaction transaction, AccountId account, string name, string? details) => transaction.ExecuteAsync(
        """
        INSERT INTO customers (account_id, account, details, balance, dunning, overdue_days, day_seen) VALUES (@id, @name, @text, 0, 0, 0, 0)
        ON CONFLICT (account_id) DO UPDATE SET account = excluded.account, details = CASE WHEN @isNew = 1 THEN excluded.details ELSE customers.details END
        """, new { id = account.ToArray(), name, text = details ?? "{}", isNew = details is null ? 0 : 1 });
}
