using System.Text.Json;
using Holdfast.Client.Computers;
using Holdfast.Format.Objects;

namespace Holdfast.Scenarios.Tests;

/// <summary>An account ends: it is asked for, can be taken back, and then nothing brings it back.</summary>
public sealed class ClosingTests : Scenario
{
    private const string Password = "correct horse battery";

    [Fact]
    public async Task Until_its_date_an_account_restores_is_exported_and_can_be_kept()
    {
        var computer = await EnrolAsync("one", "customer");
        var other = await EnrolAsync("front/desk", "customer", await Service.NewCodeAsync("customer", Cancellation));
        var (tree, more) = (MakeTree("tree", files: 20), MakeTree("more", seed: 2, files: 5));
        await computer.MustAsync(Cancellation, "backup", more);
        await computer.MustAsync(Cancellation, "backup", tree);
        await other.MustAsync(Cancellation, "backup", more);

        // No token closes an account: a person does, with two factors.
        Assert.Contains("[proof_needed]", (await AdminAsync("close", "customer")).Error, StringComparison.Ordinal);
        using var admin = await AdminWithTwoFactorsAsync();
        Assert.Equal("not_found", (await admin.PutAsync("/v1/accounts/nobody/closing", new { closing = true })).Code);
        var closing = await admin.PutAsync("/v1/accounts/customer/closing", new { closing = true });
        Assert.Equal((200, "closing"), (closing.Status, closing.Text("state")));
        var closesAt = closing.Body.GetProperty("closes_at").GetInt64();
        Assert.InRange(closesAt - TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(), (30 * 86_400) - 60, 30 * 86_400);
        Assert.Equal((1, 1), (Service.DirectorySql("UPDATE closures SET closes_at = closes_at - 100"), Service.DirectorySql("UPDATE accounts SET closes_at = closes_at - 100 WHERE closes_at IS NOT NULL")));
        Assert.Equal(closesAt - 100, (await admin.PutAsync("/v1/accounts/customer/closing", new { closing = true })).Body.GetProperty("closes_at").GetInt64());

        var refused = await computer.RunAsync(Cancellation, "backup", tree);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("[account_closing]", refused.Error, StringComparison.Ordinal);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        var fresh = await EnrolAsync("fresh", "customer", await Service.NewCodeAsync("customer", Cancellation));
        var exported = Path.Combine(Root, "exported");
        await fresh.MustAsync(Cancellation, "export", exported);
        await IsIdenticalAsync(tree, Path.Combine(exported, "1-one") + tree);
        await IsIdenticalAsync(more, Path.Combine(exported, "2-front_desk") + more);
        var all = Path.Combine(Root, "all");
        await fresh.MustAsync(Cancellation, "export", all, "--all");
        Assert.Equal([2, 1], Directory.EnumerateDirectories(all).Order().Select(folder => Directory.EnumerateDirectories(folder).Count()));
        var listed = Assert.Single(Lines(await AdminAsync("closures", "--json")));
        Assert.Equal(("customer", "admin", closesAt - 100, JsonValueKind.Null), (listed.GetProperty("name").GetString(), listed.GetProperty("asked_by").GetString()!.Split('@')[0], listed.GetProperty("closes_at").GetInt64(), listed.GetProperty("deleted_at").ValueKind));

        Assert.Equal("open", (await admin.PutAsync("/v1/accounts/customer/closing", new { closing = false })).Text("state"));
        Assert.Empty(Lines(await AdminAsync("closures", "--json")));
        Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'closing'");
        await WaitAsync(() => Task.FromResult(Service.DirectorySql("UPDATE jobs SET node = node WHERE kind = 'closing' AND state <> 'done'") == 0));
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task Behind_its_date_it_is_gone_from_databases_and_drives_and_no_rebuild_brings_it_back()
    {
        var computer = await EnrolAsync("one", "customer");
        var other = await EnrolAsync("other", "somebody else");
        var tree = MakeTree("tree");
        await computer.MustAsync(Cancellation, "backup", tree);
        await other.MustAsync(Cancellation, "backup", tree);
        var account = ComputerFile.Load(computer.Folders).Account;
        var (keyring, kept) = (Secret(account), Secret(ComputerFile.Load(other.Folders).Account));
        Assert.NotEmpty(Holding(keyring));
        using (var admin = await AdminWithTwoFactorsAsync())
        {
            Assert.Equal(200, (await admin.PutAsync("/v1/accounts/customer/closing", new { closing = true })).Status);
        }

        // Its date comes; a node that is killed meanwhile goes on at its next start.
        Service.DirectorySql("UPDATE accounts SET closes_at = 1 WHERE name = 'customer'");
        Service.DirectorySql("UPDATE closures SET closes_at = 1");
        Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'closing'");

        // That may be a clock that leapt: it counts for one day, and everything is there.
        await WaitAsync(() => Task.FromResult(Service.DirectorySql("UPDATE jobs SET kind = kind WHERE kind = 'closing' AND state = 'waiting' AND due_at > 0") == 1));
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Equal(1, Service.DirectorySql("UPDATE closures SET days_left = 0 WHERE days_left >= 29"));
        Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'closing'");
        await WaitAsync(() => Task.FromResult(Service.DirectorySql("UPDATE accounts SET name = name WHERE name = 'customer' AND state = 'purging'") == 1 || Service.Ask<long>("SELECT count(*) FROM keyrings") == 1));
        await Service.KillAsync(Cancellation);
        Service.DirectorySql("UPDATE jobs SET lease_until = 0, due_at = 0 WHERE kind = 'closing' AND state <> 'done'");
        await Service.RestartAsync(Cancellation);
        await WaitAsync(async () =>
        {
            Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'closing' AND state = 'waiting'");
            return Lines(await AdminAsync("closures", "--json"))[0].GetProperty("wiped_at").ValueKind == JsonValueKind.Number;
        });
        var closure = Lines(await AdminAsync("closures", "--json"))[0];
        Assert.Equal((1, 1, 0), (closure.GetProperty("snapshots").GetInt64(), closure.GetProperty("computers").GetInt64(), closure.GetProperty("records_left").GetInt64()));
        Assert.True(closure.GetProperty("bytes").GetInt64() > 1_000_000);

        Assert.Contains("[token_invalid]", (await computer.RunAsync(Cancellation, "snapshots")).Error, StringComparison.Ordinal);
        Assert.DoesNotContain("customer", (await Service.OperateAsync(["account", "list"], Cancellation)).Output, StringComparison.Ordinal);
        foreach (var table in new[] { "devices", "log", "keyrings", "sessions", "objects", "snapshots", "snapshot_pages" })
        {
            Assert.Equal((0, true), (Service.Ask<long>($"SELECT count(*) FROM {table} WHERE account_id = @account", ("@account", account.ToArray())), Service.Ask<long>($"SELECT count(*) FROM {table}") > 0));
        }

        Assert.Empty(Holding(keyring));
        await other.RestoresIdenticallyAsync(tree, Cancellation);
        await Service.StopAsync(Cancellation);
        Assert.Empty(Holding(keyring));
        Assert.NotEmpty(Holding(kept));

        // Every database is lost: the pod knows that it was closed.
        await Service.Databases.LoseAsync(Cancellation);
        var rebuilt = await Service.OperateAsync(["rebuild"], Cancellation);
        Assert.True(rebuilt.ExitCode == 0, rebuilt.Error);
        Assert.Contains("1 accounts, 1 snapshots", rebuilt.LastLine, StringComparison.Ordinal);
        await Service.RestartAsync(Cancellation);
        Assert.Equal(0, (await Service.OperateAsync(["operator", "create", "tester"], Cancellation)).ExitCode);
        Assert.Equal(account.ToString(), Assert.Single(Lines(await AdminAsync("closures", "--json"))).GetProperty("account").GetString());
        Assert.Contains("[token_invalid]", (await computer.RunAsync(Cancellation, "snapshots")).Error, StringComparison.Ordinal);
        await other.RestoresIdenticallyAsync(tree, Cancellation);
    }

    /// <summary>Bytes out of the account's keyring that stand nowhere else.</summary>
    private byte[] Secret(AccountId account) => Service.Ask<byte[]>("SELECT keyring FROM keyrings WHERE account_id = @account", ("@account", account.ToArray()))[^120..^60];

    /// <summary>Files of the service (on PostgreSQL without its databases) with these bytes in them.</summary>
    private List<string> Holding(byte[] secret) => [.. Directory.EnumerateFiles(Service.Data, "*", SearchOption.AllDirectories).Where(file => !file.EndsWith("lock", StringComparison.Ordinal) && Bytes(file).AsSpan().IndexOf(secret) >= 0)];

    private static byte[] Bytes(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    private static async Task IsIdenticalAsync(string source, string restored)
    {
        var compared = await Programs.RunAsync(Programs.Holdfast, ["compare", source, restored], new Dictionary<string, string>(), Cancellation);
        Assert.True(compared.ExitCode == 0, compared.Output + compared.Error);
    }

    private async Task<ApiCaller> AdminWithTwoFactorsAsync()
    {
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        using var anybody = new ApiCaller(Service.Url);
        var code = (await bootstrap.PostAsync("/v1/operators/invitations", new { email = "admin@example.org", role = "admin" })).Text("code");
        using var joined = new ApiCaller(Service.Url, (await anybody.PostAsync("/v1/people", new { code, name = "admin", password = Password })).Text("token"));
        var key = (await joined.PostAsync("/v1/me/authenticator")).Text("key");
        var now = TimeProvider.System.GetUtcNow();
        Assert.Equal(200, (await joined.PutAsync("/v1/me/authenticator", new { code = Authenticator.Code(key, now) })).Status);
        return new ApiCaller(Service.Url, (await anybody.PostAsync("/v1/sign-ins", new { email = "admin@example.org", password = Password, code = Authenticator.Code(key, now + TimeSpan.FromSeconds(30)) })).Text("token"));
    }
}
