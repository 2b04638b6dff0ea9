using System.Text.Json;
using System.Text.RegularExpressions;

namespace Holdfast.Scenarios.Tests;

/// <summary><c>holdfast admin</c> covers the API: everything that is for people has a verb, and every verb works; and no statement of all that reads a whole table.</summary>
public sealed partial class AdminCoverageTests : Scenario
{
    private const string Password = "correct horse battery";

    /// <summary>What only a browser can do: a passkey's ceremony needs its origin.</summary>
    private static readonly string[] _inBrowsersOnly =
        ["POST /v1/passkey-challenges", "POST /v1/me/passkeys", "POST /v1/me/passkeys/challenges", "POST /v1/me/proof/passkey-challenges"];

    private readonly MailServer _mail = new();
    private ExplainingPostgres _postgres = null!;
    private string _password = Password;

    private protected override async Task<Service> StartServiceAsync()
    {
        _mail.Start();
        _postgres = await ExplainingPostgres.StartAsync(Cancellation);
        var mail = new { host = "127.0.0.1", port = _mail.Port, from = "Holdfast <backup@example.org>", encryption = "none" };
        await _postgres.ConfigureAsync(Path.Combine(Root, "service"), [KeyValuePair.Create<string, object>("mail", mail), KeyValuePair.Create<string, object>("trees", new { exports = Directory.CreateDirectory(Path.Combine(Root, "exports")).FullName })], Cancellation);
        return await Service.StartAsync(Path.Combine(Root, "service"), Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await _mail.DisposeAsync();
        await base.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public async Task Everything_that_people_may_ask_of_the_service_has_a_verb()
    {
        // Accounts, by the token that lies with the service.
        foreach (var name in new[] { "one", "two" })
        {
            var created = Lines(await AdminAsync("account", "create", name, "--json")).Single();
            Assert.Equal(("enrolment_code", name), (created.GetProperty("message_type").GetString(), created.GetProperty("name").GetString()));
        }

        var computer = await EnrolAsync("laptop", "one", (await AdminAsync("account", "code", "one", "--quiet")).Output.Trim());
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3));
        Assert.Contains("holdfast enrol " + Service.Url, (await AdminAsync("account", "code", "one")).Output, StringComparison.Ordinal);
        Assert.Equal("three", Lines(await AdminAsync("account", "rename", "two", "three", "--json")).Single().GetProperty("name").GetString());
        Assert.Equal(["one", "three"], Lines(await AdminAsync("accounts", "--json")).Select(account => account.GetProperty("name").GetString()));
        await File.WriteAllTextAsync(Path.Combine(Root, "import"), "imported\n", Cancellation);
        Assert.Equal(0, (await AdminAsync("import", Path.Combine(Root, "import"))).ExitCode);
        Assert.Contains("suspended", (await AdminAsync("suspend", "three")).Output, StringComparison.Ordinal);
        Assert.Contains("open", (await AdminAsync("resume", "three")).Output, StringComparison.Ordinal);
        Assert.Contains("laptop", (await AdminAsync("computers", "one")).Output, StringComparison.Ordinal);
        Assert.Contains("desk", (await AdminAsync("computer", "rename", "one", "1", "desk")).Output, StringComparison.Ordinal);
        Assert.InRange((await AdminAsync("alerts", "--all")).ExitCode, 0, 3);
        var webhook = Lines(await AdminAsync("webhook", "add", "http://127.0.0.1:9/hook", "--account", "one", "--topic", "restore.ended", "--json")).Single().GetProperty("id").GetString()!;
        Assert.Contains("restore.ended", (await AdminAsync("webhook", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("webhook", "remove", webhook)).ExitCode);
        Assert.Equal(0, (await AdminAsync("quota", "set", "one", "5G")).ExitCode);
        Assert.Equal(0, (await AdminAsync("quota", "set", "one", "1G", "--computer", "1")).ExitCode);
        Assert.Contains("% of 5 GB", (await AdminAsync("usage", "one")).Output, StringComparison.Ordinal);
        Assert.Equal(31, Lines(await AdminAsync("usage", "one", "--derived", "--json")).Count);

        // The service.
        var verified = Lines(await AdminAsync("verify", "--account", "one", "--json")).Single();
        Assert.Equal(("ended", 1L, 0L), (verified.GetProperty("state").GetString(), verified.GetProperty("snapshots").GetInt64(), verified.GetProperty("damages").GetInt64()));
        Assert.Contains("every frame is what its computer signed", (await AdminAsync("verification")).Output, StringComparison.Ordinal);
        Assert.Contains("the service read everything", (await AdminAsync("proofs", "one")).Output, StringComparison.Ordinal);
        Assert.Contains("Verified: 1 of 3 accounts", (await AdminAsync("proofs")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("backup-self")).ExitCode);
        for (var copies = Lines(await AdminAsync("self-backups", "--json")); copies.All(line => line.GetProperty("message_type").GetString() != "self_backup");)
        {
            await Task.Delay(200, Cancellation);
            copies = Lines(await AdminAsync("self-backups", "--json"));
        }

        Assert.Contains("0 are left", (await AdminAsync("reconciliation")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("grant-key", "rotate")).ExitCode);
        Assert.Contains("ramp", (await AdminAsync("gate", "ramp", "--at-most", "100")).Output, StringComparison.Ordinal);
        Assert.Contains("open", (await AdminAsync("gate", "open")).Output, StringComparison.Ordinal);
        var throttle = Lines(await AdminAsync("throttle", "add", "backup", "--rate", "100M", "--hours", "22:00-06:00", "--until", TimeProvider.System.GetUtcNow().AddDays(1).ToString("O"), "--reason", "test", "--json")).Single().GetProperty("id").GetString()!;
        Assert.Contains("22:00 to 06:00 UTC", (await AdminAsync("throttle", "list")).Output, StringComparison.Ordinal);
        Assert.Contains("any more", (await AdminAsync("throttle", "remove", throttle)).Output, StringComparison.Ordinal);
        Assert.Contains("pass 1", (await AdminAsync("permissions", "start", "exports", "--mode", "u=rwX", "--dry-run")).Output, StringComparison.Ordinal);
        Assert.Contains("at most 3 threads", (await AdminAsync("permissions", "threads", "exports", "3")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("permissions", "stop", "exports")).ExitCode);
        Assert.Contains("exports", (await AdminAsync("permissions", "status")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("actuals")).ExitCode);

        var terms = Path.Combine(Root, "terms.json");
        await File.WriteAllTextAsync(terms, """{ "name": "home", "currency": "EUR", "per_computer": 300 }""", Cancellation);
        Assert.Equal(0, (await AdminAsync("plan", "make", terms)).ExitCode);
        Assert.Contains("home, version 1", (await AdminAsync("plan", "list")).Output, StringComparison.Ordinal);
        Assert.Contains("home, version 1", (await AdminAsync("plan", "give", "one", "home")).Output, StringComparison.Ordinal);
        Assert.Contains("EUR 0.00", (await AdminAsync("bill", "one")).Output, StringComparison.Ordinal);

        // Nothing is issued here (InvoiceTests issues): each verb says so.
        Assert.Contains("Example", (await AdminAsync("customer", "set", "one", "--name", "Example")).Output, StringComparison.Ordinal);
        Assert.Contains("nothing owed", (await AdminAsync("invoice", "list", "one")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("invoice", "list")).ExitCode);
        Assert.Contains("Nothing is issued yet", (await AdminAsync("invoice", "status")).Output, StringComparison.Ordinal);
        Assert.Contains("[invalid_request]", (await AdminAsync("invoice", "issue", "--month", "2026-01")).Error, StringComparison.Ordinal);
        Assert.Contains("the last number is 7", (await AdminAsync("invoice", "resume", "--last-number", "7")).Output, StringComparison.Ordinal);
        Service.DirectorySql(
            """
            INSERT INTO invoices (number, account_id, month, currency, total, issued_at, due_day, document) SELECT 1, account_id, '2020-01', 'EUR', 100, 1, 1,
                '{"number":"HF-1","account":"one","month":"2020-01","issued_on":"2020-02-01","due_on":"2020-02-15","seller":{"name":"Seller"},"customer":{},"currency":"EUR","lines":[],"net":100,"tax_label":"VAT","tax_basis_points":0,"tax":0,"total":100}' FROM accounts WHERE name = 'one'
            """);
        Service.DirectorySql("UPDATE customers SET currency = 'EUR', balance = 100 WHERE account_id = (SELECT account_id FROM accounts WHERE name = 'one')");
        Assert.Contains("HF-1", (await AdminAsync("invoice", "show", "one", "1", "--pdf", Path.Combine(Root, "one.pdf"), "--html", Path.Combine(Root, "one.html"))).Output, StringComparison.Ordinal);
        Assert.Contains("EUR -4.00 owed", (await AdminAsync("payment", "record", "1", "5", "--reference", "a")).Output, StringComparison.Ordinal);
        Assert.Contains("[invalid_request]", (await AdminAsync("payment", "card", "one")).Error, StringComparison.Ordinal);
        var outage = Lines(await AdminAsync("outage", "record", "--from", "2026-01-01T00:00Z", "--until", "2026-01-01T01:00Z", "--reason", "test", "--json")).Single().GetProperty("id").GetString()!;
        Assert.Contains("test", (await AdminAsync("outage", "list")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("outage", "remove", outage)).ExitCode);

        // Accounts have nowhere to move to here (MovingTests moves them): each verb says so.
        Assert.Contains("[move_refused]", (await AdminAsync("move", "plan", "--to", "nowhere")).Error, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("move", "list")).ExitCode);
        foreach (var verb in (string[])["status", "start", "pause", "resume", "abort", "reverse"])
        {
            Assert.Contains("[not_found]", (await AdminAsync("move", verb)).Error, StringComparison.Ordinal);
        }

        Assert.Contains("[move_refused]", (await AdminAsync("move", "directory", "start")).Error, StringComparison.Ordinal);
        Assert.Contains("[not_found]", (await AdminAsync("move", "directory", "status")).Error, StringComparison.Ordinal);
        Assert.Contains("[not_found]", (await AdminAsync("move", "directory", "abort")).Error, StringComparison.Ordinal);
        Assert.Contains("backups under way", (await AdminAsync("gate", "show")).Output, StringComparison.Ordinal);
        Assert.Contains("verification", (await AdminAsync("jobs")).Output, StringComparison.Ordinal);
        Assert.Contains("3 accounts", (await AdminAsync("usage")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("growth", "--metric", "accounts")).ExitCode);

        // Windows run elsewhere (MaintenanceTests): each verb says what there is.
        var plan = Path.Combine(Root, "plan.yaml");
        await File.WriteAllTextAsync(plan, $"name: A look\nstart: {TimeProvider.System.GetUtcNow() + TimeSpan.FromDays(1):yyyy-MM-ddTHH:mmZ}\nsteps: [announce, close]\n", Cancellation);
        Assert.Contains("Services are back after 1 s", (await AdminAsync("maintenance", "estimate", plan)).Output, StringComparison.Ordinal);
        Assert.Contains("everyone", (await AdminAsync("maintenance", "rehearse", plan, "--capacity", "100M", "--computers", "200", "--per-day", "50M")).Output, StringComparison.Ordinal);
        Assert.Contains("[invalid_request]", (await AdminAsync("maintenance", "rehearse", plan, "--capacity", "100M")).Error, StringComparison.Ordinal);
        Assert.Contains("Planned as", (await AdminAsync("maintenance", "plan", plan)).Output, StringComparison.Ordinal);
        Assert.Contains("announce", (await AdminAsync("maintenance", "estimate")).Output, StringComparison.Ordinal);
        Assert.Contains("A look", (await AdminAsync("maintenance", "list")).Output, StringComparison.Ordinal);
        Assert.Equal((0, ""), ((await AdminAsync("maintenance", "history")).ExitCode, (await AdminAsync("maintenance", "history")).Output));
        foreach (var verb in (string[])["start", "pause", "resume"])
        {
            Assert.Contains("[window_refused]", (await AdminAsync("maintenance", verb)).Error, StringComparison.Ordinal);
        }

        Assert.Contains("Promised", (await AdminAsync("maintenance", "announce")).Output, StringComparison.Ordinal);
        Assert.Contains("announced", (await AdminAsync("maintenance", "show")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("maintenance", "rehearse", "latest", "--measure")).ExitCode);
        Assert.Contains("It is given up", (await AdminAsync("maintenance", "rehearse", "latest", "--stop")).Output, StringComparison.Ordinal);
        Assert.Contains("Promised", (await AdminAsync("maintenance", "promise", "--reason", "Later.")).Output, StringComparison.Ordinal);
        Assert.Contains("It has not begun", (await AdminAsync("maintenance", "report")).Output, StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(Root, "apology.md"), "We are sorry.\n", Cancellation);
        Assert.Contains("We are sorry.", (await AdminAsync("maintenance", "report", "--apology", Path.Combine(Root, "apology.md"))).Output, StringComparison.Ordinal);
        Assert.Contains("[window_refused]", (await AdminAsync("maintenance", "report", "--mail")).Error, StringComparison.Ordinal);

        // Incidents, and how the service is.
        Assert.Contains("Slow", (await AdminAsync("incident", "open", "Slow", "--component", "backups", "--impact", "degraded")).Output, StringComparison.Ordinal);
        Assert.Contains("A switch.", (await AdminAsync("incident", "update", "latest", "A switch.")).Output, StringComparison.Ordinal);
        Assert.Contains("is not over", (await AdminAsync("incident", "list")).Output, StringComparison.Ordinal);
        Assert.Contains("[conflict]", (await AdminAsync("incident", "report", "--mail")).Error, StringComparison.Ordinal);
        Assert.Contains("backups", (await computer.MustAsync(Cancellation, "status")).Output, StringComparison.Ordinal);
        Assert.Contains("It is over.", (await AdminAsync("incident", "close")).Output, StringComparison.Ordinal);
        Assert.Contains("A switch.", (await AdminAsync("incident", "show")).Output, StringComparison.Ordinal);
        Assert.Contains("an operator", (await AdminAsync("incident", "report")).Output, StringComparison.Ordinal);
        Assert.Contains("# Incident: Slow", (await AdminAsync("incident", "report", "--mail")).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await AdminAsync("maintenance", "abort")).ExitCode);
        await File.WriteAllTextAsync(plan, """{"start":400,"steps":[{"known":{"name":"copy","samples":[{"day":395,"value":1000000}],"runs":[{"day":300,"volume":1000000,"seconds":100}],"probes":[]},"seconds":110}]}""", Cancellation);
        Assert.Contains("P90 held for 100 %", (await AdminAsync("maintenance", "backtest", plan)).Output, StringComparison.Ordinal);
        await File.WriteAllTextAsync(plan, "{}", Cancellation);
        Assert.Contains("Line 1 is no window", (await AdminAsync("maintenance", "backtest", plan)).Error, StringComparison.Ordinal);

