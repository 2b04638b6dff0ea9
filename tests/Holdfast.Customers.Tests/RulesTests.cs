using Holdfast.Authority.Accounts;
using Holdfast.Authority.Billing;
using Holdfast.Billing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Customers.Tests;

/// <summary>What must hold when something is wrong: a clock, a provider, a customer, a copy of the databases.</summary>
public sealed class RulesTests : IAsyncLifetime
{
    private readonly StillTime _time = new(new DateTimeOffset(2027, 1, 1, 3, 30, 0, TimeSpan.Zero));
    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-rules-").FullName;
    private FakeStripe _stripe = null!;
    private CustomersService _service = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private long Today => _time.Now.ToUnixTimeSeconds() / 86_400;

    public async ValueTask InitializeAsync()
    {
        _stripe = await FakeStripe.StartAsync(Cancellation);
        await KeyAsync(FakeStripe.Key);
        await File.WriteAllTextAsync(Path.Combine(_folder, "secret"), FakeStripe.Secret, Cancellation);
        _service = await CustomersService.OpenAsync($"sqlite:{_folder}/directory.db", $"sqlite:{_folder}/a.db", $"sqlite:{_folder}/b.db",
            new StripeSettings(Path.Combine(_folder, "key"), Path.Combine(_folder, "secret"), "http://127.0.0.1/", _stripe.Url), "test", _time, Cancellation);
        await _service.Plans.AddAsync(new PlanTerms("home", "EUR", Base: 1000, Promise: [new AvailabilityPromise(990_000, 50)]), Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _stripe.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Who_could_not_be_told_is_neither_warned_nor_paused()
    {
        var (told, untold) = (await CustomerAsync("told", "books@example.org"), await CustomerAsync("untold", ""));
        await RunUntilAsync(new DateOnly(2027, 4, 1));
        Assert.Equal("paused", (await StatementAsync(told)).Dunning);
        Assert.Equal("none", (await StatementAsync(untold)).Dunning);
        Assert.False((await _service.Service.PlaceOfAsync(untold.Account, Cancellation)).IsOverdue);
        Assert.Equal(2, (await StatementAsync(untold)).OverdueDays);

        // Reminder, warning, pause: each once. And who pays is told that it goes on.
        Assert.Equal(3, await MailsAsync("are paused") + await MailsAsync("will be paused") + await MailsAsync("A reminder"));
        await _service.Payments.AddAsync(told.Account, "transfer", new Money(100_000, Currency.Parse("EUR")), Today, Payments.Transfer, "test", Cancellation);
        Assert.False((await _service.Service.PlaceOfAsync(told.Account, Cancellation)).IsOverdue);
        Assert.Equal(1, await MailsAsync("go on"));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(40)]
    [InlineData(4000)]
    public async Task A_clock_that_leaps_over_the_end_of_a_month_issues_nothing(int days)
    {
        var customer = await CustomerAsync("one", "books@example.org");
        await RunUntilAsync(new DateOnly(2027, 1, 21));
        var now = _time.Now;
        _time.Now += TimeSpan.FromDays(days);
        await CountAsync();
        Assert.Contains("the clock leapt", await _service.RunJobsAsync(Cancellation), StringComparison.Ordinal);
        Assert.Empty((await StatementAsync(customer)).Invoices);
        _time.Now = now;
        await RunUntilAsync(new DateOnly(2027, 2, 2));
        Assert.Equal(1190, Assert.Single((await StatementAsync(customer)).Invoices).Total);
    }

    [Fact]
    public async Task After_a_copy_was_restored_nothing_is_issued_charged_or_dunned_before_an_operator_says_so()
    {
        var customer = await CustomerAsync("one", "books@example.org", card: true);
        await _service.Service.DirectoryDatabase.WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync("DELETE FROM invoice_end WHERE one = 1");
            await InvoicingTable.HoldAsync(transaction);
            return 0;
        }, Cancellation);
        await RunUntilAsync(new DateOnly(2027, 2, 5));
        Assert.Empty((await StatementAsync(customer)).Invoices);
        Assert.Contains("restored from a copy", (await _service.Run.StateAsync(Cancellation)).Waiting, StringComparison.Ordinal);
        await _service.Table.ResumeAsync(41, Cancellation);
        Assert.Null(await _service.RunJobsAsync(Cancellation));
        var statement = await StatementAsync(customer);
        Assert.Equal((42, 0), (Assert.Single(statement.Invoices).Number, statement.Balance));
    }

