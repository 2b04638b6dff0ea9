using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>Limits that an operator sets for a while: they hold, those who are limited are told until when, and others do not notice.</summary>
public sealed class ThrottleTests : Scenario
{
    [Fact]
    public async Task A_limit_holds_up_its_account_says_until_when_and_nothing_else()
    {
        var (slow, other) = (await EnrolAsync("slow", "slow"), await EnrolAsync("other", "other"));
        var tree = Directory.CreateDirectory(Path.Combine(Root, "tree")).FullName;
        await WriteAsync(tree, 6);
        var until = TimeProvider.System.GetUtcNow().AddHours(2);
        var limit = Lines(await AdminAsync("throttle", "add", "backup", "--account", "slow", "--rate", "1M", "--at-once", "2", "--until", until.ToString("O"), "--reason", "a late line", "--json")).Single();
        Assert.True(limit.GetProperty("applies").GetBoolean());

        // Six seconds' worth went at once, two of them to spare; what comes behind pays for it.
        var watch = Stopwatch.StartNew();
        var told = (await slow.MustAsync(Cancellation, "backup", tree)).Output;
        Assert.InRange(watch.Elapsed.TotalSeconds, 3.5, 600);
        Assert.Contains("limits this computer to 1 MB/s until ", told, StringComparison.Ordinal);
        Assert.Contains("a late line", told, StringComparison.Ordinal);
        Assert.DoesNotContain("limits this computer", (await other.MustAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);

        // Its restores are not its backups; all accounts' together, and then nothing any more.
        await slow.RestoresIdenticallyAsync(tree, Cancellation);
        await AdminAsync("throttle", "add", "restore", "--rate", "2M", "--together", "--until", until.ToString("O"));
        watch.Restart();
        await other.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.8, 600);
        foreach (var throttle in Lines(await AdminAsync("throttle", "list", "--json")))
        {
            await AdminAsync("throttle", "remove", throttle.GetProperty("id").GetString()!);
        }

        Assert.Empty((await AdminAsync("throttle", "list")).Output.Trim());
        await WriteAsync(tree, 1);
        Assert.DoesNotContain("limits this computer", (await slow.MustAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);

        // One computer of an account, and not its other; what it has to pay for has passed within its burst.
        var second = await EnrolAsync("second", "slow", await Service.NewCodeAsync("slow", Cancellation));
        Assert.Contains("[invalid_request]", (await AdminAsync("throttle", "add", "backup", "--computer", "2", "--rate", "1M", "--until", until.ToString("O"))).Error, StringComparison.Ordinal);
        await AdminAsync("throttle", "add", "backup", "--account", "slow", "--computer", "2", "--rate", "1M", "--until", until.ToString("O"));
        await WriteAsync(tree, 5);
        watch.Restart();
        Assert.Contains("limits this computer to 1 MB/s", (await second.MustAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed.TotalSeconds, 2.5, 600);
        Assert.DoesNotContain("limits this computer", (await slow.MustAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_limits_its_accounts_for_as_long_as_they_have_it_and_nobody_else()
    {
        var (slow, other) = (await EnrolAsync("slow", "slow"), await EnrolAsync("other", "other"));
        var tree = Directory.CreateDirectory(Path.Combine(Root, "tree")).FullName;
        await WriteAsync(tree, 6);
        await MakePlanAsync("small", "[ { \"class\": \"backup\", \"bytes_per_second\": 1000000 }, { \"class\": \"restore\", \"at_once\": 1 } ]");
        await MakePlanAsync("large", "null");
        Assert.Contains("backup at most 1 MB/s; restore at most 1 at once", (await AdminAsync("plan", "list")).Output, StringComparison.Ordinal);
        await AdminAsync("plan", "give", "slow", "small");
        var watch = Stopwatch.StartNew();
        var told = (await slow.MustAsync(Cancellation, "backup", tree, "--json")).Output;
        Assert.InRange(watch.Elapsed.TotalSeconds, 3.5, 600);
        var throttled = told.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement).Single(line => line.GetProperty("message_type").GetString() == "throttled");
        Assert.Equal((1_000_000, "by the account's plan, small", false), (throttled.GetProperty("bytes_per_second").GetInt64(), throttled.GetProperty("reason").GetString(), throttled.TryGetProperty("until", out var until) && until.ValueKind != JsonValueKind.Null));
        Assert.DoesNotContain("limits this computer", (await other.MustAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);
        await slow.RestoresIdenticallyAsync(tree, Cancellation);

        // An operator's limit counts besides, and is told while it is the narrower one.
        await AdminAsync("throttle", "add", "backup", "--account", "slow", "--rate", "500K", "--until", TimeProvider.System.GetUtcNow().AddHours(2).ToString("O"), "--reason", "a late line");
        Assert.Contains("limits this computer to 500 kB/s until ", (await slow.MustAsync(Cancellation, "backup", tree)).Output, StringComparison.Ordinal);
        await AdminAsync("throttle", "remove", Lines(await AdminAsync("throttle", "list", "--json")).Single().GetProperty("id").GetString()!);

        // Another plan, without limits: soon.
        await AdminAsync("plan", "give", "slow", "large");
        while ((await slow.MustAsync(Cancellation, "backup", tree)).Output.Contains("limits this computer", StringComparison.Ordinal))
        {
            await Task.Delay(500, Cancellation);
        }
    }

    [Fact]
    public async Task Limits_that_make_no_sense_are_refused()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        await EnrolAsync("one", "account");
        using var client = new HttpClient { BaseAddress = new Uri(Url) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim());
        foreach (var (wrong, status) in new (object, HttpStatusCode)[]
        {
            (new { @class = "backup", ends_at = now + 60 }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, bytes_per_second = 1 }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, bytes_per_second = -5L << 40 }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now - 60, bytes_per_second = 1 << 20 }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = long.MaxValue, bytes_per_second = 1 << 20 }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, starts_at = long.MinValue, bytes_per_second = 1 << 20 }, HttpStatusCode.BadRequest),
            (new { @class = "scrub", ends_at = now + 60, bytes_per_second = 1 << 20 }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, at_once = 0 }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, at_once = 3, is_shared = true }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, at_once = 3, from = "25:00", to = "26:00" }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, at_once = 3, from = "08:00" }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, at_once = 3, from = "08:00", to = "09:00", zone = "Middle/Earth" }, HttpStatusCode.BadRequest),
            (new { @class = "backup", ends_at = now + 60, at_once = 3, account = "nobody" }, HttpStatusCode.NotFound),
        })
        {
            using var answer = await client.PostAsJsonAsync("/v1/throttles", wrong, Cancellation);
            Assert.True(answer.StatusCode == status, $"{wrong}: {answer.StatusCode} {await answer.Content.ReadAsStringAsync(Cancellation)}");
        }

        // The same of plans.
        foreach (var wrong in (string[])["""{ "class": "scrub", "at_once": 1 }""", """{ "class": "backup" }""", """{ "class": "backup", "bytes_per_second": 1 }""", """{ "class": "backup", "at_once": 256 }""", """{ "class": "backup", "at_once": 1, "from": "08:00" }""", """{ "class": "backup", "at_once": 1, "from": "25:00", "to": "26:00" }""", """{ "class": "backup", "at_once": 1, "from": "08:00", "to": "09:00", "zone": "Middle/Earth" }""", "null"])
        {
            Assert.Contains("[invalid_request]", (await MakePlanAsync("wrong", $"[ {wrong} ]")).Error, StringComparison.Ordinal);
        }

        Assert.Empty((await AdminAsync("plan", "list")).Output.Trim());

        Assert.Empty((await AdminAsync("throttle", "list")).Output.Trim());
        Assert.Contains("[not_found]", (await AdminAsync("throttle", "remove", "00000000")).Error, StringComparison.Ordinal);
    }

    private async Task<Ended> MakePlanAsync(string name, string limits)
    {
        var file = Path.Combine(Root, $"{Guid.NewGuid():N}.json");
        await File.WriteAllTextAsync(file, $$"""{ "name": "{{name}}", "currency": "EUR", "limits": {{limits}} }""", Cancellation);
        return await AdminAsync("plan", "make", file);
    }

    private async Task WriteAsync(string tree, int mebibytes)
    {
        var content = new byte[mebibytes << 20];
        new Random(mebibytes).NextBytes(content);
        await File.WriteAllBytesAsync(Path.Combine(tree, $"file {mebibytes}"), content, Cancellation);
    }
}
