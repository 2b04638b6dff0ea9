using Holdfast.Authority.Databases;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Billing;

/// <summary>What was paid, however it came; and what follows for who had not paid.</summary>
internal sealed class Payments(IDatabase directory, Customers customers, TimeProvider time)
{
    public const string Transfer = "transfer";

    private const int IdLengthMax = 200;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Keeps a payment; the same again changes nothing.</summary>
    /// <param name="account">Whose.</param>
    /// <param name="id">The bank's or provider's own name of it.</param>
    /// <param name="amount">How much; less than nothing if it was paid back.</param>
    /// <param name="day">When, days since 1970; today if null.</param>
    /// <param name="method">How it came.</param>
    /// <param name="recordedBy">Who says so.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <exception cref="HoldfastException">conflict: another payment has that name; invalid_request.</exception>
    public Task<bool> AddAsync(AccountId account, string id, Money amount, long? day, string method, string recordedBy, CancellationToken cancellation)
    {
        var today = Now / Month.SecondsPerDay;
        if (id.Length is 0 or > IdLengthMax || id.Any(letter => char.IsControl(letter)) || amount.IsZero || day > today || day < 0 || amount.Minor is > Plan.NumberMax or < -Plan.NumberMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A payment has a name of up to {IdLengthMax} characters, is of more or less than nothing, and was made until today.");
        }

        return directory.WriteAsync(async transaction =>
        {
            var whose = account.ToArray();

            // Locks the customer: who looks whether they are overdue goes before or behind.
            var customer = await transaction.ExecuteAsync("UPDATE customers SET balance = balance WHERE account_id = @whose", new { whose }) == 1 ? await Customers.FindAsync(transaction, whose) : null;
            if (customer?.Currency is not { } currency)
            {
                throw new HoldfastException(FailureTable.NotFound, "Nothing was billed to that account.");
            }

            if (currency != amount.Currency.Code)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, $"The account '{customer.Account}' is billed in {currency}, and this is a payment in {amount.Currency}.");
            }

            if (await transaction.ExecuteAsync(
                """
                INSERT INTO payments (payment_id, account_id, currency, amount, day, method, recorded_by, recorded_at) VALUES (@id, @whose, @currency, @minor, @day, @method, @recordedBy, @now)
                ON CONFLICT (payment_id) DO NOTHING
                """, new { id, whose, currency, amount.Minor, day = day ?? today, method, recordedBy, Now }) == 0)
            {
                var (known, minor) = await transaction.FindAsync<(byte[] Account, long Amount)>("SELECT account_id, amount FROM payments WHERE payment_id = @id", new { id });
                return known.AsSpan().SequenceEqual(whose) && minor == amount.Minor ? false
                    : throw new HoldfastException(FailureTable.Conflict, $"There is another payment '{id}' already, of another account or another amount.");
            }

            await Customers.ChangeBalanceAsync(transaction, whose, customer.Account, -amount);
            if (customer.OverdueDays > 0 && !((await Customers.FindAsync(transaction, whose))!.OldestDue < today))
            {
                await GoOnAsync(transaction, customer);
            }

            return true;
        }, cancellation);
    }

    /// <summary>Whose payment that was; null if it is none that was recorded.</summary>
    public Task<AccountId?> AccountOfAsync(string id, CancellationToken cancellation) => directory.AskAsync(async transaction =>
        await transaction.FindAsync<byte[]>("SELECT account_id FROM payments WHERE payment_id = @id", new { id }) is { } account ? new AccountId(account) : (AccountId?)null, cancellation);

    /// <summary>Nothing is overdue any more.</summary>
    public async Task GoOnAsync(DatabaseTransaction transaction, Customer customer)
    {
        await transaction.ExecuteAsync("UPDATE customers SET dunning = 0, overdue_days = 0 WHERE account_id = @id", new { customer.Id });
        if (await transaction.ExecuteAsync("UPDATE accounts SET overdue_at = NULL WHERE account_id = @id AND overdue_at IS NOT NULL", new { customer.Id }) == 1)
        {
            await customers.TellAsync(transaction, customer.Id, customer.ReadDetails(), InvoiceMail.GoesOn(customer));
        }
    }
}