    [Fact]
    public async Task A_charge_that_was_begun_and_not_confirmed_is_confirmed_by_the_next_run_once()
    {
        var customer = await CustomerAsync("one", "books@example.org", card: true);
        await KeyAsync("sk_test_wrong");
        await RunUntilAsync(new DateOnly(2027, 2, 2), isClean: false);
        Assert.Equal(1190, (await StatementAsync(customer)).Balance);
        await KeyAsync(FakeStripe.Key);

        // As a node leaves it that is killed right behind writing it down.
        using var provider = new StripeCards(_service.Settings.Stripe!, _time);
        var row = (await _service.Customers.FindAsync(customer.Account, Cancellation))!;
        var charge = await provider.BeginAsync(customer.Account, row.Card!, new Money(1190, Currency.Parse("EUR")), "key", Cancellation);
        Assert.True(await _service.Customers.KeepChargeAsync(row, charge, 1, 1, Today, Cancellation));
        Assert.Empty(_stripe.Taken);
        Assert.Null(await _service.RunJobsAsync(Cancellation));
        Assert.Equal((charge, 1190), (_stripe.Taken.Single().Id, _stripe.Taken.Single().Amount));
        Assert.Null(await _service.RunJobsAsync(Cancellation));
        Assert.Equal((0, 1), ((await StatementAsync(customer)).Balance, _stripe.Taken.Count()));
        Assert.Equal(0, await MailsAsync("Your card was not charged"));
    }

    [Fact]
    public async Task A_provider_that_cannot_be_asked_costs_no_try_and_writes_to_nobody()
    {
        var customer = await CustomerAsync("one", "books@example.org", card: true);
        await KeyAsync("sk_test_of_somebody_else");
        await RunUntilAsync(new DateOnly(2027, 2, 2), isClean: false);
        var failure = await _service.RunJobsAsync(Cancellation);
        Assert.Contains("Stripe cannot be asked now: it answered 401", failure, StringComparison.Ordinal);
        Assert.Equal((0L, (string?)null), ((await _service.Customers.FindAsync(customer.Account, Cancellation))!.ChargeTries, (await _service.Customers.FindAsync(customer.Account, Cancellation))!.Charge));
        Assert.Equal(0, await MailsAsync("Your card was not charged"));
        await KeyAsync(FakeStripe.Key);
        Assert.Null(await _service.RunJobsAsync(Cancellation));
        Assert.Equal(0, (await StatementAsync(customer)).Balance);
    }

    [Fact]
    public async Task One_customer_with_a_charge_that_nobody_knows_keeps_no_other_waiting()
    {
        var customers = new List<AccountPlace>();
        for (var i = 0; i < 4; i++)
        {
            customers.Add(await CustomerAsync($"customer {i}", "books@example.org", card: true));
        }

        var odd = customers.MinBy(customer => customer.Account.ToString(), StringComparer.Ordinal)!;
        await _service.Service.DirectoryDatabase.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE customers SET charge = 'pi_of_another_account' WHERE account_id = @id", new { id = odd.Account.ToArray() }), Cancellation);
        await RunUntilAsync(new DateOnly(2027, 2, 2));
        Assert.Equal(4, _stripe.Taken.Count());
        Assert.Null(await _service.RunJobsAsync(Cancellation));
        foreach (var customer in customers)
        {
            Assert.Equal(0, (await StatementAsync(customer)).Balance);
        }
    }

    [Fact]
    public async Task A_refund_that_is_told_before_its_payment_is_kept_with_it_and_the_card_is_forgotten()
    {
        var customer = await CustomerAsync("one", "books@example.org", card: true);
        await RunUntilAsync(new DateOnly(2027, 2, 2));
        var taken = _stripe.Taken.Single();
        await _service.Service.DirectoryDatabase.WriteAsync(async transaction =>
        {
            // As if the node had been killed behind the charge.
            await transaction.ExecuteAsync("DELETE FROM payments WHERE payment_id = @id", new { taken.Id });
            return await transaction.ExecuteAsync("UPDATE customers SET balance = balance + @amount, charge = @id WHERE account_id = @account", new { taken.Amount, taken.Id, account = customer.Account.ToArray() });
        }, Cancellation);
        var (body, signature) = FakeStripe.RefundEvent(taken.Id, "re_1", 300, "eur", _time.Now);
        await _service.Cards.TakeAsync(body, signature, Cancellation);
        await _service.Cards.TakeAsync(body, signature, Cancellation);
        Assert.Equal([-300L, 1190], (await StatementAsync(customer)).Payments.Select(payment => payment.Amount).Order());
        Assert.Equal(300, (await StatementAsync(customer)).Balance);
        await RunUntilAsync(new DateOnly(2027, 2, 20));
        Assert.Single(_stripe.Taken);
    }