        // Somebody with two factors, and everything of their own.
        var key = await JoinAsync("me@example.org", "admin");
        var used = 0;
        string Code() => Authenticator.Code(key, TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(30 * (used++ - 1)));
        Assert.Equal(10, (await MustAsync("authenticator", "confirm", Code(), "--quiet")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        await MustAsync("prove", "--code", Code());
        Assert.Equal("Somebody Else", Lines(await AsMeAsync("name", "Somebody Else", "--json")).Single().GetProperty("name").GetString());
        Assert.Contains("[invalid_request]", (await AsMeAsync("time-zone", "Nowhere/At_All")).Error, StringComparison.Ordinal);
        Assert.Contains("times in Europe/Berlin", await MustAsync("time-zone", "Europe/Berlin"), StringComparison.Ordinal);
        Assert.Contains("admin of the service", await MustAsync("whoami"), StringComparison.Ordinal);
        var recovery = (await MustAsync("recovery-codes", "--quiet")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var first = Lines(await AsMeAsync("sessions", "--json")).Single().GetProperty("id").GetString()!;
        await MustAsync("sign-in", "--email", "me@example.org", "--code", recovery[0]);
        await MustAsync("session", "end", first);
        Assert.Equal("password+recovery", Lines(await AsMeAsync("sessions", "--json")).Single().GetProperty("method").GetString());
        Assert.Contains("digest", (await AsMeAsync("mail", "list")).Output, StringComparison.Ordinal);
        Assert.Contains("off", (await AsMeAsync("mail", "set", "digest", "off")).Output, StringComparison.Ordinal);
        Assert.Contains("[not_found]", (await AsMeAsync("mail", "unsubscribe", "nonsense")).Error, StringComparison.Ordinal);
        await MustAsync("email", "change", "other@example.org");
        await MustAsync("email", "confirm", CodeIn(await WaitForMailAsync("other@example.org")));
        await MustAsync("password", "change");
        _password = "another long password";
        await MustAsync("prove", "--code", Code());
        Assert.Empty(await MustAsync("passkeys"));
        Assert.Contains("[not_found]", (await AsMeAsync("passkey", "remove", "AAAA")).Error, StringComparison.Ordinal);
        await MustAsync("token", "create", "script", "--scope", "read_usage");
        await MustAsync("token", "revoke", Lines(await AsMeAsync("tokens", "--json")).Single().GetProperty("id").GetString()!);
        Assert.Empty(await MustAsync("tokens"));

        // Those who run the service, and organisations.
        var token = (await MustAsync("operator", "create", "monitoring", "--role", "support")).Trim();
        await File.WriteAllTextAsync(Path.Combine(Root, "token"), token, Cancellation);
        await MustAsync("jobs", "--token-file", Path.Combine(Root, "token"));
        Assert.Contains("monitoring", await MustAsync("operators"), StringComparison.Ordinal);
        await MustAsync("operator", "revoke", "monitoring");
        Assert.Contains("[token_invalid]", (await AsMeAsync("jobs", "--token-file", Path.Combine(Root, "token"))).Error, StringComparison.Ordinal);
        var organisation = Lines(await AsMeAsync("organisation", "create", "Firm", "--json")).Single().GetProperty("organisation").GetString()!;
        Assert.Contains("Firm", await MustAsync("organisations"), StringComparison.Ordinal);
        await MustAsync("organisation", "assign", "one", organisation);
        await MustAsync("invite", "they@example.org", "owner", "--organisation", organisation);
        Assert.Equal(0, (await AsAsync("they", "join", CodeIn(await WaitForMailAsync("they@example.org")), "--name", "They")).ExitCode);
        Assert.Equal(0, (await AdminAsync("invite", "other@example.org", "owner", "--organisation", organisation)).ExitCode);
        await MustAsync("join", CodeIn(await WaitForMailAsync("other@example.org", 1)));
        var they = Lines(await AsMeAsync("organisation", "members", organisation, "--json")).Single(member => member.GetProperty("email").GetString() == "they@example.org").GetProperty("person").GetString()!;
        await MustAsync("organisation", "role", organisation, they, "billing");
        await MustAsync("organisation", "remove", organisation, they);
        Assert.Contains("they@example.org", await MustAsync("people"), StringComparison.Ordinal);
        Assert.Contains("suspended", await MustAsync("person", "suspend", they), StringComparison.Ordinal);
        await MustAsync("person", "resume", they);
        Assert.Contains("support", await MustAsync("person", "role", they, "support"), StringComparison.Ordinal);
        var reset = (await MustAsync("person", "reset-password", they)).Trim();
        Assert.Equal(0, (await AsAsync("they", "password", "reset", reset)).ExitCode);
        Assert.Equal(0, (await AsAsync("they", "password", "forgot", "they@example.org")).ExitCode);
        CodeIn(await WaitForMailAsync("they@example.org", 1));

        // An escrow key, agreed to; and the end of an account.
        var (pem, next) = (Path.Combine(Root, "old.pem"), Path.Combine(Root, "new.pem"));
        await MustAsync("escrow", "create", pem);
        await MustAsync("escrow", "register", pem);
        await computer.MustAsync(Cancellation, "key", "escrow", "--accept", (await computer.MustAsync(Cancellation, "key", "escrow", "--quiet")).Output.Trim());
        await MustAsync("escrow", "check", "one", pem);
        await RestoreAsync(pem);
        await MustAsync("escrow", "create", next);
        await MustAsync("escrow", "register", next);
        await MustAsync("escrow", "rotate", pem, next);
        Assert.Contains("opens 1 accounts", await MustAsync("escrow", "list"), StringComparison.Ordinal);
        await MustAsync("close", "three");
        Assert.Contains("three", await MustAsync("closures"), StringComparison.Ordinal);
        await MustAsync("reopen", "three");

        // Its date comes, and its days of grace are over.
        await MustAsync("close", "three");
        Service.DirectorySql("UPDATE accounts SET closes_at = 1 WHERE closes_at IS NOT NULL");
        Service.DirectorySql("UPDATE closures SET closes_at = 1, days_left = 0");
        while (Service.DirectorySql("UPDATE closures SET name = name WHERE wiped_at IS NOT NULL") == 0)
        {
            Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'closing' AND state = 'waiting'");
            await Task.Delay(100, Cancellation);
        }

        Assert.Contains("each in its place", await MustAsync("audit", "--verify"), StringComparison.Ordinal);
        await MustAsync("authenticator", "remove");
        await MustAsync("sign-out");
        Assert.Contains("Sign in first", (await AsMeAsync("whoami")).Error, StringComparison.Ordinal);

        // The service counted who asked for what.
        using var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "metrics-token"), Cancellation)).Trim());
        var asked = Requests().Matches(await http.GetStringAsync(new Uri(Service.Url + "/metrics"), Cancellation)).Select(match => $"{match.Groups["method"].Value} {match.Groups["route"].Value.TrimEnd('/')}").ToHashSet();
        Assert.Empty(await ForPeopleAsync(operation => !asked.Contains(operation) && !_inBrowsersOnly.Contains(operation)));
        Assert.Empty(_inBrowsersOnly.Except(await ForPeopleAsync(_ => true)));
        await Service.KillAsync(Cancellation);
        var whole = await _postgres.FindWholeAsync(500, Cancellation);
        Assert.True(whole.Count == 0, string.Join("\n\n", whole));
    }

    /// <summary>The account is looked into and an archive of it is made, by the process that has the key.</summary>
    private async Task RestoreAsync(string key)
    {
        var token = Path.Combine(Root, "restorer-token");
        await File.WriteAllTextAsync(token, await MustAsync("restorer", "add", "main", "http://127.0.0.1:1"), Cancellation);
        await using var restorer = new RestorerProcess(Path.Combine(Root, "restorer"), Service.Url, token, key, "of the key");
        await restorer.StartAsync(0, Cancellation);
        await File.WriteAllTextAsync(token, await MustAsync("restorer", "add", "main", restorer.Url), Cancellation);
        await restorer.KillAsync(Cancellation);
        await restorer.StartAsync(new Uri(restorer.Url).Port, Cancellation);
        await WaitAsync(async () => (await AsMeAsync("browse", "one")).ExitCode == 0);
        var latest = Lines(await AsMeAsync("browse", "one", "--json"))[0].GetProperty("id").GetString()!;
        await MustAsync("browse", "one", "latest");
        var id = Lines(await AsMeAsync("restore", "prepare", "one", latest, "--wait", "--json")).Single().GetProperty("id").GetString()!;
        await MustAsync("restore", "fetch", "one", id, Path.Combine(Root, "one.zip"));
        Assert.Contains("ready", await MustAsync("restore", "show", "one", id), StringComparison.Ordinal);
        Assert.Contains(id, await MustAsync("restore", "list", "one"), StringComparison.Ordinal);
        Assert.Contains("cancelled", await MustAsync("restore", "cancel", "one", id), StringComparison.Ordinal);
        Assert.Contains("main", await MustAsync("restorer", "list"), StringComparison.Ordinal);
        await MustAsync("restorer", "remove", "main");
    }

    /// <summary>Operations of the API document whose action docs/permissions.md gives to people.</summary>
    private static async Task<List<string>> ForPeopleAsync(Func<string, bool> isWanted)
    {
        var rows = (await File.ReadAllLinesAsync(Path.Combine(Programs.Root, "docs/permissions.md"), Cancellation)).Where(line => line.StartsWith('|')).Select(line => line.Split('|').Select(cell => cell.Trim()).ToArray()).ToList();
        var people = new[] { "signed in", "owner", "member", "restore-only", "billing", "support", "operator", "admin" }.Select(role => Array.IndexOf(rows[0], role)).ToList();
        var enrolling = new[] { "`enrol`", "`attach`", "`take_payment_events`" };
        var actions = rows.Where(row => people.Any(column => row[column] == "✓") && !enrolling.Contains(row[1])).Select(row => row[1].Trim('`')).ToHashSet();
        Assert.Contains("sign_in", actions);
        using var document = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(Programs.Root, "docs/openapi.json"), Cancellation));
        return [.. from path in document.RootElement.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            where operation.Value.TryGetProperty("x-action", out var action) && actions.Contains(action.GetString()!)
            let text = $"{operation.Name.ToUpperInvariant()} {path.Name}"
            where isWanted(text)
            select text];
    }

    /// <summary>Invites and lets in; returns the key of an authenticator that is to be confirmed.</summary>
    private async Task<string> JoinAsync(string email, string role)
    {
        await MustAsync("invite", email, role, "--token-file", Path.Combine(Service.Data, "bootstrap-secret"));
        await MustAsync("join", CodeIn(await WaitForMailAsync(email)), "--name", "Me");
        return (await MustAsync("authenticator", "new")).Split('\n')[0];
    }

    /// <summary>Mail with a code, of which so many came before.</summary>
    private async Task<MimeKit.MimeMessage> WaitForMailAsync(string email, int earlier = 0)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            if (_mail.Received.Where(message => message.To.Mailboxes.Single().Address == email && MailTests.HasCode(message)).Skip(earlier).FirstOrDefault() is { } found)
            {
                return found;
            }

            await timer.WaitForNextTickAsync(Cancellation);
        }
    }

    private static string CodeIn(MimeKit.MimeMessage message) => MailTests.CodeIn(message);

    private Task<Ended> AsMeAsync(params string[] arguments) => AsAsync("me", arguments);

    private Task<Ended> AsAsync(string who, params string[] arguments) => Programs.RunAsync(Programs.Holdfast, ["admin", .. arguments], new Dictionary<string, string>
    {
        ["HOLDFAST_CONFIG_DIR"] = Path.Combine(Root, who), ["HOLDFAST_PASSWORD"] = _password, ["HOLDFAST_NEW_PASSWORD"] = "another long password", ["HOLDFAST_SERVICE"] = Service.Url,
        ["HOLDFAST_ESCROW_PASSPHRASE"] = "of the key", ["HOLDFAST_NEW_PASSPHRASE"] = "of the key",
    }, Cancellation);

    private async Task<string> MustAsync(params string[] arguments)
    {
        var ended = await AsMeAsync(arguments);
        Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.Output}{ended.Error}");
        return ended.Output;
    }

    [GeneratedRegex("""^http_server_request_duration_seconds_count\{.*http_request_method="(?<method>[A-Z]+)".*http_route="(?<route>[^"]+)""", RegexOptions.Multiline)]
    private static partial Regex Requests();
}
