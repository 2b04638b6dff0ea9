using System.Text.Json;
using System.Xml.Linq;
using Holdfast.Client.Computers;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;
using Microsoft.Playwright;

namespace Holdfast.Scenarios.Tests;

/// <summary>What everybody may know: the status page that stays while the service is away, incidents, promises that change, and reports that are mailed.</summary>
public sealed class StatusTests : Scenario
{
    private const long Day = 86_400;

    private readonly MailServer _mail = new();

    private string Folder => Path.Combine(Root, "status");

    private string Elsewhere => Path.Combine(Root, "elsewhere");

    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    private protected override async Task<Service> StartServiceAsync()
    {
        _mail.Start();
        var data = Directory.CreateDirectory(Path.Combine(Root, "service")).FullName;
        Directory.CreateDirectory(Elsewhere);
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new
        {
            mail = new { host = "127.0.0.1", port = _mail.Port, from = "Holdfast <backup@example.org>", encryption = "none" },
            commands = new { pause = new[] { "/bin/sleep", "5" } },
            status = new { folder = Folder, name = "Example Backup", time_zone = "Europe/Berlin", url = "https://status.example.org/", upload = new[] { "/bin/sh", "-c", $"cp \"$0\"/* {Elsewhere}/" } },
        }), Cancellation);
        return await Service.StartAsync(data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await _mail.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task The_status_page_says_what_is_and_stays_while_the_service_is_away()
    {
        Seed();
        await PageSaysAsync("Everything works.");
        var computer = await EnrolAsync("laptop", "one");

        // An operator's words: what is for operators alone stays with them.
        await MustAsync("incident", "open", "A power cut <b>", "--component", "backups", "--component", "restores", "--impact", "degraded", "--since", $"{TimeProvider.System.GetUtcNow() - TimeSpan.FromMinutes(20):O}", "--message", "Batteries hold.");
        await MustAsync("incident", "update", "latest", "The diesel is empty.", "--internal");
        await MustAsync("incident", "update", "latest", "Power is back.");
        await PageSaysAsync("Power is back.", "slower than usual", "A power cut &lt;b&gt;");
        Assert.DoesNotContain("diesel", await File.ReadAllTextAsync(Path.Combine(Folder, "index.html"), Cancellation), StringComparison.Ordinal);
        Assert.Contains("backups     degraded", (await computer.MustAsync(Cancellation, "status")).Output, StringComparison.Ordinal);
        await MustAsync("incident", "close", "--message", "Over.", "--credit");
        Assert.Contains("[conflict]", await RefusedAsync("incident", "close"), StringComparison.Ordinal);
        Assert.Contains("A power cut", await MustAsync("outage", "list"), StringComparison.Ordinal);

        // Announced maintenance: computers are told with their backups.
        var plan = Path.Combine(Root, "plan.yaml");
        await File.WriteAllTextAsync(plan, $"name: New drives\nstart: {TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(5):yyyy-MM-ddTHH:mmZ}\nsteps:\n  - gate: {{ wait: 1m }}\n  - close\n", Cancellation);
        await MustAsync("maintenance", "plan", plan);
        await MustAsync("maintenance", "announce");
        await PageSaysAsync("New drives", "announced", "Promised: backups go on by");
        Assert.Contains("Maintenance (New drives): backups pause from", (await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3))).Output, StringComparison.Ordinal);

        // The same as data and as a feed, here and elsewhere.
        var status = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Folder, "status.json"), Cancellation)).RootElement;
        Assert.Equal((3, 90, "announced"), (status.GetProperty("components").GetArrayLength(), status.GetProperty("components")[0].GetProperty("days").GetArrayLength(), status.GetProperty("windows")[0].GetProperty("state").GetString()));
        Assert.Equal(3, XDocument.Load(Path.Combine(Folder, "status.atom")).Root!.Elements().Count(element => element.Name.LocalName == "entry"));
        await WaitAsync(async () => File.Exists(Path.Combine(Elsewhere, "index.html")) && await File.ReadAllTextAsync(Path.Combine(Elsewhere, "status.json"), Cancellation) == await File.ReadAllTextAsync(Path.Combine(Folder, "status.json"), Cancellation));
        await LookAsync();

        // Killed, the page stays; back, it says that nobody was there.
        await Service.KillAsync(Cancellation);
        Assert.Contains("New drives", await File.ReadAllTextAsync(Path.Combine(Folder, "index.html"), Cancellation), StringComparison.Ordinal);
        Service.DirectorySql("UPDATE probes SET probed_at = probed_at - 600");
        await Service.RestartAsync(Cancellation);
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'probe'");
        await PageSaysAsync("The service was not there");
        var report = await MustAsync("incident", "report");
        Assert.Contains("the service did not run", report, StringComparison.Ordinal);
        Assert.Matches("not known yet +██", report);
        Assert.Contains("Did not work: backups, restores, sign-in", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Restores_that_fail_are_found_by_the_probe_and_are_an_incident_until_they_work_again()
    {
        var computer = await EnrolAsync("laptop", "one");
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3));
        void Probe() => Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'probe' AND state = 'waiting'");
        await WaitAsync(() =>
        {
            Probe();
            return Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM probes WHERE component = 'restores' AND failing_since IS NULL") == 1);
        });

        // What every restore reads first is gone from the pod.
        await Service.KillAsync(Cancellation);
        var segment = Service.Ask<long>("SELECT max(number) FROM objects WHERE type = 2 AND state = 'live'");
        await using (var pod = await Service.OpenPodAsync(Cancellation))
        {
            await Service.DeleteAsync(pod, new ObjectName(ComputerFile.Load(computer.Folders).Account, ObjectSpace.Numbered, (ulong)segment), Cancellation);
        }

        await Service.RestartAsync(Cancellation);
        await WaitAsync(() =>
        {
            Probe();
            return Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM probes WHERE component = 'restores' AND failing_since IS NOT NULL") == 1);
        });
        Assert.Equal(0, Service.DirectoryAsk<long>("SELECT count(*) FROM probes WHERE component <> 'restores' AND failing_since IS NOT NULL"));
        Service.DirectorySql("UPDATE probes SET failing_since = failing_since - 100 WHERE component = 'restores'");
        await WaitAsync(async () =>
        {
            Probe();
            return (await MustAsync("incident", "list")).Contains("is not over", StringComparison.Ordinal);
        });
        await WaitAsync(async () => (await computer.MustAsync(Cancellation, "status")).Output.Contains("restores    outage", StringComparison.Ordinal));

        // Another backup writes another segment.
        await computer.MustAsync(Cancellation, "backup", MakeTree("other", seed: 2, files: 3));
        await WaitAsync(async () =>
        {
            Probe();
            return !(await MustAsync("incident", "list")).Contains("is not over", StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task What_was_promised_is_changed_with_notice_in_peoples_own_time_and_the_report_is_mailed_with_an_apology()
    {
        await JoinOwnerAsync();
        Service.DirectorySql("UPDATE people SET time_zone = 'America/New_York' WHERE email = 'owner@example.org'");
        var start = TimeProvider.System.GetUtcNow() + TimeSpan.FromDays(3);
        var plan = Path.Combine(Root, "plan.yaml");
        await File.WriteAllTextAsync(plan, $"name: New drives\nstart: {start:yyyy-MM-ddTHH:mmZ}\nmessage: Restores work.\nsteps:\n  - gate: {{ wait: 10s }}\n  - run: {{ command: pause }}\n  - bring-up\n  - close\n", Cancellation);
        await MustAsync("maintenance", "plan", plan);
        await MustAsync("maintenance", "announce", "--force");
        var before = _mail.Received.Count(message => message.To.Mailboxes.First().Address == "owner@example.org");
        Assert.Contains("(America/New_York, ", (await MailAsync("Maintenance: New drives")).TextBody, StringComparison.Ordinal);

        // Another day: both are said, and why. Less than the estimate needs force, as before.
        var later = start + TimeSpan.FromDays(1);
        Assert.Contains("[window_refused]", await RefusedAsync("maintenance", "promise", "--start", "2026-01-01T00:00Z"), StringComparison.Ordinal);
        Assert.Contains("Promised first", await MustAsync("maintenance", "promise", "--start", $"{later:O}", "--reason", "Drives come a day later.", "--force"), StringComparison.Ordinal);
        var changed = (await MailAsync("Maintenance was changed")).TextBody;
        Assert.Contains("Drives come a day later.", changed, StringComparison.Ordinal);
        Assert.Contains("promised first was", changed, StringComparison.Ordinal);
        Assert.Contains($"{later:HH:mm} UTC", changed, StringComparison.Ordinal);
        await PageSaysAsync("Why that was changed: Drives come a day later.");

        // A day before it begins, people are reminded.
        Service.DirectorySql($"UPDATE windows SET starts_at = {Now + (Day / 2)}, changed_at = {Now - (5 * Day)}");
        Assert.Contains("A reminder", (await MailAsync("Maintenance begins soon")).TextBody, StringComparison.Ordinal);

        // While it runs, another end is promised; then it is over, and reported.
        var computer = await EnrolAsync("laptop", "two");
        await MustAsync("maintenance", "start");
        await WaitAsync(async () => (await MustAsync("gate", "show")).Contains("closed", StringComparison.Ordinal));
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3), "--wait");
        await WaitAsync(async () => (await ShowAsync()).GetProperty("state").GetString() == "completed");
        Assert.Contains("[window_refused]", await RefusedAsync("maintenance", "promise"), StringComparison.Ordinal);
        Assert.Contains("Services were back on", (await MailAsync("Maintenance is over")).TextBody, StringComparison.Ordinal);
        var apology = Path.Combine(Root, "apology.md");
        await File.WriteAllTextAsync(apology, "We are **sorry** <script>.\n", Cancellation);
        var page = await MustAsync("maintenance", "report", "--apology", apology, "--mail", "--html");
        Assert.Contains("<strong>sorry</strong> &lt;script&gt;", page, StringComparison.Ordinal);
        var report = await MailAsync("New drives");
        foreach (var text in new[] { "We are **sorry**", "1 computer of 1 account had to wait", "What was given back", "Was data at risk?", "What the estimator learned", "Promised first were", "off by" })
        {
            Assert.Contains(text, report.TextBody, StringComparison.Ordinal);
        }

        Assert.Contains("<table>", report.HtmlBody, StringComparison.Ordinal);
        Assert.True(_mail.Received.Count(message => message.To.Mailboxes.First().Address == "owner@example.org") > before);

        // Sent once, however often it is asked for.
        Assert.Contains("[conflict]", await RefusedAsync("maintenance", "report", "--mail"), StringComparison.Ordinal);
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 0));
        Assert.Single(_mail.Received, message => message.Subject == "New drives");
    }

    private async Task<MimeKit.MimeMessage> MailAsync(string subject)
    {
        await WaitAsync(() => Task.FromResult(_mail.Received.Any(message => message.Subject?.StartsWith(subject, StringComparison.Ordinal) == true)));
        return _mail.Received.Single(message => message.Subject?.StartsWith(subject, StringComparison.Ordinal) == true);
    }

    private async Task JoinOwnerAsync()
    {
        var organisation = Lines(await AdminAsync("organisation", "create", "Firm", "--json")).Single().GetProperty("organisation").GetString()!;
        Assert.Equal(0, (await AdminAsync("account", "create", "firm")).ExitCode);
        Assert.Equal(0, (await AdminAsync("invite", "owner@example.org", "owner", "--organisation", organisation)).ExitCode);
        Assert.Equal(0, (await AdminAsync("organisation", "assign", "firm", organisation)).ExitCode);
        var code = MailTests.CodeIn(await _mail.WaitAsync("owner@example.org", 0, Cancellation));
        using var anybody = new ApiCaller(Service.Url);
        Assert.Equal(200, (await anybody.PostAsync("/v1/people", new { code, name = "Owner", password = "correct horse battery" })).Status);
    }

    /// <summary>A quarter of a year: a day on which restores did not work for long, and one for a moment; and a window that is over.</summary>
    private void Seed()
    {
        var today = Now / Day;
        foreach (var component in new[] { "backups", "restores", "sign-in" })
        {
            for (var day = today - 80; day < today; day++)
            {
                var away = (component, today - day) switch { ("restores", 20) => 9000, ("backups", 20) => 9000, ("sign-in", 41) => 400, _ => 0 };
                Service.DirectorySql($"INSERT INTO probe_days (component, day, tried, failed, away_seconds, worst) VALUES ('{component}', {day}, 2880, {away / 30}, {away}, 40)");
            }
        }

        var began = (today - 9) * Day;
        Service.DirectorySql($"""
            INSERT INTO windows (window_id, name, plan, state, starts_at, planned_at, planned_by, announced_at, back_by, caught_up_by, first_back_by, first_caught_up_by, started_at, back_at, ended_at)
            VALUES ('00000000-0000-7000-8000-000000000001', 'New database server', '{$"name: New database server\nstart: 2026-01-01T00:00Z\nmessage: Metadata moves to a new server.\nsteps: [gate]\n"}', 'completed', {began}, {began - Day}, 'somebody', {began - Day}, {began + 28_800}, {began + (2 * Day)}, {began + 28_800}, {began + (2 * Day)}, {began + 5}, {began + 20_000}, {began + 90_000})
            """);
    }

    /// <summary>Light and dark, on a desk and on a phone: all of it is seen, and nothing beside it.</summary>
    private async Task LookAsync()
    {
        Assert.SkipUnless(File.Exists(BrowserTests.Program), "this needs Debian's chromium");
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = BrowserTests.Program, Args = ["--no-sandbox"] });
        var backgrounds = new HashSet<string>();
        foreach (var (scheme, width, name) in new[] { (ColorScheme.Light, 1280, "light-desktop"), (ColorScheme.Dark, 1280, "dark-desktop"), (ColorScheme.Light, 375, "light-phone"), (ColorScheme.Dark, 375, "dark-phone") })
        {
            await using var context = await browser.NewContextAsync(new() { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = 800 }, JavaScriptEnabled = true });
            var page = await context.NewPageAsync();
            var complaints = new List<string>();
            page.Console += (_, said) => complaints.Add(said.Text);
            await page.GotoAsync("file://" + Path.Combine(Folder, "index.html"));
            Assert.True(await page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= window.innerWidth"), $"{name} is wider than its screen");
            Assert.Equal(270, await page.Locator(".days span").CountAsync());
            Assert.Equal(3, await page.Locator(".days span[title*='away for']").CountAsync());
            backgrounds.Add(await page.EvaluateAsync<string>("() => getComputedStyle(document.body).backgroundColor"));
            Assert.Empty(complaints);
            if (Environment.GetEnvironmentVariable("HOLDFAST_SCREENSHOTS") is { Length: > 0 } folder)
            {
                await page.ScreenshotAsync(new() { Path = Path.Combine(folder, $"status-{name}.png"), FullPage = true });
            }
        }

        Assert.Equal(2, backgrounds.Count);
    }

    private Task PageSaysAsync(params string[] texts) => WaitAsync(async () => File.Exists(Path.Combine(Folder, "index.html")) && await File.ReadAllTextAsync(Path.Combine(Folder, "index.html"), Cancellation) is var page && texts.All(text => page.Contains(text, StringComparison.Ordinal)));

    private async Task<JsonElement> ShowAsync() => Lines(await AdminAsync("maintenance", "show", "--json"))[0];

    private async Task<string> MustAsync(params string[] arguments)
    {
        var ended = await AdminAsync(arguments);
        Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.Output}{ended.Error}");
        return ended.Output;
    }
}