    [Fact]
    public async Task Who_cannot_be_billed_is_written_down_keeps_no_one_waiting_and_is_billed_once_that_is_mended()
    {
        var (odd, other) = (await CustomerAsync("odd", "books@example.org"), await CustomerAsync("other", "books@example.org"));
        await RunUntilAsync(new DateOnly(2027, 1, 10));
        await UsageAsync(odd, -5);
        await RunUntilAsync(new DateOnly(2027, 3, 2));
        Assert.Equal(["2027-02", "2027-01"], (await StatementAsync(other)).Invoices.Select(invoice => invoice.Month));
        Assert.Equal(["2027-02"], (await StatementAsync(odd)).Invoices.Select(invoice => invoice.Month));
        Assert.Contains("less than nothing was used", Assert.Single((await _service.Run.StateAsync(Cancellation)).Left), StringComparison.Ordinal);
        await UsageAsync(odd, 5);
        Assert.Null(await _service.RunJobsAsync(Cancellation));
        Assert.Equal(["2027-02", "2027-01"], (await StatementAsync(odd)).Invoices.Select(invoice => invoice.Month));
        Assert.Empty((await _service.Run.StateAsync(Cancellation)).Left);
    }

    [Fact]
    public async Task Payments_in_another_currency_or_of_an_account_that_was_never_billed_are_refused()
    {
        var customer = await CustomerAsync("one", "books@example.org");
        var early = await Assert.ThrowsAsync<HoldfastException>(() => _service.Payments.AddAsync(customer.Account, "a", new Money(5, Currency.Parse("EUR")), Today, Payments.Transfer, "test", Cancellation));
        Assert.Equal(FailureTable.NotFound, early.Kind);
        await RunUntilAsync(new DateOnly(2027, 2, 2));
        var mixed = await Assert.ThrowsAsync<HoldfastException>(() => _service.Payments.AddAsync(customer.Account, "a", new Money(5, Currency.Parse("USD")), Today, Payments.Transfer, "test", Cancellation));
        Assert.Equal(FailureTable.InvalidRequest, mixed.Kind);
        Assert.Equal(1190, (await StatementAsync(customer)).Balance);
    }

    private Task KeyAsync(string key) => File.WriteAllTextAsync(Path.Combine(_folder, "key"), key, Cancellation);

    private async Task<AccountPlace> CustomerAsync(string name, string email, bool card = false)
    {
        var place = await _service.Service.PlaceOfAsync(await _service.Service.AddAccountAsync(name, Cancellation), Cancellation);
        await _service.Customers.ChangeAsync(place, new CustomerDetails(name, Email: email), Cancellation);
        await _service.Plans.AssignAsync(place, new AssignPlan("home"), Cancellation);
        if (card)
        {
            var (body, signature) = FakeStripe.CardEvent(place.Account.ToString(), "cus_1", $"pm_{name.Replace(' ', '_')}", _time.Now);
            await _service.Cards.TakeAsync(body, signature, Cancellation);
        }

        return place;
    }

    private async Task RunUntilAsync(DateOnly end, bool isClean = true)
    {
        while (Today < Month.DayOf(end))
        {
            _time.Now += TimeSpan.FromDays(1);
            await CountAsync();
            var failure = await _service.RunJobsAsync(Cancellation);
            Assert.True(failure is null || !isClean, failure);
        }
    }

    private async Task CountAsync()
    {
        await _service.Usages.KeepAsync(Today, Cancellation);
        await _service.Samples.KeepAsync(Today, [("accounts", "", 1)], Cancellation);
    }

    private Task<AccountStatement> StatementAsync(AccountPlace place) => _service.Invoices.StatementAsync(place.Account, place.Name, Cancellation);

    private Task<long> MailsAsync(string about) => _service.Service.DirectoryDatabase.ReadAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM outbox WHERE subject LIKE @about", new { about = $"%{about}%" }), Cancellation);

    private Task UsageAsync(AccountPlace place, long bytes) => _service.Service.Store.WriteAsync(place, transaction => transaction.ExecuteAsync(
        "INSERT INTO account_usage (account_id, day, bytes, objects, snapshots, computers, version) VALUES (@account, @day, @bytes, 1, 1, 1, @version) ON CONFLICT (account_id, day) DO UPDATE SET bytes = excluded.bytes, version = excluded.version",
        new { day = Month.DayOf(new DateOnly(2027, 1, 9)), bytes }), Cancellation);
}
