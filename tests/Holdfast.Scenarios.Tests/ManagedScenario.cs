namespace Holdfast.Scenarios.Tests;

/// <summary>A service with mail, a managed account and its restorer.</summary>
public abstract class ManagedScenario : Scenario
{
    protected const string Password = "correct horse battery";

    private protected MailServer Mail { get; } = new();

    private protected RestorerProcess Restorer { get; private set; } = null!;

    private protected ClientComputer Computer { get; private set; } = null!;

    protected string Tree { get; private set; } = "";

    private protected override Task<Service> StartServiceAsync()
    {
        Mail.Start();
        var root = Path.Combine(Root, "service");
        Directory.CreateDirectory(root);
        File.WriteAllText(Path.Combine(root, "holdfastd.json"), $$"""{ "mail": { "host": "127.0.0.1", "port": {{Mail.Port}}, "from": "Holdfast <backup@example.org>", "encryption": "none" }, "billing": { "seller": { "name": "Example Backup", "bank": "IBAN XX00" }, "number_prefix": "HF-", "tax_label": "VAT", "tax_basis_points": 1900 } }""");
        return Service.StartAsync(root, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        if (Restorer is not null)
        {
            await Restorer.DisposeAsync();
        }

        await Mail.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>An account whose owner lets the operator open it, with a backup, an admin who has two factors, and a restorer that runs.</summary>
    private protected async Task BeginAsync(int files)
    {
        Computer = await EnrolAsync("laptop", "managed");
        await EnrolAsync("other", "end to end");
        Tree = MakeTree("tree", files: files);
        await Computer.MustAsync(Cancellation, "backup", Tree);
        await MustAsync("invite", "me@example.org", "admin", "--token-file", Path.Combine(Service.Data, "bootstrap-secret"));
        await WaitAsync(() => Task.FromResult(Mail.Received.Count > 0));
        await MustAsync("join", MailTests.CodeIn(Mail.Received.First()), "--name", "Me");
        var key = (await MustAsync("authenticator", "new")).Split('\n')[0];
        var now = TimeProvider.System.GetUtcNow();
        await MustAsync("authenticator", "confirm", Authenticator.Code(key, now));
        await MustAsync("prove", "--code", Authenticator.Code(key, now + TimeSpan.FromSeconds(30)));
        var pem = Path.Combine(Root, "escrow.pem");
        var fingerprint = (await MustAsync("escrow", "create", pem)).Trim().Split('\n')[0];
        await MustAsync("escrow", "register", pem);
        await Computer.MustAsync(Cancellation, "key", "escrow", "--accept", fingerprint);
        Assert.Contains("[not_found]", (await AsMeAsync("browse", "managed")).Error, StringComparison.Ordinal);
        var tokenFile = Path.Combine(Root, "restorer-token");
        await File.WriteAllTextAsync(tokenFile, await MustAsync("restorer", "add", "main", "http://127.0.0.1:1"), Cancellation);
        Restorer = new RestorerProcess(Path.Combine(Root, "restorer"), Service.Url, tokenFile, pem, "of the key");
        await Restorer.StartAsync(0, Cancellation);
        await File.WriteAllTextAsync(tokenFile, await MustAsync("restorer", "add", "main", Restorer.Url), Cancellation);
        await Restorer.KillAsync(Cancellation);
        await Restorer.StartAsync(new Uri(Restorer.Url).Port, Cancellation);
        await WaitAsync(async () => (await MustAsync("restorer", "list")).Contains("heard of 2", StringComparison.Ordinal));
    }

    private protected Task<Ended> AsMeAsync(params string[] arguments) => Programs.RunAsync(Programs.Holdfast, ["admin", .. arguments], new Dictionary<string, string>
    {
        ["HOLDFAST_CONFIG_DIR"] = Path.Combine(Root, "c"), ["HOLDFAST_PASSWORD"] = Password, ["HOLDFAST_SERVICE"] = Service.Url, ["HOLDFAST_ESCROW_PASSPHRASE"] = "of the key",
    }, Cancellation);

    private protected async Task<string> MustAsync(params string[] arguments)
    {
        var ended = await AsMeAsync(arguments);
        Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.Output}{ended.Error}");
        return ended.Output;
    }
}
