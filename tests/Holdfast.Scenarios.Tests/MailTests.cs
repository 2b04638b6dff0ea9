using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>Where the service sends mail, codes reach the owners of addresses and nobody else.</summary>
public sealed class MailTests : Scenario
{
    private readonly MailServer _mail = new();

    private protected override Task<Service> StartServiceAsync()
    {
        var data = Directory.CreateDirectory(Path.Combine(Root, "service")).FullName;
        File.WriteAllText(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new { mail = new { host = "127.0.0.1", port = _mail.Port, from = "Holdfast <backup@example.org>", encryption = "none" } }));
        return Service.StartAsync(data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await _mail.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Invitations_resets_and_new_addresses_are_confirmed_by_mail_that_outlives_a_mail_server_and_a_node()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        Assert.Equal("invalid_request", (await bootstrap.PostAsync("/v1/operators/invitations", new { email = "no address", role = "admin" })).Code);
        Assert.Equal("invalid_request", (await bootstrap.PostAsync("/v1/operators/invitations", new { email = "a@example.org\r\nBcc: b@example.org", role = "admin" })).Code);

        // The mail server is away, and the node dies: what was promised is sent all the same.
        var invited = await bootstrap.PostAsync("/v1/operators/invitations", new { email = "first@example.org", role = "admin" });
        Assert.Equal((200, false), (invited.Status, invited.Body.TryGetProperty("code", out _)));
        await Service.LogsAsync("Job mail", Cancellation);
        await Service.KillAsync(Cancellation);
        _mail.Start();
        await Service.RestartAsync(Cancellation);
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'mail'");
        var code = CodeIn(await _mail.WaitAsync("first@example.org", 0, Cancellation));
        var joined = await anybody.PostAsync("/v1/people", new { code, name = "First", password = "correct horse battery" });
        Assert.True(joined.Status == 200, joined.Body.ToString());
        Assert.Equal("code_invalid", (await anybody.PostAsync("/v1/people", new { code, name = "First", password = "correct horse battery" })).Code);
        using var person = new ApiCaller(Service.Url, joined.Text("token"));

        // Another address: it counts once its owner says so, and the old one is told.
        Assert.Equal(200, (await person.PostAsync("/v1/me/email", new { email = "second@example.org" })).Status);
        var confirmation = CodeIn(await _mail.WaitAsync("second@example.org", 1, Cancellation));
        Assert.Equal("first@example.org", (await person.GetAsync("/v1/me")).Text("email"));
        Assert.Equal("code_invalid", (await person.PostAsync("/v1/me/email/confirmation", new { code = "nonsense" })).Code);
        Assert.Equal(200, (await person.PostAsync("/v1/me/email/confirmation", new { code = confirmation })).Status);
        Assert.Equal("second@example.org", (await person.GetAsync("/v1/me")).Text("email"));
        Assert.Contains("was changed", (await _mail.WaitAsync("first@example.org", 2, Cancellation)).Subject, StringComparison.Ordinal);

        // Where there is mail, owners invite people themselves; the code goes to the address alone.
        var organisation = (await person.PostAsync("/v1/organisations", new { name = "Firm" })).Text("organisation");
        Assert.Equal(200, (await person.PostAsync($"/v1/organisations/{organisation}/invitations", new { email = "owner@example.org", role = "owner" })).Status);
        joined = await anybody.PostAsync("/v1/people", new { code = CodeIn(await _mail.WaitAsync("owner@example.org", 3, Cancellation)), name = "Owner", password = "correct horse battery" });
        using var owner = new ApiCaller(Service.Url, joined.Text("token"));
        var by = await owner.PostAsync($"/v1/organisations/{organisation}/invitations", new { email = "member@example.org", role = "member" });
        Assert.Equal((200, false), (by.Status, by.Body.TryGetProperty("code", out _)));
        CodeIn(await _mail.WaitAsync("member@example.org", 4, Cancellation));

        // A forgotten password; nobody is told whether somebody is there.
        Assert.Equal(200, (await anybody.PostAsync("/v1/password-resets", new { email = "first@example.org" })).Status);
        Assert.Equal(200, (await anybody.PostAsync("/v1/password-resets", new { email = "second@example.org" })).Status);
        var reset = CodeIn(await _mail.WaitAsync("second@example.org", 5, Cancellation));
        Assert.Equal(200, (await anybody.PostAsync("/v1/password-resets/confirmation", new { code = reset, @new = "another long password" })).Status);
        Assert.Equal("token_invalid", (await person.GetAsync("/v1/me")).Code);
        Assert.Equal(200, (await anybody.PostAsync("/v1/sign-ins", new { email = "second@example.org", password = "another long password" })).Status);

        // If it was somebody else who set it, they must know.
        Assert.Contains("your password was", (await _mail.WaitAsync("second@example.org", 6, Cancellation)).TextBody, StringComparison.Ordinal);

        // One each, and no codes are kept.
        await WaitAsync(() => Task.FromResult(Service.DirectoryAsk<long>("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 0));
        Assert.Equal(7, _mail.Received.Count);
        Assert.Equal(7, _mail.Received.Select(message => message.MessageId).Distinct().Count());
        Assert.Equal(0, Service.DirectorySql("DELETE FROM outbox WHERE sent_at IS NULL OR body <> ''"));
    }

    internal static string CodeIn(MimeKit.MimeMessage message) => message.TextBody!.Split('\n').Select(line => line.Trim()).First(IsCode);

    internal static bool HasCode(MimeKit.MimeMessage message) => message.TextBody!.Split('\n').Any(line => IsCode(line.Trim()));

    private static bool IsCode(string line) => line.Length == 32 && !line.Contains(' ', StringComparison.Ordinal);
}
