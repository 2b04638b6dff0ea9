using System.Net.Http.Headers;
using System.Net;
using System.Text;

namespace Holdfast.Scenarios.Tests;

/// <summary>The API as others use it: pages, versions, stable codes, and nothing in the clear.</summary>
public sealed class ApiTests : Scenario
{
    [Fact]
    public async Task Plain_http_off_the_loopback_is_refused_on_both_sides()
    {
        var server = await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", Path.Combine(Root, "other"), "--listen", "http://0.0.0.0:0"], new Dictionary<string, string>(), Cancellation);
        Assert.Contains("in the clear", server.Error, StringComparison.Ordinal);
        var client = await new ClientComputer(Path.Combine(Root, "one")).RunAsync(Cancellation, "enrol", "http://192.0.2.1:80", "CODE");
        Assert.Equal(2, client.ExitCode);
        Assert.Contains("in the clear", client.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_that_is_asked_for_again_is_done_once_and_answered_as_before()
    {
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim());
        async Task<(int Status, string Body, bool IsReplayed)> CreateAsync(string key, string name)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/accounts") { Content = new StringContent($$"""{"name":"{{name}}"}""", Encoding.UTF8, "application/json") };
            request.Headers.Add("Idempotency-Key", key);
            using var answer = await http.SendAsync(request, Cancellation);
            return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation), answer.Headers.Contains("Idempotency-Replayed"));
        }

        var first = await CreateAsync("one", "customer");
        Assert.Equal((200, false), (first.Status, first.IsReplayed));
        Assert.Equal(first with { IsReplayed = true }, await CreateAsync("one", "customer"));
        Assert.Equal(400, (await CreateAsync("one", "another")).Status);
        Assert.Equal(409, (await CreateAsync("two", "customer")).Status);
        Assert.Equal(409, (await CreateAsync("two", "customer")).Status);
        Assert.Equal(200, (await CreateAsync("two", "another")).Status);
        Assert.Equal(400, (await CreateAsync(new string('x', 300), "third")).Status);

        // The answer's code enrols; nothing in the database is it.
        var code = System.Text.Json.JsonDocument.Parse(first.Body).RootElement.GetProperty("code").GetString()!;
        await new ClientComputer(Path.Combine(Root, "one")).MustAsync(Cancellation, "enrol", Service.Url, code);
        Service.DirectorySql("UPDATE idempotency_keys SET answer = NULL WHERE request_hash IN (SELECT request_hash FROM idempotency_keys)");
        Assert.Equal(409, (await CreateAsync("one", "customer")).Status);

        // Another caller's key is another key.
        using var other = new HttpRequestMessage(HttpMethod.Post, "/v1/operators") { Content = new StringContent("""{"name":"other"}""", Encoding.UTF8, "application/json") };
        other.Headers.Add("Idempotency-Key", "one");
        other.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "bootstrap-secret"), Cancellation)).Trim());
        using var made = await http.SendAsync(other, Cancellation);
        Assert.Equal(HttpStatusCode.OK, made.StatusCode);

        using var list = await http.GetAsync("/v1/accounts", Cancellation);
        using var again = new HttpRequestMessage(HttpMethod.Get, "/v1/accounts");
        again.Headers.IfNoneMatch.Add(list.Headers.ETag!);
        using var unchanged = await http.SendAsync(again, Cancellation);
        Assert.Equal((HttpStatusCode.NotModified, 0), (unchanged.StatusCode, (await unchanged.Content.ReadAsByteArrayAsync(Cancellation)).Length));
        await CreateAsync("three", "one more");
        using var stale = new HttpRequestMessage(HttpMethod.Get, "/v1/accounts");
        stale.Headers.IfNoneMatch.Add(list.Headers.ETag!);
        using var changed = await http.SendAsync(stale, Cancellation);
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
    }

    [Fact]
    public async Task Lists_are_answered_in_pages_and_versions_guard_changes()
    {
        var client = await EnrolAsync("one", "pages");
        var tree = MakeTree("tree", files: 3);
        for (var i = 0; i < 3; i++)
        {
            await client.MustAsync(Cancellation, "backup", tree);
        }

        var computer = Client.Computers.ComputerFile.Load(client.Folders);
        using var http = new HttpClient { BaseAddress = new Uri($"{Service.Url}/v1/accounts/{computer.Account}/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", computer.Token);
        foreach (var (path, list, count) in new[] { ("snapshots", "snapshots", 3), ("log", "statements", 4), ("segments", "segments", 1), ("enrolments", "pending", 0) })
        {
            var whole = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync(path, Cancellation)).RootElement.GetProperty(list).EnumerateArray().Select(item => item.ToString()).ToList();
            Assert.True(whole.Count >= count, path);
            var (gathered, cursor) = (new List<string>(), "");
            do
            {
                var page = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync($"{path}?limit=1{cursor}", Cancellation)).RootElement;
                gathered.AddRange(page.GetProperty(list).EnumerateArray().Select(item => item.ToString()));
                cursor = page.TryGetProperty("next", out var next) ? "&cursor=" + next.GetString() : "";
            }
            while (cursor.Length > 0);
            Assert.Equal(whole, gathered);
            using var unknown = await http.GetAsync($"{path}?cursor=!!", Cancellation);
            Assert.Equal(HttpStatusCode.BadRequest, unknown.StatusCode);
        }

        using var keyring = await http.GetAsync("keyring", Cancellation);
        using var again = new HttpRequestMessage(HttpMethod.Get, "keyring");
        again.Headers.IfNoneMatch.Add(keyring.Headers.ETag!);
        using var unchanged = await http.SendAsync(again, Cancellation);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        using var append = new HttpRequestMessage(HttpMethod.Post, "log") { Content = new StringContent("{\"statements\":[]}", Encoding.UTF8, "application/json") };
        append.Headers.TryAddWithoutValidation("If-Match", "\"2\"");
        using var refused = await http.SendAsync(append, Cancellation);
        Assert.Equal(HttpStatusCode.PreconditionFailed, refused.StatusCode);
        Assert.Equal("ok", await http.GetStringAsync(new Uri(Service.Url + "/readyz"), Cancellation));
    }

    [Fact]
    public async Task The_api_refuses_what_is_not_allowed_or_not_understood_with_stable_codes()
    {
        var computer = await EnrolAsync("one", "api");
        var config = System.Text.Json.JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(computer.Config, "computer.json"), Cancellation)).RootElement;
        var (account, token) = (config.GetProperty("Account").GetString()!, config.GetProperty("Token").GetString()!);
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        async Task<(HttpStatusCode, string)> Send(HttpMethod method, string path, string? bearer, string? body = null)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
            request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
            request.Headers.Add("Idempotency-Key", "x");
            using var response = await http.SendAsync(request, Cancellation);
            return (response.StatusCode, await response.Content.ReadAsStringAsync(Cancellation));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, $"/v1/accounts/{account}/log", null)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, $"/v1/accounts/{new string('0', 32)}/log", token)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, "/v1/accounts", token)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, $"/v1/accounts/{account}/commits", null, "nonsense")).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, "/v1/operators", token, "{\"name\":\"x\"}")).Item1);
        foreach (var body in new[] { "{}", "[]", "nonsense", "{\"session\":1,\"head\":\"AAAA\",\"receipts\":[]}", "{\"session\":1,\"head\":\"!\",\"receipts\":null}" })
        {
            var (status, text) = await Send(HttpMethod.Post, $"/v1/accounts/{account}/commits", token, body);
            Assert.True(status == HttpStatusCode.BadRequest, $"{body} → {(int)status} {text}");
            Assert.Contains("\"code\":\"invalid_request\"", text, StringComparison.Ordinal);
        }

        using var forged = new HttpRequestMessage(HttpMethod.Get, $"/pod/v1/objects/{account}/1/1");
        forged.Headers.TryAddWithoutValidation("Authorization", "Grant " + new string('A', 171));
        using var denied = await http.SendAsync(forged, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, denied.StatusCode);

        // Routes are matched without regard to case, and so is who may call them; nothing that is missing is a fault of the service.
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, "/V1/operators", null, "{\"name\":\"x\"}")).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Post, "/V1/Accounts/api/Codes", null)).Item1);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(HttpMethod.Get, $"/V1/ACCOUNTS/{account}/LOG", null)).Item1);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await Send(HttpMethod.Delete, "/v1/operators", token)).Item1);
        foreach (var path in new[] { "/v1/enrolments", $"/v1/accounts/{account}/log", $"/v1/accounts/{account}/sessions", $"/v1/accounts/{account}/reads", $"/v1/accounts/{account}/sessions/1/grants", $"/v1/accounts/{account}/readings", $"/v1/accounts/{account}/commits" })
        {
            foreach (var body in new[] { "{}", "null", "{\"code\":\"x\",\"name\":\"y\"}", "{\"statements\":null,\"numbers\":null,\"receipts\":null,\"challenge\":null}" })
            {
                var (status, text) = await Send(HttpMethod.Post, path, token, body);
                Assert.True(status == HttpStatusCode.BadRequest, $"{path} {body} → {(int)status} {text}");
            }
        }

        var openApi = await http.GetStringAsync("/openapi/v1.json", Cancellation);
        Assert.Contains("\"openapi\": \"3.1", openApi, StringComparison.Ordinal);
        Assert.Contains("/v1/accounts/{account}/commits", openApi, StringComparison.Ordinal);
    }
}
