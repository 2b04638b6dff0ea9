using System.Net;
using System.Text;
using System.Text.Json;
using Holdfast.Customers.Tests;

namespace Holdfast.Scenarios.Tests;

/// <summary>Invoices, payments and cards through the real programs: restores never wait for money, and what the provider of cards says is believed only if it is signed.</summary>
public sealed class InvoiceTests : Scenario
{
    private readonly MailServer _mail = new();
    private FakeStripe _stripe = null!;

    private protected override async Task<Service> StartServiceAsync()
    {
        _mail.Start();
        _stripe = await FakeStripe.StartAsync(Cancellation);
        var data = Path.Combine(Root, "service");
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(Path.Combine(data, "stripe-key"), FakeStripe.Key, Cancellation);
        await File.WriteAllTextAsync(Path.Combine(data, "stripe-secret"), FakeStripe.Secret, Cancellation);
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new
        {
            mail = new { host = "127.0.0.1", port = _mail.Port, from = "backup@example.org", encryption = "none" },
            billing = new
            {
                seller = new { name = "Example Backup", bank = "IBAN XX00" }, number_prefix = "HF-", tax_label = "VAT", tax_basis_points = 1900, due_days = 14,
                stripe = new { secret_key_file = "stripe-key", webhook_secret_file = "stripe-secret", return_url = "http://127.0.0.1/", url = _stripe.Url },
            },
        }), Cancellation);
        return await Service.StartAsync(data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _stripe.DisposeAsync();
        await _mail.DisposeAsync();
    }

    [Fact]
    public async Task Who_does_not_pay_backs_up_nothing_new_restores_as_always_and_goes_on_once_it_is_paid()
    {
        var tree = MakeTree("tree", files: 5);
        var computer = await EnrolAsync("one", "smith");
        await computer.MustAsync(Cancellation, "backup", tree);
        await GiveLongAgoAsync("smith");
        Assert.Contains("one line each", await RefusedAsync("customer", "set", "smith", "--email", "books@smith.example\nBcc: all@example.org"), StringComparison.Ordinal);
        Assert.Contains("one line each", await RefusedAsync("customer", "set", "smith", "--name", "Smith\nLtd"), StringComparison.Ordinal);
        Assert.Contains("one line each", await RefusedAsync("customer", "set", "smith", "--name", "Smith\nLtd", "--address", "Smith", "--address", "Ltd"), StringComparison.Ordinal);
        Assert.Contains("no e-mail address", await RefusedAsync("customer", "set", "smith", "--email", "books"), StringComparison.Ordinal);
        Assert.Contains("none of the languages", await RefusedAsync("customer", "set", "smith", "--language", "xx"), StringComparison.Ordinal);
        Assert.Contains("Smith Ltd", (await AdminAsync("customer", "set", "smith", "--name", "Smith Ltd", "--address", "1 High Street", "--address", "Smithtown", "--email", "books@smith.example")).Output, StringComparison.Ordinal);
        Assert.Contains("Smithtown", (await AdminAsync("customer", "show", "smith")).Output, StringComparison.Ordinal);

        // Nothing was counted in those months: the service does not issue by itself what it is not sure of.
        await Service.StopAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        var before = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).AddDays(-61);
        Assert.Contains($"issue --month {before:yyyy-MM}", (await AdminAsync("invoice", "status")).Output, StringComparison.Ordinal);
        Assert.Contains("not the next", await RefusedAsync("invoice", "issue", "--month", "2020-01"), StringComparison.Ordinal);
        for (var month = before; month < before.AddMonths(12) && (await IssuingAsync()) is { } next; month = month.AddMonths(1))
        {
            Assert.Equal(0, (await AdminAsync("invoice", "issue", "--month", next)).ExitCode);
            await WaitAsync(async () => await IssuedAsync() is { } issued && string.CompareOrdinal(issued, next) >= 0);
        }

        var statement = Lines(await AdminAsync("invoice", "list", "smith", "--json"));
        var invoices = statement.Where(line => line.GetProperty("message_type").GetString() == "invoice").ToList();
        var first = invoices[^1];
        Assert.Equal(1, first.GetProperty("number").GetInt64());
        Assert.Equal(595, first.GetProperty("total").GetInt64());
        Assert.Equal(595 * invoices.Count, statement[^1].GetProperty("balance").GetInt64());
        var mail = await _mail.WaitAsync("books@smith.example", 0, Cancellation);
        Assert.Contains("Invoice HF-00000", mail.Subject, StringComparison.Ordinal);
        Assert.Contains("<h1", mail.HtmlBody, StringComparison.Ordinal);

        // As a page and as a file to print; of this account only.
        var (html, pdf) = (Path.Combine(Root, "invoice.html"), Path.Combine(Root, "invoice.pdf"));
        Assert.Contains("Total EUR 5.95", (await AdminAsync("invoice", "show", "smith", "1", "--html", html, "--pdf", pdf)).Output, StringComparison.Ordinal);
        Assert.Contains("Smith Ltd", await File.ReadAllTextAsync(html, Cancellation), StringComparison.Ordinal);
        Assert.StartsWith("%PDF-", Encoding.ASCII.GetString((await File.ReadAllBytesAsync(pdf, Cancellation))[..5]), StringComparison.Ordinal);
        await Service.NewAccountAsync("jones", Cancellation);
        Assert.Contains("[not_found]", await RefusedAsync("invoice", "show", "jones", "1"), StringComparison.Ordinal);

        // As if it had been warned long ago; the next look pauses backups, and nothing else.
        Service.DirectorySql("UPDATE invoices SET due_day = 1");
        Service.DirectorySql("UPDATE customers SET oldest_due = 1, dunning = 2, overdue_days = 29");
        Service.DirectorySql("UPDATE customers SET day_seen = 0");
        await WaitLookingAsync(async () => (await AdminAsync("invoice", "list", "smith")).Output.Contains("overdue for 30 days: paused", StringComparison.Ordinal));
        var refused = await computer.RunAsync(Cancellation, "backup", tree);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("[payment_overdue]", refused.Error, StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "restore", "latest", "--target", Path.Combine(Root, "back"));
        Assert.Contains("paused", (await _mail.WaitAsync("books@smith.example", invoices.Count, Cancellation)).Subject, StringComparison.Ordinal);

        // A part is not enough; the same transfer is not paid twice; another account's is refused.
        Assert.Contains("no amount", await RefusedAsync("payment", "record", "1", "5,95", "--reference", "a"), StringComparison.Ordinal);
        Assert.Contains("[not_found]", await RefusedAsync("payment", "record", "99", "5.95", "--reference", "a"), StringComparison.Ordinal);
        Assert.Contains("until today", await RefusedAsync("payment", "record", "1", "5.95", "--reference", "a", "--on", "2999-01-01"), StringComparison.Ordinal);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal((595 * invoices.Count) - 500, Lines(await AdminAsync("payment", "record", "1", "5", "--reference", "a", "--json"))[^1].GetProperty("balance").GetInt64());
        }

        Assert.Contains("[conflict]", await RefusedAsync("payment", "record", "1", "6", "--reference", "a"), StringComparison.Ordinal);
        Assert.Equal(1, (await computer.RunAsync(Cancellation, "backup", tree)).ExitCode);
        Assert.Contains("EUR -1.00 owed", (await AdminAsync("payment", "record", "1", $"{((595 * invoices.Count) - 400) / 100m:0.00}", "--reference", "b")).Output, StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "backup", tree);
    }

    [Fact]
    public async Task A_card_is_entered_charged_and_paid_back_and_only_what_is_signed_counts()
    {
        await Service.NewAccountAsync("smith", Cancellation);
        await GiveLongAgoAsync("smith");
        Assert.Contains("https://checkout.example/cus_1/setup", (await AdminAsync("payment", "card", "smith")).Output, StringComparison.Ordinal);
        var account = Lines(await AdminAsync("accounts", "--json")).Single().GetProperty("account").GetString()!;
        var now = TimeProvider.System.GetUtcNow();

        // Forged, of long ago, not understood, too long: refused, and nothing of it kept.
        var (body, signature) = FakeStripe.CardEvent(account, "cus_1", "pm_1", now);
        foreach (var (sent, signed) in (IEnumerable<(string, string)>)[(body, ""), (body, "t=1,v1=00"), (body + " ", signature), (body, signature.Replace("v1=", "v1=0", StringComparison.Ordinal)), FakeStripe.CardEvent(account, "cus_1", "pm_1", now.AddHours(-1)),
            (new string('x', 300_000), signature), ("", signature)])
        {
            Assert.Equal(HttpStatusCode.BadRequest, await SendAsync(sent, signed));
        }

        Assert.Equal(0, Service.DirectoryAsk<long>("SELECT count(*) FROM customers WHERE card IS NOT NULL"));
        Assert.Equal(HttpStatusCode.OK, await SendAsync(body, signature));
        Assert.Equal(1, Service.DirectoryAsk<long>("SELECT count(*) FROM customers WHERE card = 'cus_1 pm_1'"));

        // The first charge is declined; the next is in three days, for a card that was entered again at once.
        _stripe.Declined["pm_1"] = true;
        Assert.Equal(0, (await AdminAsync("invoice", "issue", "--month", (await IssuingAsync())!)).ExitCode);
        var last = $"{TimeProvider.System.GetUtcNow().AddDays(-TimeProvider.System.GetUtcNow().Day):yyyy-MM}";
        await WaitAsync(async () => await IssuedAsync() == last);
        var owed = 595 * Service.DirectoryAsk<long>("SELECT count(*) FROM invoices");
        await WaitLookingAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM customers WHERE charge_tries = 1 AND charge IS NULL") == 1));
        (body, signature) = FakeStripe.CardEvent(account, "cus_1", "pm_2", TimeProvider.System.GetUtcNow());
        Assert.Equal(HttpStatusCode.OK, await SendAsync(body, signature));
        await WaitLookingAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM payments") == 1));
        var taken = _stripe.Taken.Single();
        Assert.Equal(owed, taken.Amount);

        // Told again and again it stays one payment; what is paid back is owed again, once.
        (body, signature) = _stripe.PaidEvent(taken.Id, TimeProvider.System.GetUtcNow());
        var (back, signedBack) = FakeStripe.RefundEvent(taken.Id, "re_1", 200, "eur", TimeProvider.System.GetUtcNow());
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await SendAsync(body, signature));
            Assert.Equal(HttpStatusCode.OK, await SendAsync(back, signedBack));
        }

        Assert.Equal(200, Lines(await AdminAsync("invoice", "list", "smith", "--json"))[^1].GetProperty("balance").GetInt64());

        // It is not taken from the card again.
        Assert.Equal(0, Service.DirectoryAsk<long>("SELECT count(*) FROM customers WHERE card IS NOT NULL"));
        (back, signedBack) = FakeStripe.RefundEvent("pi_of_somebody_else", "re_2", 200, "eur", TimeProvider.System.GetUtcNow());
        Assert.Equal(HttpStatusCode.OK, await SendAsync(back, signedBack));
        Assert.Equal(2, Service.DirectoryAsk<long>("SELECT count(*) FROM payments"));
    }

    [Fact]
    public async Task Outages_are_recorded_and_an_account_that_is_deleted_leaves_its_last_invoice()
    {
        await Service.NewAccountAsync("smith", Cancellation);
        await GiveLongAgoAsync("smith");
        Assert.Contains("lies in the past", await RefusedAsync("outage", "record", "--from", "2026-01-02T00:00Z", "--until", "2026-01-01T00:00Z", "--reason", "x"), StringComparison.Ordinal);
        Assert.Contains("no time", await RefusedAsync("outage", "record", "--from", "yesterday", "--until", "2026-01-01T00:00Z", "--reason", "x"), StringComparison.Ordinal);
        var id = Lines(await AdminAsync("outage", "record", "--from", "2026-01-01T00:00Z", "--until", "2026-01-02T00:00Z", "--reason", "A power cut", "--json")).Single().GetProperty("id").GetString()!;
        Assert.Contains("A power cut", (await AdminAsync("outage", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("outage", "remove", id)).ExitCode);
        Assert.DoesNotContain("A power cut", (await AdminAsync("outage", "list")).Output, StringComparison.Ordinal);

        // As if its date had come, ten days ago.
        var closes = TimeProvider.System.GetUtcNow().AddDays(-10).ToUnixTimeSeconds();
        Service.DirectorySql($"UPDATE accounts SET closes_at = {closes}");
        Service.DirectorySql($"INSERT INTO closures (account_id, name, asked_by, asked_at, closes_at) SELECT account_id, name, 'me', 1, {closes} FROM accounts");
        await Service.StopAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM accounts") == 0));
        var invoices = Lines(await AdminAsync("invoice", "list", "--json"));
        Assert.True(invoices.Count is 2 or 3, $"{invoices.Count}");

        // The last is of the days until then; it is still paid.
        var (last, end) = (invoices[^1], DateTimeOffset.FromUnixTimeSeconds(closes).UtcDateTime);
        var (days, month) = end.Day == 1 ? (DateTime.DaysInMonth(end.AddDays(-1).Year, end.AddDays(-1).Month), end.AddDays(-1)) : (end.Day - 1, end);
        var net = (long)Math.Round(500m * days / DateTime.DaysInMonth(month.Year, month.Month), MidpointRounding.AwayFromZero);
        Assert.Equal(($"{month:yyyy-MM}", net + (long)Math.Round(net * 0.19m, MidpointRounding.AwayFromZero)), (last.GetProperty("month").GetString()!, last.GetProperty("total").GetInt64()));
        var paid = Lines(await AdminAsync("payment", "record", $"{last.GetProperty("number").GetInt64()}", "100", "--reference", "a", "--json"))[^1];
        Assert.Equal(invoices.Sum(invoice => invoice.GetProperty("total").GetInt64()) - 10_000, paid.GetProperty("balance").GetInt64());
    }

    /// <summary>The account has had a plan of 5 EUR for two months.</summary>
    private async Task GiveLongAgoAsync(string account)
    {
        var terms = Path.Combine(Root, "terms.json");
        await File.WriteAllTextAsync(terms, """{ "name": "home", "currency": "EUR", "base": 500 }""", Cancellation);
        Lines(await AdminAsync("plan", "make", terms, "--json"));
        Lines(await AdminAsync("plan", "give", account, "home", "--json"));
        var now = TimeProvider.System.GetUtcNow();
        var first = DateOnly.FromDateTime(now.UtcDateTime).AddDays(-61);
        Service.DirectorySql($"UPDATE account_plans SET from_day = {new DateOnly(first.Year, first.Month, 1).DayNumber - new DateOnly(1970, 1, 1).DayNumber}");
    }

    /// <summary>The month that waits for an operator; null if none does.</summary>
    private async Task<string?> IssuingAsync()
    {
        var state = Lines(await AdminAsync("invoice", "status", "--json")).Single();
        return state.TryGetProperty("waiting", out var waiting) && waiting.GetString() is { } why ? why[(why.LastIndexOf(' ') + 1)..] : null;
    }

    private async Task<string?> IssuedAsync() => Lines(await AdminAsync("invoice", "status", "--json")).Single().TryGetProperty("issued_until", out var until) ? until.GetString() : null;

    /// <summary>As if the next look at who has not paid, and at cards, were due all the time.</summary>
    private Task WaitLookingAsync(Func<Task<bool>> isDone) => WaitAsync(() =>
    {
        Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind IN ('dunning', 'cards') AND state = 'waiting'");
        return isDone();
    });

    private async Task<HttpStatusCode> SendAsync(string body, string signature)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, Service.Url + "/v1/payment-events/stripe") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Stripe-Signature", signature);
        using var response = await http.SendAsync(request, Cancellation);
        return response.StatusCode;
    }
}
