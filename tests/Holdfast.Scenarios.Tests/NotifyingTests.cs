using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Holdfast.Scenarios.Tests;

/// <summary>What operators, owners and programs are told, by a real mail server and a real receiver of webhooks; through kills, and once each.</summary>
public sealed class NotifyingTests : Scenario
{
    private readonly MailServer _mail = new();
    private readonly ConcurrentQueue<(string Id, string Signature, string Timestamp, string Body)> _told = new();
    private WebApplication? _receiver;
    private int _status = 503;

    private protected override async Task<Service> StartServiceAsync()
    {
        _mail.Start();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _receiver = builder.Build();
        _receiver.MapPost("/hook", async (HttpContext context) =>
        {
            if (_status == 200)
            {
                using var reader = new StreamReader(context.Request.Body);
                _told.Enqueue((context.Request.Headers["webhook-id"].ToString(), context.Request.Headers["webhook-signature"].ToString(), context.Request.Headers["webhook-timestamp"].ToString(), await reader.ReadToEndAsync(context.RequestAborted)));
            }

            context.Response.StatusCode = _status;
        });
        await _receiver.StartAsync(Cancellation);

        // Three drives, so that one can be lost.
        var data = Path.Combine(Root, "service");
        var drives = Enumerable.Range(0, 3).SelectMany(slot => new[] { "--drive", Path.Combine(Root, $"drive{slot}") });
        Assert.Equal(0, (await Programs.RunAsync(Programs.Holdfastd, ["pod", "create", "--data", data, .. drives], new Dictionary<string, string>(), Cancellation)).ExitCode);
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new
        {
            mail = new { host = "127.0.0.1", port = _mail.Port, from = "Holdfast <backup@example.org>", encryption = "none" }, alert_mail = new[] { "pager@example.org" },
        }), Cancellation);
        return await Service.StartAsync(data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await _receiver!.DisposeAsync();
        await _mail.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task The_operator_is_told_of_a_lost_drive_and_of_mail_that_came_back_by_mail_and_webhook_once_and_when_it_is_over()
    {
        var added = Lines(await AdminAsync("webhook", "add", _receiver!.Urls.First() + "/hook", "--json")).Single();
        var secret = added.GetProperty("secret").GetString()!;
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        Assert.Equal(200, (await bootstrap.PostAsync("/v1/operators/invitations", new { email = "nobody@example.org", role = "support" })).Status);
        await Service.KillAsync(Cancellation);
        Directory.Delete(Path.Combine(Root, "drive1"), recursive: true);
        await Service.RestartAsync(Cancellation);
        Look();
        var drive = await MailAsync("drive");
        Assert.Contains("Missing", drive.TextBody, StringComparison.Ordinal);
        Assert.Contains("critical", drive.Subject, StringComparison.Ordinal);
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM outbox WHERE bounced_at IS NOT NULL") == 1));
        Look();
        Assert.Contains("nobody@example.org", (await MailAsync("mail undelivered")).TextBody, StringComparison.Ordinal);
        var open = await AdminAsync("alerts", "--json");
        Assert.Equal(3, open.ExitCode);
        Assert.Contains("replace-drive", open.Output, StringComparison.Ordinal);

        // The receiver was away all the time; what it is owed outlives a kill, and comes once.
        Assert.Empty(_told);
        await Service.KillAsync(Cancellation);
        _status = 200;
        await Service.RestartAsync(Cancellation);
        Service.DirectorySql("UPDATE webhooks SET paused_until = 0");
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'webhook'");
        await WaitAsync(() => Task.FromResult(_told.Count >= 2));
        foreach (var (id, signature, timestamp, body) in _told)
        {
            var expected = HMACSHA256.HashData(Convert.FromBase64String(secret["whsec_".Length..]), Encoding.UTF8.GetBytes($"{id}.{timestamp}.{body}"));
            Assert.Equal($"v1,{Convert.ToBase64String(expected)}", signature);
            Assert.Equal("alert.raised", JsonDocument.Parse(body).RootElement.GetProperty("type").GetString());
        }

        Assert.Equal(["drive", "mail"], _told.Select(told => JsonDocument.Parse(told.Body).RootElement.GetProperty("data").GetProperty("kind").GetString()).Order());
        Assert.Contains("last taken", (await AdminAsync("webhook", "list")).Output, StringComparison.Ordinal);

        // Replaced, it is over, which is told too; and all of it once.
        await Service.KillAsync(Cancellation);
        Assert.Equal(0, (await Service.OperateAsync(["pod", "replace-drive", "1", Path.Combine(Root, "new")], Cancellation)).ExitCode);
        await Service.RestartAsync(Cancellation);
        Service.DirectorySql("UPDATE alerts SET seen_at = seen_at - 600");
        Look();
        Assert.Contains("over", (await MailAsync("over: drive")).Subject, StringComparison.Ordinal);
        await WaitAsync(() => Task.FromResult(_told.Any(told => told.Body.Contains("alert.resolved", StringComparison.Ordinal))));
        Assert.Equal(_told.Count, _told.Select(told => told.Id).Distinct().Count());
        Assert.Equal(3, _mail.Received.Count(message => message.To.Mailboxes.Single().Address == "pager@example.org"));
    }

    [Fact]
    public async Task Owners_hear_of_what_concerns_their_safety_and_take_themselves_off_what_they_can_do_without()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        using var operators = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim());
        var organisation = (await operators.PostAsync("/v1/organisations", new { name = "Firm" })).Text("organisation");
        Assert.Equal(200, (await operators.PostAsync($"/v1/organisations/{organisation}/invitations", new { email = "owner@example.org", role = "owner" })).Status);
        var joined = await anybody.PostAsync("/v1/people", new { code = MailTests.CodeIn(await _mail.WaitAsync("owner@example.org", 0, Cancellation)), name = "Owner", password = "correct horse battery" });
        using var owner = new ApiCaller(Service.Url, joined.Text("token"));

        // A computer that joins, and a password that changes.
        var computer = await EnrolAsync("first", "firm");
        Assert.Equal(200, (await operators.PutAsync("/v1/accounts/firm/organisation", new { organisation })).Status);
        await EnrolAsync("second\u2028line", "firm", await Service.NewCodeAsync("firm", Cancellation));
        var message = await _mail.WaitAsync("owner@example.org", 1, Cancellation);
        Assert.Equal("A computer joined 'firm'", message.Subject);
        Assert.Contains("retire firm 2", message.TextBody, StringComparison.Ordinal);
        Assert.Equal(200, (await owner.PutAsync("/v1/me/password", new { @new = "another long password" })).Status);
        Assert.Contains("your password was", (await _mail.WaitAsync("owner@example.org", 2, Cancellation)).TextBody, StringComparison.Ordinal);

        // A backup that does not end says why; so does the digest, of a computer that has been away.
        Assert.Equal(0, (await AdminAsync("quota", "set", "firm", "2M", "--computer", "1")).ExitCode);
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 60));
        Assert.Contains("[quota_exceeded]", (await computer.RunAsync(Cancellation, "backup", MakeTree("more", files: 2))).Error, StringComparison.Ordinal);
        Assert.Equal("quota_exceeded", Service.Ask<string>("SELECT failure FROM devices WHERE computer = 1"));
        Service.Sql("UPDATE devices SET last_backup_at = last_backup_at - 60 WHERE computer = 1");
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        Service.Sql($"UPDATE devices SET created_at = {now - (15 * 86_400)} WHERE computer = 2");
        await WaitAsync(() => Task.FromResult(Service.DirectorySql($"UPDATE jobs SET due_at = 0, progress = '{(now / 86_400) - 1}' WHERE kind = 'digest' AND state = 'waiting'") == 1));
        message = await _mail.WaitAsync("owner@example.org", 3, Cancellation);
        Assert.Contains("has not backed up for 15 days", message.TextBody, StringComparison.Ordinal);
        Assert.Contains("The backups of first do not end", message.TextBody, StringComparison.Ordinal);
        Assert.Contains("<p>", message.HtmlBody, StringComparison.Ordinal);

        // One click, by the mail program; then nothing more, until they want it again.
        Assert.Equal("List-Unsubscribe=One-Click", message.Headers["List-Unsubscribe-Post"]);
        using var click = new HttpClient();
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("List-Unsubscribe", "One-Click")]);
        Assert.Equal(System.Net.HttpStatusCode.OK, (await click.PostAsync(message.Headers["List-Unsubscribe"]!.Trim('<', '>'), form, Cancellation)).StatusCode);
        Assert.False((await owner.GetAsync("/v1/me/mail")).Body.GetProperty("choices")[0].GetProperty("is_on").GetBoolean());
        Assert.Equal(200, (await owner.PutAsync("/v1/me/mail", new { topic = "digest", is_on = true })).Status);
        Assert.Equal("invalid_request", (await owner.PutAsync("/v1/me/mail", new { topic = "security", is_on = false })).Code);
        Assert.Equal("not_found", (await anybody.PostAsync("/v1/mail/nonsense/unsubscription")).Code);
    }

    /// <summary>Has the next look be now.</summary>
    private void Look() => Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'alerts' AND state <> 'done'");

    private async Task<MimeKit.MimeMessage> MailAsync(string subject)
    {
        await WaitAsync(() => Task.FromResult(_mail.Received.Any(message => message.Subject!.Contains(subject, StringComparison.Ordinal))));
        return _mail.Received.First(message => message.Subject!.Contains(subject, StringComparison.Ordinal));
    }
}
