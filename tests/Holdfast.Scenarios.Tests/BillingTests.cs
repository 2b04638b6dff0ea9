namespace Holdfast.Scenarios.Tests;

/// <summary>Plans, and what months of accounts cost, by an operator's commands.</summary>
public sealed class BillingTests : Scenario
{
    [Fact]
    public async Task Accounts_cost_what_their_plans_say_by_what_they_used_each_day()
    {
        var computer = await EnrolAsync("one", "smith");
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 5));
        Assert.Contains("has no plan", (await AdminAsync("bill", "smith")).Output, StringComparison.Ordinal);
        await MakeAsync("""{ "name": "home", "currency": "EUR", "base": 500, "per_computer": 300, "computers_included": 1, "gigabytes_included": 1, "storage": [ { "micros_per_gigabyte": 10000000 } ] }""", "home", 1);
        await MakeAsync("""{ "name": "home", "currency": "EUR", "base": 700 }""", "home", 2);
        await MakeAsync("""{ "name": "dollars", "currency": "USD", "base": 700 }""", "dollars", 1);
        Assert.Equal(["dollars 1", "home 1", "home 2"], Lines(await AdminAsync("plan", "list", "--json")).Select(plan => $"{plan.GetProperty("name").GetString()} {plan.GetProperty("version").GetInt32()}"));

        // What cannot be is refused, and says why.
        foreach (var (terms, why) in (IEnumerable<(string, string)>)[("""{ "name": "x", "currency": "EUR", "base": -1 }""", "negative"), ("""{ "name": "x", "currency": "XYZ" }""", "no currency"), ("""{ "name": "x", "currency": "EUR", "base": 9000000000000000000 }""", "no price"),
            ("""{ "name": "x", "currency": "EUR", "storage": [ null ] }""", "none is null"), ("""{ "name": "home", "currency": "USD" }""", "needs another name"),
            ("""{ "name": "x", "currency": "EUR", "storage": [ { "up_to_gigabytes": 5, "micros_per_gigabyte": 1 } ] }""", "last tier"), ("{", "no terms of a plan")])
        {
            Assert.Contains(why, await RefusedAsync("plan", "make", await FileAsync(terms)), StringComparison.Ordinal);
        }

        Assert.Contains("no plan 'x'", await RefusedAsync("plan", "give", "smith", "x"), StringComparison.Ordinal);
        Assert.Contains("version 9", await RefusedAsync("plan", "give", "smith", "home", "--version", "9"), StringComparison.Ordinal);
        Assert.Contains("from today on", await RefusedAsync("plan", "give", "smith", "home", "--from", "2020-01-01"), StringComparison.Ordinal);
        Assert.Contains("no day", await RefusedAsync("plan", "give", "smith", "home", "--from", "tomorrow"), StringComparison.Ordinal);
        Assert.Contains("no month", await RefusedAsync("bill", "smith", "--month", "2026-13"), StringComparison.Ordinal);
        Assert.Contains("no account", await RefusedAsync("bill", "jones"), StringComparison.Ordinal);

        // From today on; a later change takes the place of one that was to come, and of nothing before.
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        Lines(await AdminAsync("plan", "give", "smith", "home", "--version", "1", "--json"));
        Lines(await AdminAsync("plan", "give", "smith", "home", "--from", $"{today.AddDays(40):yyyy-MM-dd}", "--json"));
        var given = Lines(await AdminAsync("plan", "give", "smith", "home", "--from", $"{today.AddDays(20):yyyy-MM-dd}", "--json"));
        Assert.Equal([(1, $"{today:yyyy-MM-dd}"), (2, $"{today.AddDays(20):yyyy-MM-dd}")], given.Select(plan => (plan.GetProperty("version").GetInt32(), plan.GetProperty("from").GetString()!)));
        Assert.Contains("one currency", await RefusedAsync("plan", "give", "smith", "dollars", "--from", $"{today.AddDays(5):yyyy-MM-dd}"), StringComparison.Ordinal);
        Assert.Equal(0, Lines(await AdminAsync("bill", "smith", "--json"))[^1].GetProperty("net").GetInt32());

        // As if it had begun long ago, and been counted: three computers and 5 GB since the tenth of May, of a month that is over.
        var day = new DateOnly(2025, 5, 10).DayNumber - new DateOnly(1970, 1, 1).DayNumber;
        Assert.True(Service.DirectorySql($"UPDATE account_plans SET from_day = {day - 100} WHERE version = 1") == 1);
        Service.Sql("DELETE FROM account_usage");
        Service.Sql($"INSERT INTO account_usage (account_id, day, bytes, objects, snapshots, computers, version) SELECT account_id, {day}, 5000000000, 1, 1, 3, 1 FROM fence");
        var bill = Lines(await AdminAsync("bill", "smith", "--month", "2025-05", "--json"));

        // 22 of 31 days: 2 computers above the one that is included, 4 GB above the one.
        Assert.Equal([("base", 500), ("computers", 426), ("storage", 28)], bill.SkipLast(1).Select(line => (line.GetProperty("kind").GetString()!, line.GetProperty("amount").GetInt32())));
        Assert.Equal((954, true, "EUR"), (bill[^1].GetProperty("net").GetInt32(), bill[^1].GetProperty("whole").GetBoolean(), bill[^1].GetProperty("currency").GetString()!));
        Assert.Equal([500, 600, 40], Lines(await AdminAsync("bill", "smith", "--month", "2025-06", "--json")).SkipLast(1).Select(line => line.GetProperty("amount").GetInt32()));
        Assert.Contains("EUR 9.54", (await AdminAsync("bill", "smith", "--month", "2025-05")).Output, StringComparison.Ordinal);
    }

    private async Task MakeAsync(string terms, string name, int version)
    {
        var made = Lines(await AdminAsync("plan", "make", await FileAsync(terms), "--json")).Single();
        Assert.Equal((name, version), (made.GetProperty("name").GetString(), made.GetProperty("version").GetInt32()));
    }

    private async Task<string> FileAsync(string terms)
    {
        var file = Path.Combine(Root, "terms.json");
        await File.WriteAllTextAsync(file, terms, Cancellation);
        return file;
    }
}
