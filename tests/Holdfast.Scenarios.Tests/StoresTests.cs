using Holdfast.Client.Computers;

namespace Holdfast.Scenarios.Tests;

/// <summary>Accounts in several stores, of both engines, behind one directory; and accounts that are closed for writing for a moment, as when they move.</summary>
public sealed class StoresTests : TwoStoresScenario
{
    [Fact]
    public async Task Stores_of_both_engines_serve_side_by_side_and_an_account_that_is_frozen_waits_and_goes_on()
    {
        var tree = MakeTree("tree", files: 20);
        var near = await EnrolAsync("one", "near");
        await near.MustAsync(Cancellation, "backup", tree);
        await ConfigureAsync("far");
        await Service.StopAsync(Cancellation);
        await Service.RestartAsync(Cancellation);
        var far = await EnrolAsync("two", "far");
        await far.MustAsync(Cancellation, "backup", tree);
        Assert.Equal((1, 1), (Service.Ask<int>("SELECT count(*) FROM snapshots"), int.Parse(await Cluster.AskAsync(Accounts, "SELECT count(*) FROM snapshots", Cancellation), System.Globalization.CultureInfo.InvariantCulture)));
        await File.WriteAllTextAsync(Path.Combine(tree, "new"), "new", Cancellation);
        foreach (var computer in new[] { near, far })
        {
            await computer.MustAsync(Cancellation, "backup", tree);
            await computer.RestoresIdenticallyAsync(tree, Cancellation);
        }

        Assert.Equal(["far", "near"], Lines(await AdminAsync("accounts", "--json")).Select(account => account.GetProperty("name").GetString()));
        Assert.Equal(4, Lines(await AdminAsync("verify", "--json")).Single().GetProperty("snapshots").GetInt32());

        // Frozen, as by a move: a write is refused as one that is to be tried again, restores work, and whoever waits goes on when it thaws.
        Assert.Equal(1, Service.Sql("UPDATE fence SET state = 'frozen'"));
        using (var direct = new ApiCaller(Service.Url, ComputerFile.Load(near.Folders).Token))
        {
            var refused = await direct.PostAsync($"/v1/accounts/{ComputerFile.Load(near.Folders).Account}/sessions", new { collection_number = 0 });
            Assert.Equal((503, "fenced"), (refused.Status, refused.Code));
        }

        await near.RestoresIdenticallyAsync(tree, Cancellation);
        await File.WriteAllTextAsync(Path.Combine(tree, "while frozen"), "new", Cancellation);
        var waiting = near.MustAsync(Cancellation, "backup", tree);
        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(1, Service.Sql("UPDATE fence SET state = 'open'"));
        await waiting;
        await near.RestoresIdenticallyAsync(tree, Cancellation);

        // The directory's epoch and the store's differ, as where a move was decided and not yet routed: nothing is written on the wrong side.
        Assert.Equal(1, Service.Sql("UPDATE fence SET epoch = epoch + 1"));
        await File.WriteAllTextAsync(Path.Combine(tree, "while moved"), "new", Cancellation);
        waiting = near.MustAsync(Cancellation, "backup", tree);
        await Task.Delay(TimeSpan.FromSeconds(2), Cancellation);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(3, Service.Ask<int>("SELECT count(*) FROM snapshots"));
        Assert.Equal(1, Service.DirectorySql("UPDATE accounts SET epoch = epoch + 1 WHERE name = 'near'"));
        await waiting;
        Assert.Equal(4, Service.Ask<int>("SELECT count(*) FROM snapshots"));
        await near.MustAsync(Cancellation, "check", "--read-data");
    }
}
