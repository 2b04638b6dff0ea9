using System.Diagnostics;
using System.Globalization;
using Holdfast.Authority.Billing;
using Holdfast.Billing;
using Holdfast.Moving;
using Holdfast.Protocol.Messages;
using Holdfast.Tests;

namespace Holdfast.Customers.Tests;

/// <summary>A year of a service with customers (1,000 in `./test --long`) on PostgreSQL, by a script: plans that change, outages with credits, cards that are declined, accounts that move, a clock that leaps, and each month a node that is killed while it bills, charges or reminds. In the end it balances to the cent.</summary>
public sealed class YearTests : IAsyncLifetime
{
    private const int Seed = 20_270_101;
    /// <summary>A fifth of it where it should not take minutes.</summary>
    private static readonly int Accounts = Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1" ? 1000 : 200;

    private static readonly PlanTerms[] _euros =
    [
        new("free", "EUR"),
        new("computers", "EUR", PerComputer: 600, Promise: [new AvailabilityPromise(999_000, 10), new AvailabilityPromise(990_000, 33)]),
        new("storage", "EUR", Base: 495, GigabytesIncluded: 50, Storage: [new StoragePrice(1_500_000, 200), new StoragePrice(333_333)]),
        new("business", "EUR", Base: 2999, PerComputer: 299, ComputersIncluded: 2, GigabytesIncluded: 20, GigabytesIncludedPerComputer: 5, Storage: [new StoragePrice(990_000)], Promise: [new AvailabilityPromise(999_500, 5), new AvailabilityPromise(995_000, 25), new AvailabilityPromise(900_000, 100)]),
    ];

    private static readonly PlanTerms[] _yen = [new("small", "JPY", Base: 980), new("large", "JPY", Base: 980, Storage: [new StoragePrice(2_345_678)], Promise: [new AvailabilityPromise(999_999, 50)])];

    private readonly Random _random = new(Seed);
    private readonly StillTime _time = new(new DateTimeOffset(2027, 1, 1, 3, 30, 0, TimeSpan.Zero));
    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-year-").FullName;
    private readonly List<AccountModel> _accounts = [];
    private readonly Dictionary<string, int> _lines = [];
    private readonly HashSet<string> _taken = [];
    private readonly List<Outage> _outages = [];
    private PostgresCluster _cluster = null!;
    private FakeStripe _stripe = null!;
    private CustomersService _service = null!;
    private string[] _databases = [];
    private int _kills, _leaps, _events;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private long Today => _time.Now.ToUnixTimeSeconds() / 86_400;

    private StripeSettings Settings => new(Path.Combine(_folder, "key"), Path.Combine(_folder, "secret"), "http://127.0.0.1/", _stripe.Url);

