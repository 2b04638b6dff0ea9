using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>The operator's escrow key: kept elsewhere, offered, agreed to, exchanged, taken back.</summary>
public sealed class EscrowTests : Scenario
{
    private const string Password = "correct horse battery";

    private string Old => Path.Combine(Root, "old.pem");

    private string New => Path.Combine(Root, "new.pem");

    [Fact]
    public async Task An_escrow_key_opens_the_accounts_whose_owners_agreed_and_no_others()
    {
        var managed = await EnrolAsync("managed", "managed");
        var second = await EnrolAsync("second", "second");
        await EnrolAsync("closed", "end to end");
        var tree = MakeTree("tree", files: 5);
        await managed.MustAsync(Cancellation, "backup", tree);
        Assert.Contains("[not_found]", (await managed.RunAsync(Cancellation, "key", "escrow")).Error, StringComparison.Ordinal);

        // The key is made and kept by somebody; the service has its public half, and offers it to owners who compare it with what they were told.
        await SignInWithTwoFactorsAsync();
        var fingerprint = (await MustAsync("escrow", "create", Old)).Trim().Split('\n')[0];
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Old));
        Assert.StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----", await File.ReadAllTextAsync(Old, Cancellation), StringComparison.Ordinal);
        Assert.Contains("[conflict]", (await AsMeAsync("escrow", "create", Old)).Error, StringComparison.Ordinal);
        await MustAsync("escrow", "register", Old);
        Assert.Contains("[proof_needed]", (await Programs.RunAsync(Programs.Holdfast, ["admin", "escrow", "register", Old, "--service", Service.Url, "--token-file", Path.Combine(Service.Data, "operator-token")], Environment(), Cancellation)).Error, StringComparison.Ordinal);
        Assert.Equal(fingerprint, (await managed.MustAsync(Cancellation, "key", "escrow", "--quiet")).Output.Trim());
        Assert.Contains("[tampered]", (await managed.RunAsync(Cancellation, "key", "escrow", "--accept", fingerprint.Replace(fingerprint[0], fingerprint[0] == '0' ? '1' : '0'))).Error, StringComparison.Ordinal);
        foreach (var computer in new[] { managed, second })
        {
            await computer.MustAsync(Cancellation, "key", "escrow", "--accept", fingerprint);
        }

        Assert.Contains("Escrow", (await managed.MustAsync(Cancellation, "key", "list")).Output, StringComparison.Ordinal);
        await MustAsync("escrow", "check", "managed", Old);
        Assert.Contains("[not_found]", (await AsMeAsync("escrow", "check", "end to end", Old)).Error, StringComparison.Ordinal);
        Assert.Contains(JsonDocument.Parse("[" + string.Join(',', (await MustAsync("audit", "--json")).Trim().Split('\n')) + "]").RootElement.EnumerateArray(),
            entry => entry.GetProperty("action").GetString() == "open account in escrow" && entry.GetProperty("subject").GetString() == "managed");
        Assert.Contains("opens 2 accounts", await MustAsync("escrow", "list"), StringComparison.Ordinal);

        // Another key in its place, without the owners; the passphrase stays, and what is stored is not touched.
        var next = (await MustAsync("escrow", "create", New)).Trim().Split('\n')[0];
        Assert.Contains("[not_found]", (await AsMeAsync("escrow", "rotate", Old, New)).Error, StringComparison.Ordinal);
        await MustAsync("escrow", "register", New);
        Assert.Contains("managed: " + next, await MustAsync("escrow", "rotate", Old, New), StringComparison.Ordinal);
        await MustAsync("escrow", "check", "second", New);
        Assert.Contains("does not open account", (await AsMeAsync("escrow", "check", "second", Old)).Error, StringComparison.Ordinal);
        var slots = (await managed.MustAsync(Cancellation, "key", "list")).Output;
        Assert.Contains(next, slots, StringComparison.Ordinal);
        Assert.DoesNotContain(fingerprint, slots, StringComparison.Ordinal);
        await managed.RestoresIdenticallyAsync(tree, Cancellation);
        await managed.SendsNothingNewAsync(tree, Cancellation);

        // The owner takes it back.
        var number = slots.Split('\n').Single(line => line.Contains("Escrow", StringComparison.Ordinal)).Trim().Split(' ')[0];
        await managed.MustAsync(Cancellation, "key", "remove", number);
        Assert.Contains("[not_found]", (await AsMeAsync("escrow", "check", "managed", New)).Error, StringComparison.Ordinal);
        Assert.Contains("opens 1 accounts", await MustAsync("escrow", "list"), StringComparison.Ordinal);

        // Every database is lost: the log says which key opens which account.
        await Service.KillAsync(Cancellation);
        await Service.Databases.LoseAsync(Cancellation);
        Assert.Equal(0, (await Service.OperateAsync(["rebuild"], Cancellation)).ExitCode);
        await Service.RestartAsync(Cancellation);
        Service.DirectorySql("UPDATE accounts SET escrow_key = '' WHERE escrow_key IS NULL");
        Assert.Equal((1, 2), (Service.DirectorySql($"UPDATE accounts SET name = name WHERE escrow_key = '{next}'"), Service.DirectorySql("UPDATE accounts SET name = name WHERE escrow_key = ''")));
    }

    private Dictionary<string, string> Environment() => new()
    {
        ["HOLDFAST_CONFIG_DIR"] = Path.Combine(Root, "c"), ["HOLDFAST_PASSWORD"] = Password, ["HOLDFAST_SERVICE"] = Service.Url, ["HOLDFAST_ESCROW_PASSPHRASE"] = "of the key", ["HOLDFAST_NEW_PASSPHRASE"] = "of the key",
    };

    private async Task SignInWithTwoFactorsAsync()
    {
        var code = (await MustAsync("invite", "me@example.org", "admin", "--token-file", Path.Combine(Service.Data, "bootstrap-secret"))).Trim();
        await MustAsync("join", code, "--name", "Me");
        var key = (await MustAsync("authenticator", "new")).Split('\n')[0];
        var now = TimeProvider.System.GetUtcNow();
        await MustAsync("authenticator", "confirm", Authenticator.Code(key, now));
        await MustAsync("prove", "--code", Authenticator.Code(key, now + TimeSpan.FromSeconds(30)));
    }

    private Task<Ended> AsMeAsync(params string[] arguments) => Programs.RunAsync(Programs.Holdfast, ["admin", .. arguments], Environment(), Cancellation);

    private async Task<string> MustAsync(params string[] arguments)
    {
        var ended = await AsMeAsync(arguments);
        Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.Output}{ended.Error}");
        return ended.Output;
    }
}
