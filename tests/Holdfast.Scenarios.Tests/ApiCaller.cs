using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>What the API answered.</summary>
internal sealed record Answer(int Status, JsonElement Body)
{
    /// <summary>The stable code of a failure; null for none.</summary>
    public string? Code => Body.ValueKind == JsonValueKind.Object && Body.TryGetProperty("code", out var code) && Status >= 400 ? code.GetString() : null;

    public string Text(string property) => Body.GetProperty(property).GetString()!;
}

/// <summary>Somebody who uses the API with a bearer token, or with none.</summary>
internal sealed class ApiCaller : IDisposable
{
    private readonly HttpClient _http;

    /// <param name="url">The service's address.</param>
    /// <param name="token">The bearer token, if any.</param>
    /// <param name="behindProxy">The address that a proxy on this machine says it asks for.</param>
    public ApiCaller(string url, string? token = null, string? behindProxy = null)
    {
        _http = new HttpClient { BaseAddress = new Uri(url) };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("tests/1.0");
        if (behindProxy is not null)
        {
            _http.DefaultRequestHeaders.Add("X-Forwarded-For", behindProxy);
        }

        if (token is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    public string Url => _http.BaseAddress!.GetLeftPart(UriPartial.Authority);

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path, null);

    public Task<Answer> PostAsync(string path, object? body = null) => SendAsync(HttpMethod.Post, path, body);

    public Task<Answer> PutAsync(string path, object body) => SendAsync(HttpMethod.Put, path, body);

    public Task<Answer> PatchAsync(string path, object body) => SendAsync(HttpMethod.Patch, path, body);

    public Task<Answer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path, null);

    /// <param name="method">The method.</param>
    /// <param name="path">Below the address.</param>
    /// <param name="body">An object for JSON, text to send as it is, or nothing.</param>
    public async Task<Answer> SendAsync(HttpMethod method, string path, object? body)
    {
        using var request = new HttpRequestMessage(method, path)
        {
            Content = body switch { null => null, string json => new StringContent(json, Encoding.UTF8, "application/json"), _ => JsonContent.Create(body) },
        };
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return new Answer((int)response.StatusCode, text.StartsWith('{') ? JsonDocument.Parse(text).RootElement : default);
    }

    public void Dispose() => _http.Dispose();
}
