using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>Restores that the service prepares of managed accounts: looked into, asked for, made by the process that alone has the escrow key, killed in between, fetched by ranges, cancelled, expired.</summary>
public sealed class PreparedRestoreTests : ManagedScenario
{
    [Fact]
    public async Task A_managed_account_is_looked_into_and_its_archive_fetched_by_ranges()
    {
        await BeginAsync(files: 30);
        Shell($"printf x > '{Tree}/Invoice 2026.txt'; printf y > '{Tree}/<b>&amp;.txt'; printf z > \"{Tree}/$(printf 'caf\\351')\"");
        await Computer.MustAsync(Cancellation, "backup", Tree);

        // Browsed by date, directory and name; each session stands in the audit log.
        var snapshots = Lines(await AsMeAsync("browse", "managed", "--json"));
        Assert.Equal(2, snapshots.Count);
        var latest = snapshots[0].GetProperty("id").GetString()!;
        Assert.Contains(latest, (await Computer.MustAsync(Cancellation, "snapshots", "--json")).Output, StringComparison.Ordinal);
        Assert.Equal(Directory.GetFileSystemEntries(Tree).Length, Lines(await AsMeAsync("browse", "managed", latest, Tree, "--json")).Count);
        Assert.Equal(Tree + "/Invoice 2026.txt", Lines(await AsMeAsync("browse", "managed", "latest", "/", "--search", "invoice", "--json")).Single().GetProperty("path").GetString());
        Assert.Contains("[not_found]", (await AsMeAsync("browse", "managed", "latest", "/no/such")).Error, StringComparison.Ordinal);
        Assert.Contains("[not_managed]", (await AsMeAsync("browse", "end to end")).Error, StringComparison.Ordinal);
        Assert.Contains("[not_managed]", (await AsMeAsync("restore", "prepare", "end to end", latest)).Error, StringComparison.Ordinal);
        Assert.True((await MustAsync("audit")).Split('\n').Count(line => line.Contains("/browsing", StringComparison.Ordinal)) >= 4);
        Assert.Contains("[proof_needed]", await RefusedAsync("browse", "managed"), StringComparison.Ordinal);

        // The whole of it: every byte, and what a ZIP cannot hold is named, in it and by mail.
        var ready = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--wait", "--json")).Single();
        Assert.Equal(("ready", 1L), (ready.GetProperty("state").GetString(), ready.GetProperty("troubles").GetInt64()));
        var (id, archive) = (ready.GetProperty("id").GetString()!, Path.Combine(Root, "all.zip"));
        await MustAsync("restore", "fetch", "managed", id, archive);
        Assert.Equal(ready.GetProperty("length").GetInt64(), new FileInfo(archive).Length);
        Shell($"mkdir '{Root}/out'; unzip -q '{archive}' -d '{Root}/out'");
        Assert.Contains("caf", await File.ReadAllTextAsync(Path.Combine(Root, "out", "holdfast-report.txt"), Cancellation), StringComparison.Ordinal);
        Shell($"cd '{Root}/out{Tree}'; find . -type f ! -name 'caf*' -print0 | while IFS= read -r -d '' f; do cmp \"$f\" \"{Tree}/$f\"; done; [ $(find . -type f | wc -l) = $(find '{Tree}' -type f | wc -l) ]");
        await WaitAsync(() => Task.FromResult(Mail.Received.Any(message => message.Subject!.Contains("is ready, but not whole", StringComparison.Ordinal) && message.TextBody!.Contains(id, StringComparison.Ordinal))));

        // By ranges, as a browser does that was interrupted; another's link, or none, gets nothing.
        using var http = new HttpClient();
        var link = (await MustAsync("restore", "link", "managed", id)).Trim();
        using var request = new HttpRequestMessage(HttpMethod.Get, link) { Headers = { Range = new RangeHeaderValue(70_000, 200_000) } };
        using var part = await http.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal((await File.ReadAllBytesAsync(archive, Cancellation))[70_000..200_001], await part.Content.ReadAsByteArrayAsync(Cancellation));
        Assert.Equal(("nosniff", "no-store, no-transform"), (part.Headers.GetValues("X-Content-Type-Options").Single(), part.Headers.CacheControl!.ToString()));
        foreach (var wrong in new[] { link.Replace("/archives/", "/archives/A", StringComparison.Ordinal), $"{Restorer.Url}/v1/archives/x/y.zip", $"{Restorer.Url}/v1/browse/snapshots" })
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(new Uri(wrong), Cancellation)).StatusCode);
        }

        // Nothing that was backed up lies open on the restorer's disk.
        var secret = await File.ReadAllBytesAsync(Directory.GetFiles(Tree, "f1", SearchOption.AllDirectories)[0], Cancellation);
        Assert.All(Directory.GetFiles(Restorer.Data, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock"), file => Assert.Equal(-1, File.ReadAllBytes(file).AsSpan().IndexOf(secret.AsSpan(0, 64))));

        // A part of it; what is not there fails and says so; and when it has expired it is gone.
        var some = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--include", Tree + "/Invoice 2026.txt", "--wait", "--json")).Single().GetProperty("id").GetString()!;
        await MustAsync("restore", "fetch", "managed", some, Path.Combine(Root, "some.zip"));
        Assert.Equal(Tree[1..] + "/Invoice 2026.txt\n", Shell($"unzip -Z1 '{Root}/some.zip' | grep -v '/$'"));
        var none = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--include", "/no/such", "--wait", "--json")).Single();
        Assert.Equal("failed", none.GetProperty("state").GetString());
        Assert.Contains("/no/such", none.GetProperty("failure").GetString(), StringComparison.Ordinal);
        Service.DirectorySql($"UPDATE prepared_restores SET expires_at = 1 WHERE restore_id = '{id}'");
        await WaitAsync(() => Task.FromResult(Restorer.Held.All(folder => Path.GetFileName(folder) != id)));
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri(link), Cancellation)).StatusCode);
        Assert.Contains("[conflict]", (await AsMeAsync("restore", "link", "managed", id)).Error, StringComparison.Ordinal);
        await MustAsync("restore", "cancel", "managed", some);
        await WaitAsync(() => Task.FromResult(Restorer.Held.Count == 0));
        Assert.Equal(3, (await MustAsync("restore", "list", "managed")).Trim().Split('\n').Length);

        // Its owner takes the key back: nobody looks into it any more.
        var slot = (await Computer.MustAsync(Cancellation, "key", "list")).Output.Split('\n').Single(line => line.Contains("Escrow", StringComparison.Ordinal)).Trim().Split(' ')[0];
        await Computer.MustAsync(Cancellation, "key", "remove", slot);
        Assert.Contains("[not_managed]", (await AsMeAsync("browse", "managed")).Error, StringComparison.Ordinal);
        Assert.Equal(0, await Restorer.StopAsync(Cancellation));
    }

    [Fact]
    public async Task A_killedRestorer_goes_on_and_a_cancelled_archive_leaves_nothing()
    {
        await BeginAsync(files: 10);
        Shell($"mkdir '{Tree}/many'; for i in $(seq 40); do head -c 6000000 /dev/urandom > '{Tree}/many/'$i; done");
        await Computer.MustAsync(Cancellation, "backup", Tree);
        var latest = Lines(await AsMeAsync("browse", "managed", "--json"))[0].GetProperty("id").GetString()!;

        // Held up a little, so that there is something to kill; killed twice, each time once it has saved something.
        var port = new Uri(Restorer.Url).Port;
        Assert.Equal(0, (await AdminAsync("throttle", "add", "restore", "--rate", "40M", "--until", (TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1)).ToString("O"))).ExitCode);
        var id = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--json")).Single().GetProperty("id").GetString()!;
        var folder = Path.Combine(Restorer.Data, "archives", id);
        var beginnings = new List<byte[]>();
        foreach (var bytes in new[] { 60_000_000, 120_000_000 })
        {
            await WaitAsync(() => Task.FromResult(Kept(id) > bytes && File.Exists(Path.Combine(folder, "state"))));
            await Restorer.KillAsync(Cancellation);
            beginnings.Add(await BeginningAsync(folder));
            await Restorer.StartAsync(port, Cancellation);
        }

        await WaitAsync(async () => (await StateAsync(id)).GetProperty("state").GetString() == "ready");
        var archive = Path.Combine(Root, "all.zip");
        await MustAsync("restore", "fetch", "managed", id, archive);
        Shell($"mkdir '{Root}/out'; unzip -q '{archive}' -d '{Root}/out'; diff -r '{Tree}' '{Root}/out{Tree}'");

        // Sealed under a nonce drawn anew each time that it is written: it was written once.
        Assert.All(beginnings.Append(await BeginningAsync(folder)), beginning => Assert.Equal(beginnings[0], beginning));
        Assert.Single(Mail.Received, message => message.Subject!.Contains("is ready", StringComparison.Ordinal));

        // Cancelled while it is made: it ends, and is deleted.
        var second = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--json")).Single().GetProperty("id").GetString()!;
        await WaitAsync(() => Task.FromResult(Kept(second) > 10_000_000));
        await MustAsync("restore", "cancel", "managed", second);
        await WaitAsync(() => Task.FromResult(Restorer.Held.Count == 1));
        Assert.Equal("cancelled", (await StateAsync(second)).GetProperty("state").GetString());
    }

    [Fact]
    public async Task A_large_archive_takes_no_more_memory_than_a_small_one()
    {
        await BeginAsync(files: 10);
        var peaks = new List<long>();

        // An archive is kept, sealed, on the restorer's disk: the long test needs 50 GB there. Some of the file is content, and the rest a hole, which is zeros in an archive.
        foreach (var gigabytes in new[] { 1, IsLong ? 50 : 4 })
        {
            var tree = Path.Combine(Root, $"of {gigabytes}");
            Shell($"mkdir '{tree}'; head -c 300000000 /dev/urandom > '{tree}/file'; truncate -s {gigabytes}G '{tree}/file'");
            await Computer.MustAsync(Cancellation, "backup", tree);
            var latest = Lines(await AsMeAsync("browse", "managed", "--json"))[0].GetProperty("id").GetString()!;
            var ready = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--wait", "--json")).Single();
            var (id, archive) = (ready.GetProperty("id").GetString()!, Path.Combine(Root, "archive"));
            var link = (await MustAsync("restore", "link", "managed", id)).Trim();
            Shell(gigabytes == 1
                ? $"curl -sf -o '{archive}' '{link}'; unzip -p '{archive}' | cmp - '{tree}/file'; rm '{archive}'"
                : $"[ $(curl -sf '{link}' | wc -c) = {ready.GetProperty("length").GetInt64()} ]");
            peaks.Add(Restorer.PeakMemory);
            await MustAsync("restore", "cancel", "managed", id);
            await WaitAsync(() => Task.FromResult(Restorer.Held.Count == 0));
        }

        TestContext.Current.SendDiagnosticMessage("{0}", $"the restorer's memory: {string.Join(", then ", peaks.Select(bytes => $"{bytes >> 20} MiB"))}");
        Assert.True(peaks[1] < 300_000_000, string.Join(", ", peaks));
    }

    [Fact]
    public async Task Managed_accounts_are_drilled_when_it_is_due_the_result_is_kept_and_shown_and_damage_is_an_alert()
    {
        await BeginAsync(files: 60);
        Assert.Empty(Lines(await AsMeAsync("proofs", "managed", "--json")));

        // Neither the account that its owner alone opens, nor more than is due.
        async Task<JsonElement> DrilledAsync(int count)
        {
            Service.DirectorySql("UPDATE drills SET ended_at = 0");
            Service.DirectorySql("UPDATE jobs SET due_at = 0 WHERE kind = 'drills' AND state = 'waiting'");
            await WaitAsync(async () => Lines(await AsMeAsync("proofs", "managed", "--json")).Count == count);
            return Lines(await AsMeAsync("proofs", "managed", "--json"))[0];
        }

        var proof = await DrilledAsync(1);
        Assert.Equal(("drill", 20L, 0L, 1L), (proof.GetProperty("kind").GetString(), proof.GetProperty("objects").GetInt64(), proof.GetProperty("damages").GetInt64(), proof.GetProperty("snapshots").GetInt64()));
        Assert.Contains("\"restorer\":\"main\"", proof.GetProperty("evidence").GetString(), StringComparison.Ordinal);
        Assert.Contains("a restorer restored random files: 20 files of 1 snapshots", await MustAsync("proofs", "managed"), StringComparison.Ordinal);
        Assert.Empty(Lines(await AsMeAsync("proofs", "end to end", "--json")));

        // Nothing of it is left where the restorer runs, and the right to read the account is over.
        Assert.Empty(Restorer.Held);
        Assert.Equal("done", Service.DirectoryAsk<string>("SELECT state FROM drills"));

        // Rot in the packs: the drill says so, and the operator is told.
        await Service.KillAsync(Cancellation);
        for (var pack = Service.Ask<long>("SELECT min(number) FROM objects WHERE type = 1 AND state = 'live'"); pack <= Service.Ask<long>("SELECT max(number) FROM objects WHERE type = 1 AND state = 'live'"); pack++)
        {
            if (Service.Ask<long>($"SELECT count(*) FROM objects WHERE type = 1 AND state = 'live' AND number = {pack}") == 1)
            {
                var (extent, offset) = Service.PlaceOnDrive(pack);
                using var drive = File.OpenHandle(extent, FileMode.Open, FileAccess.ReadWrite);
                RandomAccess.Write(drive, new byte[Service.Ask<long>($"SELECT tables_offset FROM objects WHERE number = {pack}") - 30_000], offset + 30_000);
            }
        }

        await Service.RestartAsync(Cancellation);
        proof = await DrilledAsync(2);
        Assert.InRange(proof.GetProperty("damages").GetInt64(), 1, 21);
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'alerts' AND state <> 'done'");
        await WaitAsync(() => Task.FromResult(Mail.Received.Any(message => message.Subject!.Contains("critical: damage drill", StringComparison.Ordinal))));
        Assert.Contains("damage drill", (await AsMeAsync("alerts")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_computer_shares_an_encrypted_archive_by_a_link_that_outlives_a_killed_restorer_and_is_ended_by_its_owner()
    {
        await BeginAsync(files: 3);
        var computer = await EnrolAsync("own", "own keys");
        var tree = Directory.CreateDirectory(Path.Combine(Root, "own tree")).FullName;
        for (var i = 0; i < 6; i++)
        {
            var content = new byte[10 << 20];
            new Random(i).NextBytes(content);
            await File.WriteAllBytesAsync(Path.Combine(tree, $"photo {i}"), content, Cancellation);
        }

        await computer.MustAsync(Cancellation, "backup", tree);
        Assert.Equal(2, (await computer.RunAsync(Cancellation, "restore", "latest", "--share")).ExitCode);
        Assert.Equal(2, (await computer.RunAsync(Cancellation, "restore", "latest", "--archive", "zip", "--share", "--share-days", "90")).ExitCode);

        // Killed while parts come in: the upload goes on where it was.
        var sharing = computer.RunAsync(Cancellation, "restore", "latest", "--archive", "zip", "--share", "--json");
        await WaitAsync(() => Task.FromResult(Restorer.Held.Any(folder => Directory.GetFiles(folder, "content").Any(file => new FileInfo(file).Length > 8 << 20))));
        await Restorer.KillAsync(Cancellation);
        await Restorer.StartAsync(new Uri(Restorer.Url).Port, Cancellation);
        var ended = await sharing;
        Assert.True(ended.ExitCode == 0, ended.Error);
        var shared = JsonDocument.Parse(ended.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]).RootElement;
        var (url, key) = (shared.GetProperty("url").GetString()!, shared.GetProperty("key").GetString()!);

        // Anybody who has the link and the key: with curl, age and unzip, and in ranges.
        await File.WriteAllTextAsync(Path.Combine(Root, "key.txt"), key + "\n", Cancellation);
        Shell($"cd '{Root}'; curl -sfO '{url}'; curl -sf -r 100-199 '{url}' | cmp - <(tail -c +101 holdfast-*.zip.age | head -c 100); age -d -i key.txt holdfast-*.zip.age > shared.zip; mkdir opened; unzip -q shared.zip -d opened; diff -r '{tree}' 'opened{tree}'");
        Assert.Contains("age-encryption.org", Shell($"head -c 40 '{Root}'/holdfast-*.zip.age"), StringComparison.Ordinal);

        // Its owner sees it among the restores, and ends it; nobody makes another link of it.
        var row = Lines(await AsMeAsync("restore", "list", "own keys", "--json")).Single();
        Assert.Equal("ready", row.GetProperty("state").GetString());
        Assert.Contains("[not_managed]", (await AsMeAsync("restore", "link", "own keys", row.GetProperty("id").GetString()!)).Error, StringComparison.Ordinal);
        await MustAsync("restore", "cancel", "own keys", row.GetProperty("id").GetString()!);
        await WaitAsync(() => Task.FromResult(Restorer.Held.Count == 0));
        Assert.Equal("404", Shell($"curl -s -o /dev/null -w '%{{http_code}}' '{url}'"));

        // A pass for fetching uploads nothing.
        Assert.Equal("403", Shell($"curl -s -o /dev/null -w '%{{http_code}}' -X PUT --data x '{url.Replace("/v1/archives/", "/v1/uploads/", StringComparison.Ordinal)[..^(url.Length - url.LastIndexOf('/'))]}?offset=0'"));
    }

    private static async Task<byte[]> BeginningAsync(string folder)
    {
        await using var content = File.OpenRead(Path.Combine(folder, "content"));
        var bytes = new byte[1000];
        await content.ReadExactlyAsync(bytes, Cancellation);
        return bytes;
    }

    private long Kept(string id) => File.Exists(Path.Combine(Restorer.Data, "archives", id, "content")) ? new FileInfo(Path.Combine(Restorer.Data, "archives", id, "content")).Length : 0;

    private async Task<JsonElement> StateAsync(string id) => Lines(await AsMeAsync("restore", "show", "managed", id, "--json")).Single();
}
