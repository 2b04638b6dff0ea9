using System.Net.Http.Headers;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>How much accounts and their computers may store: people are warned before, refused by name, and what is there stays.</summary>
public sealed class QuotaTests : Scenario
{
    [Fact]
    public async Task Who_has_stored_as_much_as_they_may_is_warned_before_and_refused_then_and_restores_as_always()
    {
        var (one, other) = (await EnrolAsync("one", "quota"), await EnrolAsync("other", "other"));
        var tree = Directory.CreateDirectory(Path.Combine(Root, "tree")).FullName;
        await WriteAsync(tree, "first", 6);
        Assert.DoesNotContain("may store", (await one.MustAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);

        // Nearly used up: it is said, and the backup is whole.
        await AdminAsync("quota", "set", "quota", "12M");
        await WriteAsync(tree, "second", 5);
        Assert.Matches("Warning: 9[0-9] % of what the account may store is used", (await one.MustAsync(Cancellation, "backup", tree)).Output);

        // What one session was let begin with may be a little more than the quota; then nothing more is, and each is told why.
        await WriteAsync(tree, "third", 8);
        await one.MustAsync(Cancellation, "backup", tree);
        var refused = await one.RunAsync(Cancellation, "backup", MakeTree("more", files: 1));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("[quota_exceeded]", refused.Error, StringComparison.Ordinal);
        Assert.Contains("The account 'quota' has stored", refused.Error, StringComparison.Ordinal);
        await one.RestoresIdenticallyAsync(tree, Cancellation);
        await other.MustAsync(Cancellation, "backup", tree);

        // What it uses, where it stands, and for how long.
        var usage = Lines(await AdminAsync("usage", "quota", "--json"));
        Assert.Equal(12_000_000, usage[0].GetProperty("quota").GetInt64());
        Assert.InRange(usage[0].GetProperty("bytes").GetInt64(), 19 << 20, 21 << 20);
        Assert.Equal(usage[0].GetProperty("bytes").GetInt64(), usage[1].GetProperty("bytes").GetInt64());
        Assert.Contains(", 16", (await AdminAsync("usage", "quota")).Output, StringComparison.Ordinal);

        // The plan's quota counts again, which is none; then the computer's own.
        await AdminAsync("quota", "set", "quota", "plan");
        await one.MustAsync(Cancellation, "backup", tree);
        await AdminAsync("quota", "set", "quota", "5M", "--computer", "1");
        Assert.Contains("This computer has stored", (await one.RunAsync(Cancellation, "backup", tree)).Error, StringComparison.Ordinal);
        Assert.Contains("[not_found]", (await AdminAsync("quota", "set", "quota", "5M", "--computer", "9")).Error, StringComparison.Ordinal);
        Assert.Contains("[invalid_request]", (await AdminAsync("quota", "set", "quota", "5K")).Error, StringComparison.Ordinal);
        await AdminAsync("quota", "set", "quota", "plan", "--computer", "1");

        // A plan may say how much; the operator may permit more than that.
        var terms = Path.Combine(Root, "plan.json");
        await File.WriteAllTextAsync(terms, JsonSerializer.Serialize(new { name = "tiny", currency = "EUR", quota_gigabytes = 1 }), Cancellation);
        await AdminAsync("plan", "make", terms);
        await AdminAsync("plan", "give", "quota", "tiny");
        Assert.Equal(1_000_000_000, Lines(await AdminAsync("usage", "quota", "--json"))[0].GetProperty("quota").GetInt64());
        await AdminAsync("quota", "set", "quota", "none");
        Assert.Equal(JsonValueKind.Null, Lines(await AdminAsync("usage", "quota", "--json"))[0].GetProperty("quota").ValueKind);
    }

    [Fact]
    public async Task If_the_tables_of_billing_are_gone_backups_and_restores_go_on()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 5);
        await computer.MustAsync(Cancellation, "backup", tree);
        foreach (var table in new[] { "account_plans", "plans", "customers", "invoices", "invoice_end", "invoices_left", "payments", "outages" })
        {
            Service.DirectorySql($"ALTER TABLE {table} RENAME TO gone_{table}");
        }

        File.WriteAllText(Path.Combine(tree, "another"), "file");
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await Service.KillAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Contains("open", (await AdminAsync("accounts")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_may_read_the_metrics_reads_what_each_account_uses_once_it_was_counted()
    {
        var computer = await EnrolAsync("one", "an \"odd\" name");
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3));
        await AdminAsync("quota", "set", "an \"odd\" name", "3G");
        using var client = new HttpClient { BaseAddress = new Uri(Url) };
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, (await client.GetAsync("/metrics/accounts", Cancellation)).StatusCode);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "metrics-token"), Cancellation)).Trim());

        // Forty days ago a gigabyte, twenty days ago two, and four since yesterday: three in thirty days.
        var day = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 86_400;
        Service.Sql("DELETE FROM account_usage");
        foreach (var (ago, gigabytes) in new[] { (40, 1), (20, 2), (1, 4) })
        {
            Service.Sql($"INSERT INTO account_usage (account_id, day, bytes, objects, snapshots, computers, version) SELECT account_id, {day - ago}, {gigabytes}000000000, 1, 7, 3, 1 FROM fence");
        }

        var lines = (await client.GetStringAsync("/metrics/accounts", Cancellation)).Split('\n');
        string ValueOf(string gauge) => Assert.Single(lines, line => line.StartsWith($"holdfast_account_{gauge}{{", StringComparison.Ordinal)) is var line && line.Contains("name=\"an \\\"odd\\\" name\"", StringComparison.Ordinal) ? line.Split("} ")[1] : line;
        Assert.Equal(("4000000000", "7", "3", "3000000000", "100000000"), (ValueOf("stored_bytes"), ValueOf("snapshots"), ValueOf("computers"), ValueOf("quota_bytes"), ValueOf("growth_bytes_per_day")));
    }

    private async Task WriteAsync(string tree, string name, int mebibytes)
    {
        var content = new byte[mebibytes << 20];
        new Random(mebibytes).NextBytes(content);
        await File.WriteAllBytesAsync(Path.Combine(tree, name), content, Cancellation);
    }
}
