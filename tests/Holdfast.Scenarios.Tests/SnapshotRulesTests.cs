using Holdfast.Format.Accounts;
using Holdfast.Format.Snapshots;

namespace Holdfast.Scenarios.Tests;

/// <summary>What may be missing, and what must be there: format rules 8, 14, 15, 16 and 19.</summary>
public sealed class SnapshotRulesTests : Scenario
{
    [Fact]
    public async Task A_snapshot_that_the_root_deleted_is_gone_and_one_that_is_hidden_is_named()
    {
        var computer = await EnrolAsync("one", "deleted");
        var tree = MakeTree("tree", files: 10);
        var ids = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            await File.WriteAllTextAsync(Path.Combine(tree, "d0", "new"), $"{i}", Cancellation);
            await computer.MustAsync(Cancellation, "backup", tree);
            ids.Add((await computer.MustAsync(Cancellation, "snapshots", "--quiet")).LastLine.Split(' ')[0]);
        }

        using (var opened = await OpenedComputer.OpenAsync(computer, Cancellation))
        {
            await opened.SayAsync(StatementKind.SnapshotDeleted, opened.Computer.Number, 2, Cancellation);
        }

        Assert.Equal(1, Service.Sql("UPDATE snapshots SET state = 'purged' WHERE sequence = 2"));
        Assert.Equal([ids[0], ids[2], ids[3]], await ListedAsync(computer));
        await computer.MustAsync(Cancellation, "check");
        await computer.MustAsync(Cancellation, "backup", tree);

