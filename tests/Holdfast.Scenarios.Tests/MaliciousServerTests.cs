using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;

namespace Holdfast.Scenarios.Tests;

/// <summary>A server that forges, hides, swaps, truncates and rolls back whatever it can is noticed; docs/threat-model.md says what each attack is.</summary>
public sealed class MaliciousServerTests : Scenario
{
    [Fact]
    public async Task Forged_hidden_and_rolled_back_answers_are_noticed_and_nothing_is_sent()
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        var computer = await VictimAsync(proxy, "victim");
        var tree = MakeTree("tree", files: 30);
        await computer.MustAsync(Cancellation, "backup", tree);
        var firstSession = proxy.Seen.Single(answer => answer.Key.EndsWith("/sessions", StringComparison.Ordinal)).Value;
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "snapshots");

        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var (name, path, change) in new (string, string, Func<JsonObject, JsonObject>)[]
        {
            ("a statement that the root did not sign", "/log", log => AppendStatement(log, stranger)),
            ("a log without its last statement", "/log", log => RemoveLast(log, "statements")),
            ("a log that begins elsewhere", "/log", log => { ((JsonArray)log["statements"]!).RemoveAt(0); return log; }),
            ("a log with a changed byte", "/log", log => FlipAt(log, "statements", 1, 100)),
            ("an empty log", "/log", log => { log["statements"] = new JsonArray(); return log; }),
            ("a session that hides the newest head", "/sessions", session => { session["heads"] = new JsonArray(); return session; }),
            ("a session that shows an older head", "/sessions", session => { session["heads"] = JsonNode.Parse(firstSession)!["heads"]!.DeepClone(); return session; }),
            ("a forged head", "/sessions", session => FlipAt(session, "heads", 0, 180)),
        })
        {
            await NoticedAsync(proxy, computer, name, path, change, "backup", tree);
            Assert.Equal(0, proxy.Puts);
        }

        foreach (var (name, path, change) in new (string, string, Func<JsonObject, JsonObject>)[]
        {
            ("a list without its first snapshot", "/snapshots", list => { ((JsonArray)list["snapshots"]!).RemoveAt(0); return list; }),
            ("a list without one in the middle", "/snapshots", list => { ((JsonArray)list["snapshots"]!).RemoveAt(1); return list; }),
            ("a list without the newest", "/snapshots", list => RemoveLast(list, "snapshots")),
            ("an empty list", "/snapshots", list => { list["snapshots"] = new JsonArray(); return list; }),
            ("a snapshot shown under another's head", "/reads", SwapPlaces),
        })
        {
            await NoticedAsync(proxy, computer, name, path, change, "snapshots");
        }

        proxy.Tamper = null;
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task Swapped_truncated_and_changed_objects_are_never_restored()
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        var computer = await VictimAsync(proxy, "victim");
        var tree = MakeTree("tree", files: 30);
        await computer.MustAsync(Cancellation, "backup", tree);
        var random = new Random(9);
        foreach (var (name, change) in new (string, Func<byte[], byte[]>)[]
        {
            ("a flipped bit", bytes => { var changed = bytes.ToArray(); changed[random.Next(changed.Length)] ^= 1; return changed; }),
            ("a truncated object", bytes => bytes[..(bytes.Length / 2)]),
            ("zeros", bytes => new byte[bytes.Length]),
            ("its own beginning again", bytes => [.. bytes[..(bytes.Length / 2)], .. bytes[..(bytes.Length - (bytes.Length / 2))]]),
        })
        {
            foreach (var cached in new[] { true, false })
            {
                if (!cached)
                {
                    computer.DeleteCache();
                }

                proxy.Tamper = (path, body) => path.StartsWith("/pod/", StringComparison.Ordinal) && body.Length > 300 ? change(body) : body;
                var target = Path.Combine(Root, "out");
                var ended = await computer.RunAsync(Cancellation, "restore", "latest", "--target", target);
                Assert.True(ended.ExitCode is 1 or 3, $"{name}: {ended.ExitCode} {ended.Error}");
                Assert.Matches(@"\[(tampered|damaged_object)\]|damaged|does not open|not what", ended.Error);
                proxy.Tamper = null;
            }
        }

        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task Keys_swapped_at_enrolment_are_noticed()
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        await VictimAsync(proxy, "victim");
        var attacker = new ClientComputer(Path.Combine(Root, "attacker"));
        attacker.Environment["HOLDFAST_PASSPHRASE"] = "the attacker's own";
        await attacker.MustAsync(Cancellation, "enrol", Service.Url, await Service.NewAccountAsync("attacker", Cancellation));
        var probe = new ClientComputer(Path.Combine(Root, "probe"));
        probe.Environment["HOLDFAST_PASSPHRASE"] = "the attacker's own";
        await probe.MustAsync(Cancellation, "enrol", proxy.Url, await Service.NewCodeAsync("attacker", Cancellation));
        var foreign = JsonNode.Parse(proxy.Seen["/v1/enrolments"])!;

        var number = 0;
        foreach (var change in new Func<JsonObject, JsonObject>[]
        {
            begun => { begun["log"] = foreign["log"]!.DeepClone(); return begun; },
            begun => { begun["keyring"] = foreign["keyring"]!.DeepClone(); return begun; },
            begun => { begun["log"] = foreign["log"]!.DeepClone(); begun["keyring"] = foreign["keyring"]!.DeepClone(); return begun; },
            begun => { begun["log"] = foreign["log"]!.DeepClone(); begun["keyring"] = foreign["keyring"]!.DeepClone(); begun["account"] = foreign["account"]!.DeepClone(); return begun; },
            begun => FlipAt(begun, "log", 0, 90),
        })
        {
            var computer = new ClientComputer(Path.Combine(Root, $"new{number++}"));
            proxy.Tamper = (path, body) => path == "/v1/enrolments" ? Json(body, change) : body;
            var ended = await computer.RunAsync(Cancellation, "enrol", proxy.Url, await Service.NewCodeAsync("victim", Cancellation));
            Assert.True(ended.ExitCode is 1 or 12, ended.Output + ended.Error);
            Assert.Matches(@"\[(tampered|wrong_passphrase)\]", ended.Error);
            Assert.False(File.Exists(Path.Combine(computer.Config, "computer.json")));
        }
    }

    [Fact]
    public async Task A_changed_approval_of_a_write_only_computer_is_noticed()
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        var owner = await VictimAsync(proxy, "victim");
        foreach (var at in new[] { 0, 70, 150, -1 })
        {
            var computer = new ClientComputer(Path.Combine(Root, $"server{at}"));
            proxy.Tamper = (path, body) => path.EndsWith("/enrolments", StringComparison.Ordinal) && path.Contains("/accounts/", StringComparison.Ordinal)
                ? Json(body, list => FlipApprovals(list, at)) : body;
            using var enrolling = computer.Start("enrol", "--write-only", "--json", proxy.Url, await Service.NewCodeAsync("victim", Cancellation));
            var code = JsonNode.Parse((await enrolling.StandardOutput.ReadLineAsync(Cancellation))!)!["code"]!.GetValue<string>();
            await owner.MustAsync(Cancellation, "enrol", "--approve", code);
            var error = await enrolling.StandardError.ReadToEndAsync(Cancellation);
            await enrolling.WaitForExitAsync(Cancellation);
            Assert.Equal(1, enrolling.ExitCode);
            Assert.Contains("\"tampered\"", error, StringComparison.Ordinal);
            Assert.False(File.Exists(Path.Combine(computer.Config, "computer.json")));
            proxy.Tamper = null;
        }
    }

    [Fact]
    public async Task A_removed_slot_does_not_open_an_old_keyring_again()
    {
        await using var proxy = await TamperingProxy.StartAsync(Service.Url, Cancellation);
        var computer = await VictimAsync(proxy, "victim");
        await computer.MustAsync(Cancellation, "key", "list");
        var (path, old) = proxy.Seen.Single(answer => answer.Key.EndsWith("/keyring", StringComparison.Ordinal));
        computer.Environment["HOLDFAST_NEW_PASSPHRASE"] = "second";
        await computer.MustAsync(Cancellation, "key", "add");
        computer.Environment["HOLDFAST_PASSPHRASE"] = "second";
        await computer.MustAsync(Cancellation, "key", "remove", "1");
        computer.Environment["HOLDFAST_PASSPHRASE"] = ClientComputer.Passphrase;
        proxy.Tamper = (asked, body) => asked == path ? old : body;
        var ended = await computer.RunAsync(Cancellation, "snapshots");
        Assert.Equal(1, ended.ExitCode);
        Assert.Contains("[tampered]", ended.Error, StringComparison.Ordinal);
    }

    private async Task<ClientComputer> VictimAsync(TamperingProxy proxy, string account)
    {
        var computer = new ClientComputer(Path.Combine(Root, "victim"));
        await computer.MustAsync(Cancellation, "enrol", proxy.Url, await Service.NewAccountAsync(account, Cancellation));
        return computer;
    }

    private static async Task NoticedAsync(
        TamperingProxy proxy, ClientComputer computer, string name, string path, Func<JsonObject, JsonObject> change, params string[] arguments)
    {
        proxy.Reset();
        proxy.Tamper = (asked, body) => asked.EndsWith(path, StringComparison.Ordinal) ? Json(body, change) : body;
        var ended = await computer.RunAsync(Cancellation, arguments);
        proxy.Tamper = null;
        Assert.True(ended.ExitCode == 1 && ended.Error.Contains("[tampered]", StringComparison.Ordinal), $"{name}: exit code {ended.ExitCode}\n{ended.Output}\n{ended.Error}");
    }

    private static byte[] Json(byte[] body, Func<JsonObject, JsonObject> change) => System.Text.Encoding.UTF8.GetBytes(change((JsonObject)JsonNode.Parse(body)!).ToJsonString());

    private static JsonObject RemoveLast(JsonObject answer, string list)
    {
        var items = (JsonArray)answer[list]!;
        items.RemoveAt(items.Count - 1);
        return answer;
    }

    private static JsonObject FlipAt(JsonObject answer, string list, int index, int at)
    {
        var bytes = Convert.FromBase64String(answer[list]![index]!.GetValue<string>());
        bytes[at] ^= 1;
        answer[list]![index] = Convert.ToBase64String(bytes);
        return answer;
    }

    /// <summary>A new account key, signed by somebody else: the server could read everything that is sealed to it.</summary>
    private static JsonObject AppendStatement(JsonObject answer, ECDsa stranger)
    {
        var statements = (JsonArray)answer["statements"]!;
        var last = Statement.Parse(Convert.FromBase64String(statements[^1]!.GetValue<string>()));
        statements.Add(Convert.ToBase64String(new Statement
        {
            Account = last.Account, Sequence = last.Sequence + 1, Previous = last.Hash, Kind = StatementKind.AccountKeyRotated, AccountKey = Signatures.ExportPublic(stranger),
        }.Sign(stranger).Bytes.Span));
        return answer;
    }

    private static JsonObject FlipApprovals(JsonObject answer, int at)
    {
        foreach (var pending in (JsonArray)answer["pending"]!)
        {
            if (pending!["approval"] is { } approval)
            {
                var bytes = Convert.FromBase64String(approval.GetValue<string>());
                bytes[at < 0 ? bytes.Length + at : at] ^= 1;
                pending["approval"] = Convert.ToBase64String(bytes);
            }
        }

        return answer;
    }

    private static JsonObject SwapPlaces(JsonObject answer)
    {
        var grants = (JsonArray)answer["grants"]!;
        if (grants.Count < 2)
        {
            return answer;
        }

        var (first, second) = (grants[0]!.DeepClone(), grants[1]!.DeepClone());
        (first["number"], second["number"]) = (grants[1]!["number"]!.DeepClone(), grants[0]!["number"]!.DeepClone());
        (grants[0], grants[1]) = (first, second);
        return answer;
    }
}
