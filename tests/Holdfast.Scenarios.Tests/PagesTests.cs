using System.IO.Compression;
using System.Net;
using Microsoft.Playwright;

namespace Holdfast.Scenarios.Tests;

/// <summary>The pages for customers and operators, in Chromium without script: a whole restore by clicks, bills, jobs and alerts; hostile names, forged forms, and what is not theirs.</summary>
public sealed class PagesTests : ManagedScenario
{
    private const string Hostile = "<img src=x onerror=alert(1)> & \"quoted\" '.txt";

    [Fact]
    public async Task A_customer_signs_in_sees_computers_looks_for_files_has_an_archive_made_fetches_it_and_sees_bills()
    {
        Assert.SkipUnless(File.Exists(BrowserTests.Program), "this needs Debian's chromium");
        await BeginAsync(files: 30);
        await File.WriteAllTextAsync(Path.Combine(Tree, Hostile), "hostile", Cancellation);
        Shell($"printf z > \"{Tree}/$(printf 'caf\\351')\"");
        await Computer.MustAsync(Cancellation, "backup", Tree);
        await AdminAsync("quota", "set", "managed", "20M");
        await BillAsync();
        await JoinOwnerAsync();
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = BrowserTests.Program, Args = ["--no-sandbox"] });
        var page = await (await browser.NewContextAsync(new() { JavaScriptEnabled = false, BaseURL = Service.Url, AcceptDownloads = true })).NewPageAsync();

        // Whoever is not signed in is asked to, and comes to where they wanted to go.
        await page.GotoAsync("/accounts/managed");
        Assert.EndsWith("/sign-in?return=%2Faccounts%2Fmanaged", page.Url, StringComparison.Ordinal);
        await LookAsync(page, "sign-in");
        await page.FillAsync("input[name=email]", "owner@example.org");
        await page.FillAsync("input[name=password]", "nonsense at all");
        await page.ClickAsync("button:has-text('Sign in')");
        Assert.Contains("try again", await page.InnerTextAsync("[role=alert]"), StringComparison.Ordinal);
        await page.FillAsync("input[name=password]", Password);
        await page.ClickAsync("button:has-text('Sign in')");
        Assert.EndsWith("/accounts/managed", page.Url, StringComparison.Ordinal);
        Assert.Contains("laptop", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        Assert.Contains("just now", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        Assert.Contains("of 20 mb", (await page.InnerTextAsync("main")).ToLowerInvariant(), StringComparison.Ordinal);
        await page.GotoAsync("/");
        Assert.DoesNotContain("end to end", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        await page.ClickAsync("text=managed");

        // Looked for by directory and name; what is hostile is text.
        await page.ClickAsync("text=Look for files");
        await page.ClickAsync("button:has-text('Open')");
        foreach (var part in Tree.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            await page.ClickAsync($"td >> text='{part}/'");
        }

        Assert.Contains(Hostile, await page.InnerTextAsync("main"), StringComparison.Ordinal);
        Assert.Equal(0, await page.Locator("img").CountAsync());
        Assert.True(await page.Locator("tr:has-text('caf') input[type=checkbox]").IsDisabledAsync());
        await LookAsync(page, "browse");
        await page.CheckAsync("tr:has-text('quoted') input[type=checkbox]");
        await page.ClickAsync("td >> text='d5/'");
        await page.FillAsync("input[name=search]", "f12");
        await page.ClickAsync("button:has-text('Look')");
        await page.CheckAsync("tr:has-text('/f12') input[type=checkbox]");
        Assert.Contains("Chosen elsewhere", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        await page.ClickAsync("text=Make an archive");
        await WaitAsync(async () =>
        {
            await page.ReloadAsync();
            return await page.Locator("text=Download").CountAsync() == 1;
        });
        await LookAsync(page, "account");

        // What was chosen, and no more.
        var download = await page.RunAndWaitForDownloadAsync(() => page.ClickAsync("text=Download"));
        await using (var archive = await ZipFile.OpenReadAsync(await download.PathAsync(), Cancellation))
        {
            Assert.Equal(2, archive.Entries.Count(entry => !entry.FullName.EndsWith('/') && entry.Name != "holdfast-report.txt"));
            Assert.Equal("hostile", await new StreamReader(await archive.Entries.Single(entry => entry.FullName.EndsWith(Hostile, StringComparison.Ordinal)).OpenAsync(Cancellation)).ReadToEndAsync(Cancellation));
        }

        // Bills, as a page and to print.
        await page.ClickAsync("text=HF-000001");
        Assert.Contains("Example Backup", await page.ContentAsync(), StringComparison.Ordinal);
        await page.GoBackAsync();
        await page.ClickAsync("button:has-text('Delete')");
        Assert.Contains("cancelled", await page.InnerTextAsync("main"), StringComparison.Ordinal);

        // What only operators see, and others' accounts, are not theirs.
        await page.GotoAsync("/jobs");
        Assert.Contains("Your role does not allow that", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        Assert.Equal(404, (await page.GotoAsync("/accounts/end%20to%20end"))!.Status);
        await page.GotoAsync("/");
        await page.ClickAsync("text=Sign out");
        await page.GotoAsync("/accounts/managed");
        Assert.Contains("/sign-in", page.Url, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_operator_sees_customers_jobs_and_alerts_and_forms_of_other_sites_are_refused()
    {
        Assert.SkipUnless(File.Exists(BrowserTests.Program), "this needs Debian's chromium");
        await MustAsync("invite", "me@example.org", "admin", "--token-file", Path.Combine(Service.Data, "bootstrap-secret"));
        await WaitAsync(() => Task.FromResult(Mail.Received.Count > 0));
        await MustAsync("join", MailTests.CodeIn(Mail.Received.First()), "--name", "Me");
        await Service.NewAccountAsync("<b>one</b>", Cancellation);
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        Service.DirectorySql($"INSERT INTO alerts (alert_id, kind, subject, severity, message, raised_at, seen_at, told_at) VALUES ('a', 'drive', '/mnt/<i>d1', 'critical', 'The drive <script>x</script> is gone.', {now - 7200}, {now + 1000}, {now})");
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = BrowserTests.Program, Args = ["--no-sandbox"] });
        foreach (var (scheme, width) in new[] { (ColorScheme.Light, 1200), (ColorScheme.Dark, 390) })
        {
            var page = await (await browser.NewContextAsync(new() { JavaScriptEnabled = false, BaseURL = Service.Url, ColorScheme = scheme, ViewportSize = new() { Width = width, Height = 900 } })).NewPageAsync();
            await page.GotoAsync("/");
            await page.FillAsync("input[name=email]", "me@example.org");
            await page.FillAsync("input[name=password]", Password);
            await page.ClickAsync("button:has-text('Sign in')");
            Assert.Contains("<b>one</b>", await page.InnerTextAsync("main"), StringComparison.Ordinal);
            Assert.Contains("Something needs looking after", await page.InnerTextAsync("main"), StringComparison.Ordinal);
            await LookAsync(page, $"customers-{width}");
            await page.ClickAsync("nav >> text=Alerts");
            Assert.Contains("The drive <script>x</script> is gone.", await page.InnerTextAsync("main"), StringComparison.Ordinal);
            await LookAsync(page, $"alerts-{width}");
            await page.ClickAsync("nav >> text=Jobs");
            Assert.Contains("growth", await page.InnerTextAsync("main"), StringComparison.Ordinal);
            await LookAsync(page, $"jobs-{width}");

            // Nothing on a phone needs to be dragged about sideways.
            Assert.True(await page.Locator("body").EvaluateAsync<bool>("body => body.scrollWidth <= window.innerWidth"));
        }

        // A form that another site had a browser send, and one that goes elsewhere behind it.
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = new Uri(Service.Url) };
        async Task<HttpResponseMessage> PostAsync(string path, string site, params (string Name, string Value)[] fields)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(fields.Select(field => KeyValuePair.Create(field.Name, field.Value))) };
            request.Headers.Add("Sec-Fetch-Site", site);
            return await http.SendAsync(request, Cancellation);
        }

        Assert.Equal(HttpStatusCode.Forbidden, (await PostAsync("/sign-in", "cross-site", ("email", "me@example.org"), ("password", Password))).StatusCode);
        using var signedIn = await PostAsync("/sign-in", "same-origin", ("email", "me@example.org"), ("password", Password), ("return", "//example.org/"));
        Assert.Equal((HttpStatusCode.Redirect, "/"), (signedIn.StatusCode, signedIn.Headers.Location!.ToString()));
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=lax", cookie, StringComparison.OrdinalIgnoreCase);
        using var asked = await http.GetAsync("/sign-in", Cancellation);
        Assert.Contains("default-src 'none'", asked.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    /// <summary>For whoever wants to look: HOLDFAST_SCREENSHOTS names a folder.</summary>
    private static async Task LookAsync(IPage page, string name)
    {
        if (Environment.GetEnvironmentVariable("HOLDFAST_SCREENSHOTS") is { Length: > 0 } folder)
        {
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, name + ".png"), FullPage = true });
        }
    }

    private async Task JoinOwnerAsync()
    {
        var organisation = Lines(await AdminAsync("organisation", "create", "Firm", "--json")).Single().GetProperty("organisation").GetString()!;
        Assert.Equal(0, (await AdminAsync("invite", "owner@example.org", "owner", "--organisation", organisation)).ExitCode);
        Assert.Equal(0, (await AdminAsync("organisation", "assign", "managed", organisation)).ExitCode);
        var code = MailTests.CodeIn(await Mail.WaitAsync("owner@example.org", 0, Cancellation));
        using var anybody = new ApiCaller(Service.Url);
        Assert.Equal(200, (await anybody.PostAsync("/v1/people", new { code, name = "Owner", password = Password })).Status);
    }

    /// <summary>Has the month before be billed.</summary>
    private async Task BillAsync()
    {
        var terms = Path.Combine(Root, "terms.json");
        await File.WriteAllTextAsync(terms, """{ "name": "home", "currency": "EUR", "base": 500 }""", Cancellation);
        Lines(await AdminAsync("plan", "make", terms, "--json"));
        Lines(await AdminAsync("plan", "give", "managed", "home", "--json"));
        var before = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime).AddMonths(-1);
        Service.DirectorySql($"UPDATE account_plans SET from_day = {new DateOnly(before.Year, before.Month, 1).DayNumber - new DateOnly(1970, 1, 1).DayNumber}");
        Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'invoices' AND state = 'waiting'");
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM invoices") == 1));
    }
}
