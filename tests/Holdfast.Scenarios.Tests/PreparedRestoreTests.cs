using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>Restores that the service prepares of managed accounts: looked into, asked for, made by the process that alone has the escrow key, killed in between, fetched by ranges, cancelled, expired.</summary>
public sealed class PreparedRestoreTests : Scenario
{
    private const string Password = "correct horse battery";

    private readonly MailServer _mail = new();
    private RestorerProcess _restorer = null!;
    private ClientComputer _computer = null!;
    private string _tree = "";

    private protected override Task<Service> StartServiceAsync()
    {
        _mail.Start();
        var root = Path.Combine(Root, "service");
        Directory.CreateDirectory(root);
        File.WriteAllText(Path.Combine(root, "holdfastd.json"), $$"""{ "mail": { "host": "127.0.0.1", "port": {{_mail.Port}}, "from": "Holdfast <backup@example.org>", "encryption": "none" } }""");
        return Service.StartAsync(root, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_restorer is not null)
        {
            await _restorer.DisposeAsync();
        }

        await _mail.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task A_managed_account_is_looked_into_and_its_archive_fetched_by_ranges()
    {
        await BeginAsync(files: 30);
        Shell($"printf x > '{_tree}/Invoice 2026.txt'; printf y > '{_tree}/<b>&amp;.txt'; printf z > \"{_tree}/$(printf 'caf\\351')\"");
        await _computer.MustAsync(Cancellation, "backup", _tree);

        // Browsed by date, directory and name; each session stands in the audit log.
        var snapshots = Lines(await AsMeAsync("browse", "managed", "--json"));
        Assert.Equal(2, snapshots.Count);
        var latest = snapshots[0].GetProperty("id").GetString()!;
        Assert.Contains(latest, (await _computer.MustAsync(Cancellation, "snapshots", "--json")).Output, StringComparison.Ordinal);
        Assert.Equal(Directory.GetFileSystemEntries(_tree).Length, Lines(await AsMeAsync("browse", "managed", latest, _tree, "--json")).Count);
        Assert.Equal(_tree + "/Invoice 2026.txt", Lines(await AsMeAsync("browse", "managed", "latest", "/", "--search", "invoice", "--json")).Single().GetProperty("path").GetString());
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
        Shell($"cd '{Root}/out{_tree}'; find . -type f ! -name 'caf*' -print0 | while IFS= read -r -d '' f; do cmp \"$f\" \"{_tree}/$f\"; done; [ $(find . -type f | wc -l) = $(find '{_tree}' -type f | wc -l) ]");
        await WaitAsync(() => Task.FromResult(_mail.Received.Any(message => message.Subject!.Contains("is ready, but not whole", StringComparison.Ordinal) && message.TextBody!.Contains(id, StringComparison.Ordinal))));

        // By ranges, as a browser does that was interrupted; another's link, or none, gets nothing.
        using var http = new HttpClient();
        var link = (await MustAsync("restore", "link", "managed", id)).Trim();
        using var request = new HttpRequestMessage(HttpMethod.Get, link) { Headers = { Range = new RangeHeaderValue(70_000, 200_000) } };
        using var part = await http.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal((await File.ReadAllBytesAsync(archive, Cancellation))[70_000..200_001], await part.Content.ReadAsByteArrayAsync(Cancellation));
        Assert.Equal(("nosniff", "no-store, no-transform"), (part.Headers.GetValues("X-Content-Type-Options").Single(), part.Headers.CacheControl!.ToString()));
        foreach (var wrong in new[] { link.Replace("/archives/", "/archives/A", StringComparison.Ordinal), $"{_restorer.Url}/v1/archives/x/y.zip", $"{_restorer.Url}/v1/browse/snapshots" })
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await http.GetAsync(new Uri(wrong), Cancellation)).StatusCode);
        }

        // Nothing that was backed up lies open on the restorer's disk.
        var secret = await File.ReadAllBytesAsync(Directory.GetFiles(_tree, "f1", SearchOption.AllDirectories)[0], Cancellation);
        Assert.All(Directory.GetFiles(_restorer.Data, "*", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "lock"), file => Assert.Equal(-1, File.ReadAllBytes(file).AsSpan().IndexOf(secret.AsSpan(0, 64))));

        // A part of it; what is not there fails and says so; and when it has expired it is gone.
        var some = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--include", _tree + "/Invoice 2026.txt", "--wait", "--json")).Single().GetProperty("id").GetString()!;
        await MustAsync("restore", "fetch", "managed", some, Path.Combine(Root, "some.zip"));
        Assert.Equal(_tree[1..] + "/Invoice 2026.txt\n", Shell($"unzip -Z1 '{Root}/some.zip' | grep -v '/$'"));
        var none = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--include", "/no/such", "--wait", "--json")).Single();
        Assert.Equal("failed", none.GetProperty("state").GetString());
        Assert.Contains("/no/such", none.GetProperty("failure").GetString(), StringComparison.Ordinal);
        Service.DirectorySql($"UPDATE prepared_restores SET expires_at = 1 WHERE restore_id = '{id}'");
        await WaitAsync(() => Task.FromResult(_restorer.Held.All(folder => Path.GetFileName(folder) != id)));
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(new Uri(link), Cancellation)).StatusCode);
        Assert.Contains("[conflict]", (await AsMeAsync("restore", "link", "managed", id)).Error, StringComparison.Ordinal);
        await MustAsync("restore", "cancel", "managed", some);
        await WaitAsync(() => Task.FromResult(_restorer.Held.Count == 0));
        Assert.Equal(3, (await MustAsync("restore", "list", "managed")).Trim().Split('\n').Length);

        // Its owner takes the key back: nobody looks into it any more.
        var slot = (await _computer.MustAsync(Cancellation, "key", "list")).Output.Split('\n').Single(line => line.Contains("Escrow", StringComparison.Ordinal)).Trim().Split(' ')[0];
        await _computer.MustAsync(Cancellation, "key", "remove", slot);
        Assert.Contains("[not_managed]", (await AsMeAsync("browse", "managed")).Error, StringComparison.Ordinal);
        Assert.Equal(0, await _restorer.StopAsync(Cancellation));
    }

    [Fact]
    public async Task A_killed_restorer_goes_on_and_a_cancelled_archive_leaves_nothing()
    {
        await BeginAsync(files: 10);
        Shell($"mkdir '{_tree}/many'; for i in $(seq 40); do head -c 6000000 /dev/urandom > '{_tree}/many/'$i; done");
        await _computer.MustAsync(Cancellation, "backup", _tree);
        var latest = Lines(await AsMeAsync("browse", "managed", "--json"))[0].GetProperty("id").GetString()!;

        // Held up a little, so that there is something to kill; killed twice, each time once it has saved something.
        var port = new Uri(_restorer.Url).Port;
        Assert.Equal(0, (await AdminAsync("throttle", "add", "restore", "--rate", "40M", "--until", (TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1)).ToString("O"))).ExitCode);
        var id = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--json")).Single().GetProperty("id").GetString()!;
        var folder = Path.Combine(_restorer.Data, "archives", id);
        var beginnings = new List<byte[]>();
        foreach (var bytes in new[] { 60_000_000, 120_000_000 })
        {
            await WaitAsync(() => Task.FromResult(Kept(id) > bytes && File.Exists(Path.Combine(folder, "state"))));
            await _restorer.KillAsync(Cancellation);
            beginnings.Add(await BeginningAsync(folder));
            await _restorer.StartAsync(port, Cancellation);
        }

        await WaitAsync(async () => (await StateAsync(id)).GetProperty("state").GetString() == "ready");
        var archive = Path.Combine(Root, "all.zip");
        await MustAsync("restore", "fetch", "managed", id, archive);
        Shell($"mkdir '{Root}/out'; unzip -q '{archive}' -d '{Root}/out'; diff -r '{_tree}' '{Root}/out{_tree}'");

        // Sealed under a nonce drawn anew each time that it is written: it was written once.
        Assert.All(beginnings.Append(await BeginningAsync(folder)), beginning => Assert.Equal(beginnings[0], beginning));
        Assert.Single(_mail.Received, message => message.Subject!.Contains("is ready", StringComparison.Ordinal));

        // Cancelled while it is made: it ends, and is deleted.
        var second = Lines(await AsMeAsync("restore", "prepare", "managed", latest, "--json")).Single().GetProperty("id").GetString()!;
        await WaitAsync(() => Task.FromResult(Kept(second) > 10_000_000));
        await MustAsync("restore", "cancel", "managed", second);
        await WaitAsync(() => Task.FromResult(_restorer.Held.Count == 1));
        Assert.Equal("cancelled", (await StateAsync(second)).GetProperty("state").GetString());
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
        Assert.Empty(_restorer.Held);
        Assert.Equal("done", Service.DirectoryAsk<string>("SELECT state FROM drills"));

        // Rot in the packs: the drill says so, and the operator is told.
        await Service.KillAsync(Cancellation);
        for (var pack = Service.Ask<long>("SELECT min(number) FROM objects WHERE type = 1 AND state = 'live'"); pack <= Service.Ask<long>("SELECT max(number) FROM objects WHERE type = 1 AND state = 'live'"); pack++)
        {
            if (Service.Ask<long>($"SELECT count(*) FROM objects WHERE type = 1 AND state = 'live' AND number = {pack}") == 1)
            {
                var (extent, offset) = Service.PlaceOnDrive(pack);
                using var drive = File.OpenHandle(extent, FileMode.Open, FileAccess.ReadWrite);
                RandomAccess.Write(drive, new byte[1 << 20], offset + 30_000);
            }
        }

        await Service.RestartAsync(Cancellation);
        proof = await DrilledAsync(2);
        Assert.InRange(proof.GetProperty("damages").GetInt64(), 1, 20);
        Service.DirectorySql("UPDATE jobs SET due_at = 0, lease_until = 0 WHERE kind = 'alerts' AND state <> 'done'");
        await WaitAsync(() => Task.FromResult(_mail.Received.Any(message => message.Subject!.Contains("critical: damage drill", StringComparison.Ordinal))));
        Assert.Contains("damage drill", (await AsMeAsync("alerts")).Output, StringComparison.Ordinal);
    }

    private static async Task<byte[]> BeginningAsync(string folder)
    {
        await using var content = File.OpenRead(Path.Combine(folder, "content"));
        var bytes = new byte[1000];
        await content.ReadExactlyAsync(bytes, Cancellation);
        return bytes;
    }

    private long Kept(string id) => File.Exists(Path.Combine(_restorer.Data, "archives", id, "content")) ? new FileInfo(Path.Combine(_restorer.Data, "archives", id, "content")).Length : 0;

    private async Task<JsonElement> StateAsync(string id) => Lines(await AsMeAsync("restore", "show", "managed", id, "--json")).Single();

    /// <summary>A managed account with a snapshot, one that is not managed, an admin with two factors, and a restorer.</summary>
    private async Task BeginAsync(int files)
    {
        _computer = await EnrolAsync("laptop", "managed");
        await EnrolAsync("other", "end to end");
        _tree = MakeTree("tree", files: files);
        await _computer.MustAsync(Cancellation, "backup", _tree);
        await MustAsync("invite", "me@example.org", "admin", "--token-file", Path.Combine(Service.Data, "bootstrap-secret"));
        await WaitAsync(() => Task.FromResult(_mail.Received.Count > 0));
        await MustAsync("join", MailTests.CodeIn(_mail.Received.First()), "--name", "Me");
        var key = (await MustAsync("authenticator", "new")).Split('\n')[0];
        var now = TimeProvider.System.GetUtcNow();
        await MustAsync("authenticator", "confirm", Authenticator.Code(key, now));
        await MustAsync("prove", "--code", Authenticator.Code(key, now + TimeSpan.FromSeconds(30)));
        var pem = Path.Combine(Root, "escrow.pem");
        var fingerprint = (await MustAsync("escrow", "create", pem)).Trim().Split('\n')[0];
        await MustAsync("escrow", "register", pem);
        await _computer.MustAsync(Cancellation, "key", "escrow", "--accept", fingerprint);
        Assert.Contains("[not_found]", (await AsMeAsync("browse", "managed")).Error, StringComparison.Ordinal);
        var tokenFile = Path.Combine(Root, "restorer-token");
        await File.WriteAllTextAsync(tokenFile, await MustAsync("restorer", "add", "main", "http://127.0.0.1:1"), Cancellation);
        _restorer = new RestorerProcess(Path.Combine(Root, "restorer"), Service.Url, tokenFile, pem, "of the key");
        await _restorer.StartAsync(0, Cancellation);
        await File.WriteAllTextAsync(tokenFile, await MustAsync("restorer", "add", "main", _restorer.Url), Cancellation);
        await _restorer.KillAsync(Cancellation);
        await _restorer.StartAsync(new Uri(_restorer.Url).Port, Cancellation);
        await WaitAsync(async () => (await MustAsync("restorer", "list")).Contains("heard of 2", StringComparison.Ordinal));
    }

    private Task<Ended> AsMeAsync(params string[] arguments) => Programs.RunAsync(Programs.Holdfast, ["admin", .. arguments], new Dictionary<string, string>
    {
        ["HOLDFAST_CONFIG_DIR"] = Path.Combine(Root, "c"), ["HOLDFAST_PASSWORD"] = Password, ["HOLDFAST_SERVICE"] = Service.Url, ["HOLDFAST_ESCROW_PASSPHRASE"] = "of the key",
    }, Cancellation);

    private async Task<string> MustAsync(params string[] arguments)
    {
        var ended = await AsMeAsync(arguments);
        Assert.True(ended.ExitCode == 0, $"{string.Join(' ', arguments)}: {ended.Output}{ended.Error}");
        return ended.Output;
    }
}