    public async ValueTask InitializeAsync()
    {
        _cluster = await PostgresCluster.StartAsync(Cancellation);
        _databases = [await _cluster.NewDatabaseAsync("directory", Cancellation), await _cluster.NewDatabaseAsync("a", Cancellation), await _cluster.NewDatabaseAsync("b", Cancellation)];
        _stripe = await FakeStripe.StartAsync(Cancellation);
        await File.WriteAllTextAsync(Path.Combine(_folder, "key"), FakeStripe.Key + "\n", Cancellation);
        await File.WriteAllTextAsync(Path.Combine(_folder, "secret"), "whsec_former\n" + FakeStripe.Secret + "\n", Cancellation);
        _service = await CustomersService.OpenAsync(_databases[0], _databases[1], _databases[2], Settings, "test", _time, Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _stripe.DisposeAsync();
        await _cluster.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_year_balances_to_the_cent()
    {
        await BeginAsync();
        var end = Month.DayOf(new DateOnly(2028, 1, 2));
        while (Today < end)
        {
            var date = Month.DateOf(Today);
            await CountAsync();
            await RecordOutagesAsync(date);
            if (date.Day == 1 && date > new DateOnly(2027, 1, 1))
            {
                var before = Month.Of(Today - 1);
                _accounts.ForEach(account => account.Bill(before, Today, _outages));
                await KilledAsync(date.Month);
            }

            Assert.Null(await _service.RunJobsAsync(Cancellation));
            _accounts.ForEach(account => account.Look(Today));
            await TakeCardsAsync();
            await PayAsync();
            await ChangeAsync(date);
            if (date is { Month: 6, Day: 20 })
            {
                await LeapAsync();
            }

            if (date.Day == 15)
            {
                await CheckAsync(isAll: false);
            }

            _time.Now += TimeSpan.FromDays(1);
        }

        await CheckAsync(isAll: true);
        Assert.True(_kills >= 12 && _leaps == 1, $"{_kills} kills, {_leaps} leaps");
        TestContext.Current.SendDiagnosticMessage("{0}", string.Create(CultureInfo.InvariantCulture, $"{_accounts.Sum(account => account.Invoices.Count)} invoices, {_taken.Count} charges of cards, {_kills} kills, {_events} events told twice"));
    }

    private async Task BeginAsync()
    {
        foreach (var terms in _euros.Concat(_yen))
        {
            await _service.Plans.AddAsync(terms, Cancellation);
        }

        for (var i = 0; i < Accounts; i++)
        {
            var name = $"account {i}";
            var details = new CustomerDetails($"Customer {i}", Email: $"customer{i}@example.org", TaxBasisPoints: _random.Next(4) switch { 0 => 0, 1 => 700, _ => null }, DueDays: _random.Next(5) == 0 ? 30 : null);
            var account = new AccountModel(await _service.Service.AddAccountAsync(name, Cancellation), name, details);
            _accounts.Add(account);
            await _service.Customers.ChangeAsync(await PlaceAsync(account), details, Cancellation);
            await GiveAsync(account, PlanFor(account), Today);
            await UseAsync(account);
            if (IsCard(i))
            {
                var (body, signature) = FakeStripe.CardEvent(account.Account.ToString(), $"cus_{i}", $"pm_{i}", _time.Now);
                await _service.Cards.TakeAsync(body, signature, Cancellation);
            }
        }
    }

    // How customers pay: by card, some of which are declined at times; by transfer; late, when backups pause; never.
    private static bool IsCard(int i) => i % 10 is 0 or 1 or 2;

    private static bool IsFlaky(int i) => i % 10 == 2;

    private static bool IsLate(int i) => i % 20 == 4;

    private static bool IsNever(int i) => i % 20 == 5;

    private static bool IsPrompt(int i) => !IsCard(i) && !IsLate(i) && !IsNever(i);

    private PlanTerms PlanFor(AccountModel account)
    {
        var plans = _accounts.IndexOf(account) % 7 == 6 ? _yen : _euros;
        return plans[_random.Next(plans.Length)];
    }

    private async Task<Holdfast.Authority.Accounts.AccountPlace> PlaceAsync(AccountModel account) => await _service.Service.PlaceOfAsync(account.Account, Cancellation);

    private async Task GiveAsync(AccountModel account, PlanTerms terms, long from)
    {
        await _service.Plans.AssignAsync(await PlaceAsync(account), new AssignPlan(terms.Name, From: $"{Month.DateOf(from):yyyy-MM-dd}"), Cancellation);
        account.Give(from, terms, 1);
    }

    /// <summary>A computer more or less, or something stored or gone, as the counts see it.</summary>
    private async Task UseAsync(AccountModel account)
    {
        var (bytes, computers) = (_random.NextInt64(1, 40) * 7_654_321_987L, _random.Next(2));
        var isLess = account.Bytes > 0 && _random.Next(3) == 0;
        await _service.Service.Store.WriteAsync(await PlaceAsync(account), async transaction =>
        {
            if (isLess)
            {
                await transaction.ExecuteAsync("UPDATE objects SET state = 'deleted', version = @version WHERE account_id = @account");
                await transaction.ExecuteAsync("UPDATE devices SET retired_at = created_at, version = @version WHERE account_id = @account");
                return 0;
            }

            var number = await transaction.FindAsync<long>("UPDATE fence SET next_number = next_number + 1, next_computer = next_computer + 1 WHERE account_id = @account RETURNING next_number");
            await transaction.ExecuteAsync("INSERT INTO objects (account_id, number, session, computer, state, touched, type, length, receipt, version) VALUES (@account, @number, 1, 1, 'live', @version, 1, @bytes, @receipt, @version)", new { number, bytes, receipt = new byte[] { 1 } });
            await transaction.ExecuteAsync("INSERT INTO snapshots (account_id, head_id, computer, sequence, number, state, head, received_at, on_pod, version) VALUES (@account, @hash, 1, @number, @number, 'live', @hash, 1, 1, @version)", new { number, hash = Guid.NewGuid().ToByteArray() });
            return computers == 0 ? 0 : await transaction.ExecuteAsync("INSERT INTO devices (account_id, computer, name, token_hash, rights, revoked, created_at, version) VALUES (@account, @number, 'x', @hash, 'Adding', 0, 1, @version)", new { number, hash = Guid.NewGuid().ToByteArray() });
        }, Cancellation);
        (account.Bytes, account.Computers) = isLess ? (0, 0) : (account.Bytes + bytes, account.Computers + computers);
    }

    private async Task CountAsync()
    {
        await _service.Usages.KeepAsync(Today, Cancellation);
        await _service.Samples.KeepAsync(Today, [("accounts", "", Accounts)], Cancellation);
        if (_random.Next(30) == 0)
        {
            // Run again, it counts nothing twice.
            await _service.Usages.KeepAsync(Today, Cancellation);
        }

        _accounts.ForEach(account => account.Count(Today));
    }

    private async Task RecordOutagesAsync(DateOnly date)
    {
        // One that is recorded the same day, one weeks later, and one that turns out to have been longer.
        (DateOnly On, DateOnly From, int Hour, int Hours)[] script = [(new(2027, 4, 9), new(2027, 4, 8), 13, 9), (new(2027, 9, 12), new(2027, 7, 30), 20, 36), (new(2027, 11, 20), new(2027, 11, 19), 0, 1), (new(2027, 12, 5), new(2027, 11, 19), 0, 30)];
        foreach (var (_, from, hour, hours) in script.Where(outage => outage.On == date))
        {
            var begins = (Month.DayOf(from) * 86_400) + (hour * 3600);
            await _service.Outages.AddAsync(new RecordOutage(begins, begins + (hours * 3600), "script"), "script", Cancellation);
            _outages.Add(new Outage(begins, begins + (hours * 3600)));
        }
    }

    /// <summary>A node in a process of its own runs the day's jobs, and is killed: while it issues, or behind a charge that its card has paid; in the meantime accounts move.</summary>
    private async Task KilledAsync(int month)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        var program = Path.Combine(own.Parent!.Parent!.Parent!.Parent!.FullName, "Holdfast.Customers.Node", "bin", own.Parent.Name, "net10.0", "Holdfast.Customers.Node");
        for (var round = 0; round < 2; round++)
        {
            using var node = Process.Start(new ProcessStartInfo(program, [.. _databases, Settings.Url!, Settings.SecretKeyFile, Settings.WebhookSecretFile, _time.Now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)]) { RedirectStandardOutput = true })!;
            Assert.Equal("up", await node.StandardOutput.ReadLineAsync(Cancellation));
            if ((month + round) % 2 == 0)
            {
                var charges = _random.Next(1, Accounts / 20);
                _stripe.Charged = async () =>
                {
                    if (Interlocked.Decrement(ref charges) == 0)
                    {
                        node.Kill();
                        await node.WaitForExitAsync(Cancellation);
                    }
                };
            }
            else
            {
                using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
                var (first, more) = ((await _service.Table.ReadAsync(Cancellation)).Number, _random.Next(0, Accounts / 2));
                for (var waited = 0; waited < 2000 && !node.HasExited && (await _service.Table.ReadAsync(Cancellation)).Number < first + more; waited++)
                {
                    await pause.WaitForNextTickAsync(Cancellation);
                }

                node.Kill();
            }

            await Task.WhenAll(node.WaitForExitAsync(Cancellation), MoveAsync());
            _kills += node.ExitCode == 0 ? 0 : 1;
            _stripe.Charged = null;

            // Its leases run out.
            _time.Now += TimeSpan.FromMinutes(5);
        }
    }

