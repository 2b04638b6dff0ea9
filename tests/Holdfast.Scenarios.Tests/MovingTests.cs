namespace Holdfast.Scenarios.Tests;

/// <summary>Accounts move from one store to another and back, by an operator's commands, while their computers back up and restore.</summary>
public sealed class MovingTests : TwoStoresScenario
{
    [Fact]
    public async Task Accounts_move_there_and_back_while_they_are_used_and_a_node_is_killed()
    {
        var tree = MakeTree("tree", files: 20);
        var computers = new List<ClientComputer>();
        foreach (var name in (string[])["one", "two", "three"])
        {
            computers.Add(await EnrolAsync(name, name));
            await computers[^1].MustAsync(Cancellation, "backup", tree);
        }

        Assert.Contains("names no store 'nowhere'", await RefusedAsync("move", "plan", "--to", "nowhere"), StringComparison.Ordinal);
        Assert.Contains("no account to move", await RefusedAsync("move", "plan", "--to", "near"), StringComparison.Ordinal);
        Assert.Contains("There is no account 'four'", await RefusedAsync("move", "plan", "--to", "far", "--accounts", "one", "four"), StringComparison.Ordinal);
        Assert.Contains("No move was planned", await RefusedAsync("move", "status"), StringComparison.Ordinal);
        var dry = Lines(await AdminAsync("move", "plan", "--to", "far", "--dry-run", "--json")).Single();
        Assert.Equal((3, ""), (dry.GetProperty("accounts").GetInt32(), dry.GetProperty("id").GetString()));

        // What is in the target already, and what the program does not know, is found before anything is copied.
        await Cluster.AskAsync(Accounts, "CREATE TABLE notes (account_id BYTEA, note TEXT)", Cancellation);
        Assert.Contains("notes", await RefusedAsync("move", "plan", "--to", "far"), StringComparison.Ordinal);
        await Cluster.AskAsync(Accounts, "DROP TABLE notes", Cancellation);
        var held = Convert.ToHexString(Service.Ask<byte[]>("SELECT min(account_id) FROM fence"));
        await Cluster.AskAsync(Accounts, $"INSERT INTO fence (account_id, epoch, state, next_version, next_number, next_computer, next_session, collection_number) VALUES ('\\x{held}', 1, 'open', 1, 1, 1, 1, 1)", Cancellation);
        Assert.Contains("holds the account", await RefusedAsync("move", "plan", "--to", "far"), StringComparison.Ordinal);
        await Cluster.AskAsync(Accounts, "DELETE FROM fence", Cancellation);

        // A plan that something has overtaken is not started.
        Lines(await AdminAsync("move", "plan", "--to", "far", "--accounts", "one", "two", "--json"));
        Assert.Equal(1, Service.DirectorySql("UPDATE accounts SET epoch = epoch + 5 WHERE name = 'one'"));
        Assert.Contains("stale", await RefusedAsync("move", "start"), StringComparison.Ordinal);
        Assert.Equal(1, Service.DirectorySql("UPDATE accounts SET epoch = epoch - 5 WHERE name = 'one'"));

        Lines(await AdminAsync("move", "plan", "--to", "far", "--rate", "5", "--json"));
        Lines(await AdminAsync("move", "start", "--json"));
        Assert.Contains("was started before", await RefusedAsync("move", "start"), StringComparison.Ordinal);
        Lines(await AdminAsync("move", "pause", "--json"));
        Assert.Equal("paused", await StateAsync());
        Lines(await AdminAsync("move", "abort", "--json"));
        await WaitForAsync("ended", "reversible");
        if (await StateAsync() == "reversible")
        {
            // Some were faster than the pause.
            Lines(await AdminAsync("move", "reverse", "--json"));
            await WaitForAsync("ended");
        }

        using var stop = new CancellationTokenSource();
        var using_ = computers.Select(async (computer, i) =>
        {
            var own = MakeTree($"own{i}", files: 5);
            for (var round = 0; !stop.IsCancellationRequested; round++)
            {
                await File.WriteAllTextAsync(Path.Combine(own, "changes"), $"{round}", Cancellation);
                await computer.MustAsync(Cancellation, "backup", own);
                await computer.RestoresIdenticallyAsync(own, Cancellation);
            }
        }).ToList();
        Lines(await AdminAsync("move", "plan", "--to", "far", "--json"));
        Lines(await AdminAsync("move", "start", "--json"));
        await Service.KillAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        await WaitForAsync("reversible");
        Assert.Equal("3", (await Cluster.AskAsync(Accounts, "SELECT count(*) FROM fence WHERE state = 'open'", Cancellation)).Trim());
        Assert.Equal(3, Service.Ask<int>("SELECT count(*) FROM fence WHERE state = 'left'"));
        var moved = Lines(await AdminAsync("move", "status", "--json")).Single();
        Assert.Equal((3, 0), (moved.GetProperty("moved").GetInt32(), moved.GetProperty("waiting").GetInt32()));
        Lines(await AdminAsync("move", "reverse", "--json"));
        await WaitForAsync("ended");
        await stop.CancelAsync();
        await Task.WhenAll(using_);
        Assert.Equal("0|0", (await Cluster.AskAsync(Accounts, "SELECT (SELECT count(*) FROM fence WHERE state <> 'absent'), (SELECT count(*) FROM objects)", Cancellation)).Trim());
        foreach (var computer in computers)
        {
            await computer.MustAsync(Cancellation, "check", "--read-data");
        }

        // The indexes were made for the moves, and are gone with them; the next plans go by what it took.
        Assert.Equal("0", (await Cluster.AskAsync(Accounts, "SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%_versions'", Cancellation)).Trim());
        Assert.Contains(Lines(await AdminAsync("actuals", "--json")), actual => actual.GetProperty("kind").GetString() == "move");
    }

    private async Task<string> StateAsync() => Lines(await AdminAsync("move", "status", "--json")).Single().GetProperty("state").GetString()!;

    private async Task WaitForAsync(params string[] states)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        for (var state = await StateAsync(); !states.Contains(state); state = await StateAsync())
        {
            await pause.WaitForNextTickAsync(Cancellation);
        }
    }
}
