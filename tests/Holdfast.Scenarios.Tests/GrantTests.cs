using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using Holdfast.Client.Computers;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Scenarios.Tests;

/// <summary>A pod does what a grant names or nothing: forged, expired, widened, replayed and misused ones are refused, each with its code.</summary>
public sealed class GrantTests : Scenario
{
    private readonly ECDsa _authority = ECDsa.Create();
    private readonly HttpClient _http = new();

    [Fact]
    public async Task A_pod_does_what_a_grant_names_or_nothing()
    {
        var client = await EnrolAsync("one", "grants");
        var computer = ComputerFile.Load(client.Folders);
        _authority.ImportFromPem(await File.ReadAllTextAsync(Path.Combine(Service.Data, "authority.key"), Cancellation));
        var name = new ObjectName(computer.Account, ObjectSpace.Numbered, 500);
        var content = MapPage(computer, 500, computer.SigningKey);
        var put = Grant(GrantMethod.Put, name, computer.Number, lengthMax: content.Length);

        // Forged, expired, changed by a bit anywhere, or no grant at all.
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await RefusesAsync("grant_invalid", HttpMethod.Put, name, put.Sign(stranger), content);
        await RefusesAsync("grant_invalid", HttpMethod.Put, name, (put with { Expires = TimeProvider.System.GetUtcNow().AddSeconds(-1) }).Sign(_authority), content);
        var text = put.Sign(_authority);
        foreach (var at in new[] { 1, 10, 30, 45, 60, 90, text.Length - 3 })
        {
            await RefusesAsync("grant_invalid", HttpMethod.Put, name, text[..at] + (text[at] == 'A' ? 'B' : 'A') + text[(at + 1)..], content);
        }

        await RefusesAsync("grant_invalid", HttpMethod.Put, name, "", content);

        // For another method, object, space or account.
        await RefusesAsync("grant_invalid", HttpMethod.Get, name, text, null);
        await RefusesAsync("grant_invalid", HttpMethod.Put, name with { Number = 501 }, text, content);
        await RefusesAsync("grant_invalid", HttpMethod.Put, name with { Space = ObjectSpace.Heads }, text, content);
        await RefusesAsync("grant_invalid", HttpMethod.Put, name with { Account = new AccountId(new byte[16]) }, text, content);
        using (var list = await _http.SendAsync(Request(HttpMethod.Get, "/pod/v1/objects", text, null), Cancellation))
        {
            Assert.Equal(HttpStatusCode.Forbidden, list.StatusCode);
        }

        // Too long, too short, of another number, account or computer than the grant, or not what its header says.
        await RefusesAsync("too_large", HttpMethod.Put, name, (put with { LengthMax = content.Length - 1 }).Sign(_authority), content);
        await RefusesAsync("too_large", HttpMethod.Put, name, text, content[..10]);
        await RefusesAsync("damaged_upload", HttpMethod.Put, name, text, MapPage(computer, 502, computer.SigningKey));
        await RefusesAsync("damaged_upload", HttpMethod.Put, name, (put with { Computer = computer.Number + 1 }).Sign(_authority), content);
        var changed = content.ToArray();
        changed[100] ^= 1;
        await RefusesAsync("damaged_upload", HttpMethod.Put, name, text, changed);

        // The same again is the same receipt; other bytes under the name are refused.
        using (var first = await _http.SendAsync(Request(HttpMethod.Put, PathOf(name), text, content), Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        }

        using (var again = await _http.SendAsync(Request(HttpMethod.Put, PathOf(name), text, content), Cancellation))
        {
            Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        }

        await RefusesAsync("object_exists", HttpMethod.Put, name, text, MapPage(computer, 500, computer.SigningKey));

        // Reading outside the object, and before what the grant allows.
        var get = Grant(GrantMethod.Get, name, computer.Number, firstByte: 64);
        await RefusesAsync("invalid_request", HttpMethod.Get, name, get.Sign(_authority), null, new RangeHeaderValue(content.Length, content.Length + 10));
        await RefusesAsync("grant_invalid", HttpMethod.Get, name, get.Sign(_authority), null, new RangeHeaderValue(63, 80));
        await RefusesAsync("grant_invalid", HttpMethod.Get, name, get.Sign(_authority), null);
        await RefusesAsync("not_found", HttpMethod.Get, name with { Number = 600 }, Grant(GrantMethod.Get, name with { Number = 600 }, computer.Number).Sign(_authority), null);
        using var read = await _http.SendAsync(Request(HttpMethod.Get, PathOf(name), get.Sign(_authority), null, new RangeHeaderValue(64, 163)), Cancellation);
        Assert.Equal(content[64..164], await read.Content.ReadAsByteArrayAsync(Cancellation));
    }

    /// <summary>A map page; its signature, and so its bytes, are others each time.</summary>
    private static byte[] MapPage(Computer computer, uint number, ECDsa key) =>
        SignedObject.Build(new ObjectHeader { Type = ObjectType.MapPage, Number = number, Account = computer.Account, Group = 1, Computer = computer.Number }, new byte[5000], key);

    private static Grant Grant(GrantMethod method, ObjectName name, uint computer, long lengthMax = 0, long firstByte = 0) => new()
    {
        Method = method, Name = name, Computer = computer, LengthMax = lengthMax, FirstByte = firstByte, Expires = TimeProvider.System.GetUtcNow().AddMinutes(5),
    };

    private static string PathOf(ObjectName name) => $"/pod/v1/objects/{name}";

    private async Task RefusesAsync(string code, HttpMethod method, ObjectName name, string grant, byte[]? content, RangeHeaderValue? range = null)
    {
        using var response = await _http.SendAsync(Request(method, PathOf(name), grant, content, range), Cancellation);
        Assert.Equal(code, (await response.Content.ReadFromJsonAsync(MessageJson.Default.Problem, Cancellation))!.Code);
    }

    private HttpRequestMessage Request(HttpMethod method, string path, string grant, byte[]? content, RangeHeaderValue? range = null)
    {
        var request = new HttpRequestMessage(method, Service.Url + path) { Content = content is null ? null : new ByteArrayContent(content) };
        request.Headers.TryAddWithoutValidation("Authorization", "Grant " + grant);
        request.Headers.Range = range;
        return request;
    }
}