    private async Task MoveAsync()
    {
        for (var i = 0; i < 3; i++)
        {
            var account = _accounts[_random.Next(Accounts)];
            await _service.Service.Movers.New().MoveAsync(account.Account, (await PlaceAsync(account)).Home == "a" ? "b" : "a", new Holdfast.Authority.Moving.MoveWatch(), Cancellation);
            await _service.Service.Movers.SettleAsync(account.Account, Cancellation);
        }
    }

    /// <summary>What was taken from cards since yesterday was paid; the provider tells it once more.</summary>
    private async Task TakeCardsAsync()
    {
        foreach (var (account, id, amount, currency) in _stripe.Taken.Where(charge => _taken.Add(charge.Id)).ToList())
        {
            var model = _accounts.Single(one => one.Account.ToString() == account);
            Assert.Equal(model.Currency!, currency.ToUpperInvariant());
            model.Pay(amount, Today);
            for (var twice = _random.Next(3); twice > 0; twice--)
            {
                var (body, signature) = _stripe.PaidEvent(id, _time.Now);
                await _service.Cards.TakeAsync(body, signature, Cancellation);
                _events++;
            }
        }

        for (var i = 2; i < Accounts; i += 10)
        {
            // A third of them is declined this week.
            Assert.True(IsFlaky(i));
            _ = (i / 10 + (Today / 7)) % 3 == 0 ? _stripe.Declined.TryAdd($"pm_{i}", true) : _stripe.Declined.TryRemove($"pm_{i}", out _);
        }
    }

