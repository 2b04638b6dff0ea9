using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Pages.Calling;

/// <summary>The API, asked as whoever is signed in.</summary>
/// <param name="http">Sends.</param>
/// <param name="serviceUrl">Where it is.</param>
/// <param name="token">The session's; null for nobody.</param>
/// <param name="address">For whom it is asked: attempts to sign in are counted by that.</param>
internal sealed class ServiceApi(HttpClient http, string serviceUrl, string? token, string? address)
{
    public Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) => SendAsync(HttpMethod.Get, path, null, type, cancellation);

    /// <summary>What somebody may not see is not there for them.</summary>
    public async Task<T?> TryGetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class
    {
        try
        {
            return await GetAsync(path, type, cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.Forbidden)
        {
            return null;
        }
    }

    public Task<TAnswer> PostAsync<TBody, TAnswer>(string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> type, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, path, JsonContent.Create(body, bodyType), type, cancellation);

    /// <summary>A request that says nothing but its path.</summary>
    public Task<T> SendAsync<T>(HttpMethod method, string path, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        SendAsync(method, path, JsonContent.Create(new Done(), MessageJson.Default.Done), type, cancellation);

    /// <summary>An answer as it is, for whoever reads it on; the caller disposes of it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, serviceUrl + path) { Content = content };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        if (address is not null)
        {
            request.Headers.Add("X-Forwarded-For", address);
        }

        HttpResponseMessage? response = null;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            return response.IsSuccessStatusCode ? response : throw await FailureOfAsync(response, cancellation);
        }
        catch (Exception exception)
        {
            response?.Dispose();
            throw exception is HttpRequestException ? new HoldfastException(FailureTable.ServiceUnavailable, "The service does not answer.", exception) : exception;
        }
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, HttpContent? content, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        using var response = await OpenAsync(method, path, content, cancellation);
        return await response.Content.ReadFromJsonAsync(type, cancellation) ?? throw new HoldfastException(FailureTable.Internal, "The service answered nothing.");
    }

    private static async Task<HoldfastException> FailureOfAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            var problem = await response.Content.ReadFromJsonAsync(MessageJson.Default.Problem, cancellation);
            return problem is not null && FailureTable.All.TryGetValue(problem.Code ?? "", out var kind)
                ? new HoldfastException(kind, problem.Detail) : new HoldfastException(FailureTable.Internal, $"The service answered {(int)response.StatusCode}.");
        }
        catch (Exception exception) when (exception is JsonException or NotSupportedException)
        {
            return new HoldfastException(FailureTable.Internal, $"The service answered {(int)response.StatusCode}.", exception);
        }
    }
}