        Assert.Equal(1, Service.Sql("UPDATE snapshots SET state = 'purged' WHERE sequence = 3"));
        var listing = await computer.RunAsync(Cancellation, "snapshots");
        Assert.Equal(1, listing.ExitCode);
        Assert.Contains(ids[2], listing.Error, StringComparison.Ordinal);
        Assert.Contains("no signed statement", listing.Error, StringComparison.Ordinal);
        Assert.Equal(1, (await computer.RunAsync(Cancellation, "check")).ExitCode);
        Assert.Equal(1, (await computer.RunAsync(Cancellation, "restore", ids[2], "--target", Path.Combine(Root, "out"))).ExitCode);
    }

    [Fact]
    public async Task A_sibling_notices_that_one_computers_snapshots_were_rolled_back_and_a_new_machine_is_shown_ages()
    {
        var one = await EnrolAsync("one", "rolled-back");
        var two = await EnrolAsync("two", "rolled-back", await Service.NewCodeAsync("rolled-back", Cancellation));
        var tree = MakeTree("tree", files: 10);
        await one.MustAsync(Cancellation, "backup", tree);
        await one.MustAsync(Cancellation, "backup", tree);

        // The second computer saw both, and its snapshot says so.
        await two.MustAsync(Cancellation, "backup", tree);
        Assert.Equal(1, Service.Sql("DELETE FROM snapshots WHERE computer = 1 AND sequence = 2"));
        var noticed = await two.RunAsync(Cancellation, "backup", tree);
        Assert.Equal(1, noticed.ExitCode);
        Assert.Contains("[tampered]", noticed.Error, StringComparison.Ordinal);

        // A machine that remembers nothing learns it from the sibling's snapshot.
        var third = await EnrolAsync("three", "rolled-back", await Service.NewCodeAsync("rolled-back", Cancellation));
        var listing = await third.RunAsync(Cancellation, "snapshots");
        Assert.Equal(1, listing.ExitCode);
        Assert.Contains("which the service does not show", listing.Error, StringComparison.Ordinal);

        // If all is rolled back, only the ages tell: they are shown.
        Shell($"rm -r '{third.State}'");
        Assert.Equal(1, Service.Sql("DELETE FROM snapshots WHERE computer = 2"));
        Assert.Equal(1, Service.Sql("UPDATE snapshots SET received_at = 1700000000"));
        var aged = await third.RunAsync(Cancellation, "snapshots");
        Assert.Contains("2023-11-1", aged.Output, StringComparison.Ordinal);

        // Receipt and the computer's clock are years apart, which is flagged.
        Assert.Contains("clock said", aged.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_map_that_lacks_frames_is_named_and_what_is_read_all_the_same_is_revived()
    {
        var computer = await EnrolAsync("one", "incomplete");
        var tree = MakeTree("tree", files: 0);
        for (var i = 0; i < 12; i++)
        {
            Shell($"mkdir -p '{tree}'; head -c 300000 /dev/urandom > '{tree}/file{i}'");
            await computer.MustAsync(Cancellation, "backup", tree, "--quiet");
        }

        long pack;
        using (var opened = await OpenedComputer.OpenAsync(computer, Cancellation))
        {
            var snapshots = await opened.Account.SnapshotsAsync(Cancellation);
            var whole = await opened.Account.ReadMapAsync(snapshots[^1], Cancellation);

            // One bit in a thousand, and at least one.
            var dropped = whole.Frames().Where((_, index) => index % 1000 == 3).ToHashSet();
            var map = new ReferenceMap();
            foreach (var frame in whole.Frames().Where(frame => !dropped.Contains(frame)))
            {
                map.Add(frame);
            }

            Assert.True(dropped.Count >= 1 && map.FrameCount == whole.FrameCount - dropped.Count);
            pack = dropped.First().Number;
            await opened.CommitAsync(snapshots[^1].Body, map, snapshots[^1].Head, Cancellation);
        }

        var check = await computer.RunAsync(Cancellation, "check");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("map incomplete: 1 frames", check.Output, StringComparison.Ordinal);

        // Within the grace nothing is lost: the frame is condemned, read, and alive again.
        Assert.Equal(1, Service.Sql("UPDATE objects SET state = 'condemned', condemned_at = 1 WHERE number = @pack", ("@pack", pack)));
        var target = Path.Combine(Root, "out");
        var restore = await computer.RunAsync(Cancellation, "restore", "latest", "--target", target);
        Assert.Equal(3, restore.ExitCode);
        Assert.Contains("map incomplete: 1 frames", restore.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await computer.RunAsync(Cancellation, "compare", tree, target + tree)).ExitCode);
        Assert.Equal("live", Service.Ask<string>("SELECT state FROM objects WHERE number = @pack", ("@pack", pack)));
        await Service.LogsAsync("were revived", Cancellation);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("missing")]
    public async Task Without_its_index_a_snapshot_is_restored_from_blob_tables_and_check_says_so(string how)
    {
        var computer = await EnrolAsync("one", "index");
        var tree = MakeTree("tree");
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "check");
        var (file, offset) = Service.PlaceOnDrive(Service.Ask<long>("SELECT number FROM objects WHERE type = 2"));
        Shell($"printf XXXXXXXX | dd of='{file}' bs=1 seek={(how == "garbage" ? offset + 20_000 : offset)} conv=notrunc status=none");
        computer.DeleteCache();
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        var check = await computer.RunAsync(Cancellation, "check", "--read-data");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("index segment", check.Output, StringComparison.Ordinal);

        // A backup goes on: what it cannot find it sends again.
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task An_index_that_differs_from_the_blob_tables_is_named()
    {
        var computer = await EnrolAsync("one", "tables");
        var tree = MakeTree("tree", files: 20);
        await computer.MustAsync(Cancellation, "backup", tree);
        var file = computer.Segments.Single();
        var number = uint.Parse(Path.GetFileNameWithoutExtension(file), System.Globalization.CultureInfo.InvariantCulture);
        RewriteWithoutOneBlob(file, number);
        var check = await computer.RunAsync(Cancellation, "check");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("are in no index", check.Output, StringComparison.Ordinal);
        computer.DeleteCache();

        // What is only looked at for the index stays condemned.
        Service.Sql("UPDATE objects SET state = 'condemned', condemned_at = 1 WHERE type = 1");
        await computer.MustAsync(Cancellation, "check", "--json");
        computer.DeleteCache();
        Service.Sql("UPDATE snapshots SET state = 'purged'");
        using (var opened = await OpenedComputer.OpenAsync(computer, Cancellation))
        {
            await opened.SayAsync(StatementKind.SnapshotDeleted, opened.Computer.Number, 1, Cancellation);
        }

        Service.Sql("UPDATE objects SET state = 'condemned', condemned_at = 1 WHERE type = 1");
        await computer.MustAsync(Cancellation, "check");
        Assert.Equal(0, Service.Ask<long>("SELECT count(*) FROM objects WHERE type = 1 AND state = 'live'"));
    }

    [Fact]
    public async Task Frames_that_were_collected_are_told_once_and_sent_again()
    {
        var computer = await EnrolAsync("one", "collected");
        var tree = MakeTree("tree", files: 20);
        await computer.MustAsync(Cancellation, "backup", tree);
        var pack = Service.Ask<long>("SELECT min(number) FROM objects WHERE type = 1 AND state = 'live'");
        Service.Sql("UPDATE fence SET collection_number = 1");
        Service.Sql("UPDATE objects SET state = 'deleted' WHERE number = @pack", ("@pack", pack));
        Service.Sql("UPDATE snapshots SET state = 'purged'");
        Service.Sql("INSERT INTO collected SELECT account_id, 1, number, value, 99, 0 FROM objects, (WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n WHERE value < 200) SELECT value FROM n) AS numbers WHERE number = @pack AND value < frames", ("@pack", pack));
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        Shell($"sed -i 's|{Service.Url}|{proxy.Url}|' '{computer.Config}/computer.json'");
        await computer.MustAsync(Cancellation, "backup", tree);
        Assert.Contains("\"pack\":", Told(proxy), StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "backup", tree);
        Assert.DoesNotContain("\"pack\":", Told(proxy), StringComparison.Ordinal);
        await computer.SendsNothingNewAsync(tree, Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    private static string Told(TamperingProxy proxy) =>
        System.Text.Encoding.UTF8.GetString(proxy.Seen.Single(answer => answer.Key.EndsWith("/sessions", StringComparison.Ordinal)).Value);

    private static async Task<List<string>> ListedAsync(ClientComputer computer) =>
        [.. (await computer.MustAsync(Cancellation, "snapshots", "--quiet")).Output.TrimEnd().Split('\n').Select(line => line.Split(' ')[0])];

    private static void RewriteWithoutOneBlob(string file, uint number)
    {
        Client.Indexing.SegmentContent content;
        using (var segment = Client.Indexing.LocalSegment.TryOpen(file, number)!)
        {
            content = new Client.Indexing.SegmentContent(segment.PacksCovered(),
                [.. Enumerable.Range(0, segment.FrameCount).Select(ordinal => segment.Frame((uint)ordinal))],
                [.. Enumerable.Range(0, segment.Count).Select(segment.Entry).Where((_, index) => index != 3)]);
        }

        Client.Indexing.LocalSegment.Write(file, content);
    }
}