    private async Task PayAsync()
    {
        for (var i = 0; i < Accounts; i++)
        {
            var account = _accounts[i];
            var last = account.Invoices.LastOrDefault();
            var pays = account.Balance > 0 && last is not null && ((IsPrompt(i) && (Today + i) % 7 == 0) || (IsLate(i) && account.Dunning == DunningLevel.Paused));
            if (!pays)
            {
                continue;
            }

            // All of it, or a part, or too much.
            var amount = (i % 13) switch { 0 => Math.Max(1, account.Balance / 2), 1 => account.Balance + 100, _ => account.Balance };
            var (id, currency) = ($"bank {Today} {i}", Currency.Parse(account.Currency!));
            Assert.True(await _service.Payments.AddAsync(account.Account, id, new Money(amount, currency), Today, Payments.Transfer, "script", Cancellation));
            Assert.False(await _service.Payments.AddAsync(account.Account, id, new Money(amount, currency), Today, Payments.Transfer, "script", Cancellation));
            account.Pay(amount, Today);
        }
    }

    private async Task ChangeAsync(DateOnly date)
    {
        for (var i = 0; i < Accounts / 40; i++)
        {
            await UseAsync(_accounts[_random.Next(Accounts)]);
        }

        for (var i = _random.Next(6); i > 0; i--)
        {
            // Today, twice on one day at times, or on a day to come.
            var account = _accounts[_random.Next(Accounts)];
            var from = _random.Next(3) == 0 ? Today + _random.Next(1, 40) : Today;
            for (var again = _random.Next(4) == 0 ? 2 : 1; again > 0; again--)
            {
                await GiveAsync(account, PlanFor(account), from);
            }
        }

        if (date.Day == 20)
        {
            await MoveAsync();
        }
    }

    /// <summary>The clock leaps a year ahead and comes back: nothing is billed meanwhile, and nobody's backups pause by it.</summary>
    private async Task LeapAsync()
    {
        var (now, last) = (_time.Now, (await _service.Table.ReadAsync(Cancellation)).Number);
        _time.Now += TimeSpan.FromDays(400);
        Assert.Contains("the clock leapt", await _service.RunJobsAsync(Cancellation), StringComparison.Ordinal);
        Assert.Contains("holdfast admin invoice issue --month 2027-06", (await _service.Run.StateAsync(Cancellation)).Waiting, StringComparison.Ordinal);
        Assert.Equal(last, (await _service.Table.ReadAsync(Cancellation)).Number);
        _accounts.ForEach(account => account.Look(Today));
        await TakeCardsAsync();
        _time.Now = now;
        _leaps++;
    }

    private async Task CheckAsync(bool isAll)
    {
        var total = 0;
        foreach (var account in isAll ? _accounts : _accounts.Where((_, i) => i % 20 == (Today % 20)))
        {
            var statement = await _service.Invoices.StatementAsync(account.Account, account.Name, Cancellation);
            Assert.Equal(account.Invoices.Select(invoice => (invoice.Month.ToString(), invoice.Total, $"{Month.DateOf(invoice.DueDay):yyyy-MM-dd}")).Reverse(), statement.Invoices.Select(invoice => (invoice.Month, invoice.Total, invoice.DueOn)));
            Assert.Equal((account.Name, account.Balance, account.Paid), (account.Name, statement.Balance, statement.Payments.Sum(payment => payment.Amount)));
            Assert.Equal((account.Name, account.Dunning.ToString().ToLowerInvariant(), account.OverdueDays), (account.Name, statement.Dunning, statement.OverdueDays));
            Assert.Equal(account.Dunning == DunningLevel.Paused, (await PlaceAsync(account)).IsOverdue);
            total += statement.Invoices.Count;
            foreach (var (invoice, billed) in statement.Invoices.Reverse().Zip(account.Invoices).Where(_ => isAll))
            {
                var document = (await _service.Invoices.FindAsync(account.Account, invoice.Number, Cancellation)).Document;
                Assert.Equal((billed.Net, billed.Tax, billed.Total), (document.Net, document.Tax, document.Total));
                Assert.Equal(document.Net, document.Lines.Sum(line => line.Amount));
                document.Lines.ToList().ForEach(line => _lines[line.Kind] = _lines.GetValueOrDefault(line.Kind) + 1);
            }
        }

        var last = (await _service.Table.ReadAsync(Cancellation)).Number;
        Assert.Equal($"{last}|{last}|{Math.Min(1, last)}", (await _cluster.AskAsync(_databases[0], "SELECT count(*), coalesce(max(number), 0), coalesce(min(number), 0) FROM invoices", Cancellation)).Trim());
        if (isAll)
        {
            Assert.Equal(last, total);
            Assert.True(_lines.Count == 4 && _lines.Values.All(lines => lines > Accounts / 10), string.Join(", ", _lines));

            // What cards paid is what was kept of it.
            Assert.Equal($"{_taken.Count}|{_stripe.Taken.Sum(charge => charge.Amount)}", (await _cluster.AskAsync(_databases[0], "SELECT count(*), sum(amount) FROM payments WHERE method = 'card'", Cancellation)).Trim());
            Assert.True(_taken.Count > Accounts && _events > Accounts / 10);
            Assert.Contains(_accounts, account => account.Dunning == DunningLevel.Paused);
        }
    }
}
