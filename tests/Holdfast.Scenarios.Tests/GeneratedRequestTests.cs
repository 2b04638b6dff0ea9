using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Holdfast.Scenarios.Tests;

/// <summary>Requests made from the API's own description, wrong in every way that can be thought of: none makes the service fail, shows what is another's, or changes something halfway.</summary>
public sealed partial class GeneratedRequestTests : Scenario
{
    // All but what is written whether a request is refused or not: who asked and how often, and what background work does.
    private static readonly string[] _accountTables = ["fence", "devices", "log", "keyrings", "sessions", "objects", "snapshots", "snapshot_pages", "collected", "forwards", "proofs"];
    private static readonly string[] _directoryTables = ["operators", "accounts", "enrolment_codes", "people", "recovery_codes", "passkeys", "provider_logins", "api_tokens", "organisations", "members", "outbox"];

    private readonly Random _random = new(20261126);
    private JsonNode _document = null!;
    private int _people;

    [Fact]
    public async Task No_request_makes_the_service_fail_or_changes_something_halfway()
    {
        var computer = await EnrolAsync("one", "mine");
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3));
        var own = Client.Computers.ComputerFile.Load(computer.Folders);
        var session = await SignInAsync();
        _document = await ReadDocumentAsync();
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url), Timeout = TimeSpan.FromSeconds(60) };
        var operatorToken = (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim();
        var (asked, accepted) = (0, 0);
        foreach (var (path, method, operation) in Operations())
        {
            var token = path.StartsWith("/v1/accounts/{account}", StringComparison.Ordinal) ? own.Token : path.StartsWith("/v1/me", StringComparison.Ordinal) ? session : operatorToken;
            var before = await DigestAsync();
            var changed = false;
            foreach (var request in Requests(path, method, operation, own.Account.ToString(), "mine"))
            {
                // Replayed: what was refused is refused again, what was taken may be.
                for (var time = 0; time < 2; time++)
                {
                    using var message = request();
                    message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                    var what = $"{method} {message.RequestUri} {(message.Content is null ? "" : Encoding.UTF8.GetString((await message.Content.ReadAsByteArrayAsync(Cancellation)).AsSpan(0, (int)Math.Min(300, message.Content.Headers.ContentLength ?? 0))))}";
                    using var response = await http.SendAsync(message, Cancellation);
                    var text = await response.Content.ReadAsStringAsync(Cancellation);
                    Assert.True((int)response.StatusCode < 500, $"{what}\n{(int)response.StatusCode} {text}");
                    if (!response.IsSuccessStatusCode && response.StatusCode != System.Net.HttpStatusCode.NotModified && (int)response.StatusCode is not (404 or 405 or 400 or 413 or 414 or 415 or 431))
                    {
                        Assert.False(string.IsNullOrEmpty(JsonDocument.Parse(text).RootElement.GetProperty("code").GetString()), what);
                    }

                    if (response.IsSuccessStatusCode && method != "GET")
                    {
                        // What was taken may change something; what is refused from here on may not.
                        before = await DigestAsync();
                        changed = true;
                    }

                    (asked, accepted) = (asked + 1, accepted + (response.IsSuccessStatusCode ? 1 : 0));
                }
            }

            Assert.True(before == await DigestAsync(), $"{method} {path}: what was refused changed something");
            Service.DirectorySql("DELETE FROM attempts");
            if (changed && path.StartsWith("/v1/me", StringComparison.Ordinal))
            {
                session = await SignInAsync();
            }
        }

        Assert.True(asked > 3000, $"{asked}");
        Assert.InRange(accepted, 1, asked / 2);
        await computer.MustAsync(Cancellation, "check", "--read-data");
    }

    [Fact]
    public async Task Nobody_gets_an_answer_about_another_account()
    {
        var (mine, theirs) = (await EnrolAsync("one", "mine"), await EnrolAsync("two", "secret-account-of-others"));
        await theirs.MustAsync(Cancellation, "backup", MakeTree("tree", files: 3));
        var (own, other) = (Client.Computers.ComputerFile.Load(mine.Folders), Client.Computers.ComputerFile.Load(theirs.Folders));
        _document = await ReadDocumentAsync();
        var before = await DigestAsync();
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        foreach (var (path, method, operation) in Operations().Where(item => item.Path.Contains("/{account}", StringComparison.Ordinal) || item.Path.Contains("/{name}", StringComparison.Ordinal)))
        {
            if (operation["x-action"]!.GetValue<string>() == "attach")
            {
                // Anybody may ask for something to sign; what proves them is in the next request.
                continue;
            }

            using var message = new HttpRequestMessage(new HttpMethod(method), Fill(path, other.Account.ToString(), "secret-account-of-others")) { Content = Body(operation) is { } body ? Json(body.ToJsonString()) : null };
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", own.Token);
            message.Headers.TryAddWithoutValidation("Idempotency-Key", "x");
            using var response = await http.SendAsync(message, Cancellation);
            var text = await response.Content.ReadAsStringAsync(Cancellation);
            Assert.True((int)response.StatusCode is 401 or 403, $"{method} {path}: {(int)response.StatusCode} {text}");
            Assert.DoesNotContain("secret-account-of-others", text, StringComparison.Ordinal);
        }

        Assert.Equal(before, await DigestAsync());
    }

    /// <summary>An owner of one organisation asks for everything of another, by the ids that are really there: in paths and in bodies.</summary>
    [Fact]
    public async Task Nobody_gets_an_answer_about_another_organisation_or_person()
    {
        using var admin = new ApiCaller(Service.Url, await SignInAsync());
        var organisations = new[] { (await admin.PostAsync("/v1/organisations", new { name = "mine" })).Text("organisation"), (await admin.PostAsync("/v1/organisations", new { name = "secret-firm" })).Text("organisation") };
        var sessions = new List<string>();
        foreach (var (organisation, index) in organisations.Select((organisation, index) => (organisation, index)))
        {
            Assert.Equal(200, (await admin.PostAsync("/v1/accounts", new { name = $"secret-account-{index}" })).Status);
            Assert.Equal(200, (await admin.PutAsync($"/v1/accounts/secret-account-{index}/organisation", new { organisation })).Status);
            using var anybody = new ApiCaller(Service.Url);
            var code = (await admin.PostAsync($"/v1/organisations/{organisation}/invitations", new { email = $"secret-owner-{index}@example.org", role = "owner" })).Text("code");
            sessions.Add((await anybody.PostAsync("/v1/people", new { code, name = "Owner", password = "correct horse battery" })).Text("token"));
        }

        using var victim = new ApiCaller(Service.Url, sessions[1]);
        Assert.Equal(200, (await victim.PostAsync("/v1/me/tokens", new { name = "secret-token", scopes = new[] { "read_usage" }, days = 3 })).Status);
        var foreign = new Dictionary<string, string>
        {
            ["organisation"] = organisations[1], ["name"] = "secret-account-1", ["account"] = (await admin.GetAsync("/v1/accounts")).Body.GetProperty("accounts")[1].GetProperty("account").GetString()!,
            ["person"] = (await victim.GetAsync("/v1/me")).Text("person"), ["signIn"] = (await victim.GetAsync("/v1/me/sign-ins")).Body.GetProperty("sign_ins")[0].GetProperty("sign_in").GetString()!,
            ["token"] = (await victim.GetAsync("/v1/me/tokens")).Body.GetProperty("tokens")[0].GetProperty("id").GetString()!, ["operator"] = "tester",
        };
        _document = await ReadDocumentAsync();
        var before = await DigestAsync();
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        var asked = 0;
        foreach (var (path, method, operation) in Operations().Where(item => RouteParameter().IsMatch(item.Path) && item.Operation["security"] is JsonArray { Count: > 0 }))
        {
            var body = Body(operation);
            foreach (var property in (body as JsonObject ?? []).Select(item => item.Key).Where(foreign.ContainsKey).ToList())
            {
                body![property] = foreign[property];
            }

            using var message = new HttpRequestMessage(new HttpMethod(method), RouteParameter().Replace(path, match => Uri.EscapeDataString(foreign.GetValueOrDefault(match.Groups[1].Value, "1")))) { Content = body is null ? null : Json(body.ToJsonString()) };
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", sessions[0]);
            using var response = await http.SendAsync(message, Cancellation);
            var text = await response.Content.ReadAsStringAsync(Cancellation);
            Assert.True((int)response.StatusCode is 400 or 401 or 403 or 404, $"{method} {message.RequestUri}: {(int)response.StatusCode} {text}");
            Assert.DoesNotContain("secret-owner", text, StringComparison.Ordinal);
            Assert.DoesNotContain("secret-firm", text, StringComparison.Ordinal);
            asked++;
        }

        Assert.True(asked > 30, $"{asked}");

        // In bodies: an account of one's own is not given away to a firm of others.
        using var owner = new ApiCaller(Service.Url, sessions[0]);
        Assert.Equal("forbidden", (await owner.PutAsync("/v1/accounts/secret-account-0/organisation", new { organisation = organisations[1] })).Code);
        foreach (var list in new[] { "/v1/accounts", "/v1/usage", "/v1/organisations" })
        {
            var shown = (await owner.GetAsync(list)).Body.ToString();
            Assert.DoesNotContain("secret-firm", shown, StringComparison.Ordinal);
            Assert.DoesNotContain("secret-account-1", shown, StringComparison.Ordinal);
        }

        Assert.Equal(before, await DigestAsync());
    }

    /// <summary>Everything at a moment when it makes no sense: grants of a session that nobody opened, commits before uploads, confirmations of what nobody asked.</summary>
    [Fact]
    public async Task No_order_of_requests_makes_the_service_fail_or_changes_something_halfway()
    {
        var computer = await EnrolAsync("one", "mine");
        var own = Client.Computers.ComputerFile.Load(computer.Folders);
        var tree = MakeTree("tree", files: 3);
        await computer.MustAsync(Cancellation, "backup", tree);
        using var waiting = new ApiCaller(Service.Url);
        var enrolled = await waiting.PostAsync("/v1/enrolments", new { code = await Service.NewCodeAsync("mine", Cancellation), name = "waiting", attempt = RandomNumberGenerator.GetBytes(16), request = RandomNumberGenerator.GetBytes(130) });
        Assert.True(enrolled.Status is 200 or 400, enrolled.Body.ToString());
        _document = await ReadDocumentAsync();
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        var operatorToken = (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim();
        foreach (var seed in Enumerable.Range(1, IsLong ? 30 : 3))
        {
            var operations = Operations().ToArray();
            new Random(seed).Shuffle(operations);
            var session = await SignInAsync();
            foreach (var (path, method, operation) in operations)
            {
                var before = await DigestAsync();
                using var message = new HttpRequestMessage(new HttpMethod(method), Fill(path, own.Account.ToString(), "mine")) { Content = Body(operation) is { } body ? Json(body.ToJsonString()) : null };
                var token = path.StartsWith("/v1/accounts/{account}", StringComparison.Ordinal) ? own.Token : path.StartsWith("/v1/me", StringComparison.Ordinal) ? session : operatorToken;
                message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                using var response = await http.SendAsync(message, Cancellation);
                var text = await response.Content.ReadAsStringAsync(Cancellation);
                Assert.True((int)response.StatusCode < 500, $"{seed}: {method} {message.RequestUri}: {(int)response.StatusCode} {text}");
                if (response.IsSuccessStatusCode)
                {
                    continue;
                }

                Assert.True(before == await DigestAsync(), $"{seed}: {method} {message.RequestUri} was refused ({text}) and changed something");
            }

            Service.DirectorySql("DELETE FROM attempts");
        }

        Service.DirectorySql("UPDATE accounts SET suspended_at = NULL");
        await computer.MustAsync(Cancellation, "check", "--read-data");
    }

    private async Task<JsonNode> ReadDocumentAsync()
    {
        using var http = new HttpClient();
        return JsonNode.Parse(await http.GetStringAsync($"{Service.Url}/openapi/v1.json", Cancellation))!;
    }

    private IEnumerable<(string Path, string Method, JsonNode Operation)> Operations() =>
        _document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(operation => (path.Key, operation.Key.ToUpperInvariant(), operation.Value!))).ToList();

    /// <summary>Somebody new each time: requests may have changed the one before.</summary>
    private async Task<string> SignInAsync()
    {
        using var anybody = new ApiCaller(Service.Url);
        using var bootstrap = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        var code = (await bootstrap.PostAsync("/v1/operators/invitations", new { email = $"person{_people++}@example.org", role = "admin" })).Text("code");
        return (await anybody.PostAsync("/v1/people", new { code, name = "Person", password = "correct horse battery" })).Text("token");
    }

    /// <summary>Requests for an operation: first what is well formed and means nothing, then everything that is wrong.</summary>
    private IEnumerable<Func<HttpRequestMessage>> Requests(string path, string method, JsonNode operation, string account, string name)
    {
        HttpRequestMessage Message(string target, HttpContent? content)
        {
            var message = new HttpRequestMessage(new HttpMethod(method), target) { Content = content };
            message.Headers.TryAddWithoutValidation("Idempotency-Key", "\"0011\"");
            return message;
        }

        var there = Fill(path, account, name);
        foreach (var odd in (string[])["%00", "..%2F..", new string('9', 400), "-1", "4294967296", "%F0%9F%98%80", "%ED%A0%80", "'%3B DROP TABLE accounts", "a%0Ab"])
        {
            if (RouteParameter().IsMatch(path))
            {
                // The last of the path's parameters, which is never the account that the token is of.
                var at = RouteParameter().Matches(path)[^1];
                var target = Fill(path[..at.Index], account, name) + odd + path[(at.Index + at.Length)..];
                yield return () => Message(target, Body(operation) is { } body ? Json(body.ToJsonString()) : null);
            }
        }

        foreach (var query in (string[])["?cursor=!!!", "?cursor=AAAA", "?limit=-1", "?limit=99999999999999999999", "?limit=x", "?cursor=" + new string('A', 4000)])
        {
            yield return () => Message(there + query, null);
        }

        if (Body(operation) is not { } valid)
        {
            yield break;
        }

        yield return () => Message(there, Json(valid.ToJsonString()));
        foreach (var text in (string[])["", "{", "null", "[]", "3", "\"text\"", "{}", "{\"a\":", "\u00ff\u00fe", new string('[', 5000), "{\"" + new string('x', 100_000) + "\":1}", valid.ToJsonString()[..^1]])
        {
            yield return () => Message(there, Json(text));
        }

        yield return () => Message(there, new ByteArrayContent([0x7B, 0x22, 0xFF, 0xC0, 0x22, 0x7D]) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } });
        yield return () => Message(there, new StringContent(valid.ToJsonString(), Encoding.UTF8, "text/plain"));
        foreach (var property in valid.AsObject().Select(item => item.Key).ToList())
        {
            foreach (var wrong in (string[])["null", "3", "-1", "1e400", "9223372036854775808", "true", "\"\"", "\"\\u0000\"", "\"\\ud800\"", "\"text\"", "[]", "[null]", "{}", "[[[[]]]]", $"\"{new string('a', 70_000)}\"", "[" + string.Join(',', Enumerable.Repeat("\"AAAA\"", 3000)) + "]"])
            {
                var changed = valid.DeepClone();
                changed[property] = null;
                var text = changed.ToJsonString().Replace($"\"{property}\":null", $"\"{property}\":{wrong}", StringComparison.Ordinal);
                yield return () => Message(there, Json(text));
            }

            var lacking = valid.DeepClone();
            lacking.AsObject().Remove(property);
            yield return () => Message(there, Json(lacking.ToJsonString()));
        }
    }

    private string Fill(string path, string account, string name) => RouteParameter().Replace(path, match => match.Groups[1].Value switch
    {
        "account" => account,
        "name" => name,
        _ => $"{_random.Next(2, 9)}",
    });

    /// <summary>A body that fits the description: its values are drawn.</summary>
    private JsonNode? Body(JsonNode operation) => operation["requestBody"]?["content"]?["application/json"]?["schema"] is { } schema ? Draw(schema, 0) : null;

    private JsonNode? Draw(JsonNode schema, int depth)
    {
        if (schema["$ref"] is { } reference)
        {
            return Draw(_document["components"]!["schemas"]![reference.GetValue<string>().Split('/')[^1]]!, depth);
        }

        if (schema["oneOf"] is JsonArray choices)
        {
            return Draw(choices[^1]!, depth);
        }

        var types = schema["type"] switch { JsonArray several => several.Select(item => item!.GetValue<string>()).ToList(), JsonValue one => [one.GetValue<string>()], _ => [] };
        return types.FirstOrDefault(type => type != "null") switch
        {
            "object" => new JsonObject((schema["properties"]?.AsObject() ?? []).Select(item => KeyValuePair.Create(item.Key, depth > 4 ? null : Draw(item.Value!, depth + 1)))),
            "array" => new JsonArray([.. Enumerable.Range(0, _random.Next(0, 3)).Select(_ => Draw(schema["items"]!, depth + 1))]),
            "integer" => _random.Next(0, 100),
            "boolean" => false,
            "string" when schema["format"]?.GetValue<string>() == "byte" => Convert.ToBase64String(RandomNumberGenerator.GetBytes(_random.Next(0, 300))),
            "string" => $"text {_random.Next()}",
            _ => new JsonObject { ["any"] = 1 },
        };
    }

    private static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    /// <summary>Everything that the databases hold, but what is written in any case.</summary>
    private async Task<string> DigestAsync()
    {
        await WorkEndsAsync();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (isDirectory, tables) in new[] { (true, _directoryTables), (false, _accountTables) })
        {
            using var connection = Service.Databases.Open(isDirectory);
            foreach (var table in tables)
            {
                using var command = connection.CreateCommand();
                command.CommandText = $"SELECT * FROM {table}";
                using var reader = command.ExecuteReader();
                var rows = new List<string>();
                while (reader.Read())
                {
                    rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.GetValue(i) is byte[] bytes ? Convert.ToHexString(bytes) : reader.GetValue(i).ToString())));
                }

                hash.AppendData(Encoding.UTF8.GetBytes($"{table}\n{string.Join('\n', rows.Order(StringComparer.Ordinal))}\n"));
            }
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>What requests asked the service to do by itself is done.</summary>
    private async Task WorkEndsAsync()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            using (var connection = Service.Databases.Open(isDirectory: true))
            {
                using var command = connection.CreateCommand();
                command.CommandText = $"SELECT count(*) FROM jobs WHERE state = 'running' OR (state = 'waiting' AND due_at <= {TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()})";
                if (Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture) == 0)
                {
                    return;
                }
            }

            await timer.WaitForNextTickAsync(Cancellation);
        }
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex RouteParameter();
}
