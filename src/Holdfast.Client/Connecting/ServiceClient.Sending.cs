using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Connecting;

/// <content>How requests are sent: again where that is safe, with a token that is renewed, a page of a list after the other.</content>
public sealed partial class ServiceClient
{
    /// <summary>Sends, and gives up with a TimeoutException when nothing comes for too long.</summary>
    private async Task<HttpResponseMessage> SendPatientlyAsync(HttpRequestMessage request, HttpCompletionOption completion, TimeSpan patience, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(patience);
        try
        {
            return await _http.SendAsync(request, completion, limit.Token);
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            throw new TimeoutException("The service did not answer in time.", exception);
        }
    }

    /// <summary>What lies at a path.</summary>
    public Task<T> GetAtAsync<T>(string path, JsonTypeInfo<T> answer, CancellationToken cancellation) => SendAsync(HttpMethod.Get, path, () => null, answer, null, cancellation);

    /// <summary>A file that lies at a path.</summary>
    public async Task<byte[]> GetFileAtAsync(string path, CancellationToken cancellation)
    {
        using var response = await AskAsync(HttpMethod.Get, path, () => null, null, cancellation);
        await ThrowUnlessSuccessAsync(response, cancellation);
        return await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    private Task<T> GetAsync<T>(string rest, JsonTypeInfo<T> answer, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Get, Path(rest), () => null, answer, null, cancellation);

    /// <summary>A list from its first page to its last. A service that never ends is stopped by the limit of pages.</summary>
    /// <param name="path">The list's path.</param>
    /// <param name="type">A page of it.</param>
    /// <param name="read">A page's items, and the cursor of the next.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<IReadOnlyList<TItem>> ListAsync<TPage, TItem>(
        string path, JsonTypeInfo<TPage> type, Func<TPage, (IReadOnlyList<TItem> Items, string? Next)> read, CancellationToken cancellation)
    {
        Task<TPage> PageAsync(string query) => SendAsync(HttpMethod.Get, path + query, () => null, type, null, cancellation);
        var (all, next) = read(await PageAsync(""));
        if (next is null)
        {
            return all;
        }

        var gathered = new List<TItem>(all);
        for (var pages = 1; next is not null; pages++)
        {
            if (pages == PagesMax)
            {
                throw new HoldfastException(FailureTable.Tampered, $"The service's list {path} does not end after {PagesMax} pages.");
            }

            (all, next) = read(await PageAsync($"?cursor={Uri.EscapeDataString(next)}"));
            gathered.AddRange(all);
        }

        return gathered;
    }

    /// <summary>For requests that must not be repeated blindly.</summary>
    public async Task<TAnswer> SendOnceAsync<TRequest, TAnswer>(
        HttpMethod method, string path, TRequest body, JsonTypeInfo<TRequest> type, JsonTypeInfo<TAnswer> answer, CancellationToken cancellation)
    {
        using var response = await WithTokenAsync(async authorization =>
        {
            using var request = new HttpRequestMessage(method, path) { Content = JsonContent.Create(body, type) };
            request.Headers.Authorization = authorization;
            return await SendPatientlyAsync(request, HttpCompletionOption.ResponseContentRead, _patience, cancellation);
        }, cancellation);
        return await ReadAsync(response, answer, cancellation);
    }

    private async Task<T> SendAsync<T>(
        HttpMethod method, string path, Func<HttpContent?> content, JsonTypeInfo<T> answer, (string Name, string Value)? header, CancellationToken cancellation)
    {
        using var response = await AskAsync(method, path, content, header, cancellation);
        return await ReadAsync(response, answer, cancellation);
    }

    private Task<HttpResponseMessage> AskAsync(HttpMethod method, string path, Func<HttpContent?> content, (string Name, string Value)? header, CancellationToken cancellation) =>
        WithTokenAsync(authorization => _apiRetries.ExecuteAsync(async token =>
        {
            using var request = new HttpRequestMessage(method, path) { Content = content() };
            request.Headers.Authorization = authorization;
            if (header is var (name, value))
            {
                request.Headers.Add(name, value);
            }

            var answered = await SendPatientlyAsync(request, HttpCompletionOption.ResponseContentRead, _patience, token);
            _isKnown = true;
            return answered;
        }, cancellation), cancellation);

    /// <summary>Sends with the token; if the service does not know it and a new one can be had, sends again with that.</summary>
    private async Task<HttpResponseMessage> WithTokenAsync(Func<AuthenticationHeaderValue?, ValueTask<HttpResponseMessage>> send, CancellationToken cancellation)
    {
        var used = _token;
        var response = await send(Bearer(used)).AsServiceFailure();
        if (response.StatusCode != HttpStatusCode.Unauthorized || !await TryRenewAsync(used, cancellation))
        {
            return response;
        }

        response.Dispose();
        return await send(Bearer(_token)).AsServiceFailure();
    }

    /// <summary>Does what needs the right to read; gets it and tries again, if the service says that it is lacking.</summary>
    private async Task<T> ReadingAsync<T>(Func<Task<T>> send, CancellationToken cancellation)
    {
        try
        {
            return await send();
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.Forbidden && OpenReading is not null)
        {
            await OpenReading(cancellation);
            return await send();
        }
    }

    private static AuthenticationHeaderValue? Bearer(string? token) => token is null ? null : new AuthenticationHeaderValue("Bearer", token);

    private async Task<bool> TryRenewAsync(string? used, CancellationToken cancellation)
    {
        await _renewing.WaitAsync(cancellation);
        try
        {
            if (_token != used)
            {
                return true;
            }

            if (RenewToken is not { } renew || _renewals++ == RenewalsMax)
            {
                return false;
            }

            _token = await renew(cancellation);
            return true;
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.TokenInvalid || exception.Kind == FailureTable.NotFound)
        {
            // The service does not know this computer's key either: what it said first stands.
            return false;
        }
        finally
        {
            _renewing.Release();
        }
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        await ThrowUnlessSuccessAsync(response, cancellation);
        try
        {
            return await response.Content.ReadFromJsonAsync(type, cancellation)
                ?? throw new HoldfastException(FailureTable.Internal, "The service answered nothing.");
        }
        catch (JsonException exception)
        {
            throw new HoldfastException(FailureTable.Internal, "The service's answer cannot be understood.", exception);
        }
    }

    private static async Task ThrowUnlessSuccessAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        Problem? problem = null;
        try
        {
            problem = await response.Content.ReadFromJsonAsync(MessageJson.Default.Problem, cancellation);
        }
        catch (JsonException)
        {
            // Not our own words: a proxy's page, for instance. The status says what there is to say.
        }

        throw problem is not null && FailureTable.All.TryGetValue(problem.Code ?? "", out var kind)
            ? new HoldfastException(kind, problem.Detail) { Missing = problem.Missing ?? [], Turn = problem.Turn, RetryAfter = response.Headers.RetryAfter?.Delta }
            : new HoldfastException(FailureTable.ServiceUnavailable, $"The service answered {(int)response.StatusCode} {response.ReasonPhrase}.");
    }
}
