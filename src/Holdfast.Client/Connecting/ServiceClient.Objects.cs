using System.Net.Http.Headers;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Client.Connecting;

/// <content>Bulk data: to pods and from them, and to whoever keeps shared archives.</content>
public sealed partial class ServiceClient
{
    /// <summary>Puts one object on a pod; returns the signed receipt once it is durable there.</summary>
    public async Task<byte[]> PutObjectAsync(string podUrl, ObjectName name, string grant, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        using var response = await _podRetries.ExecuteAsync(async token =>
        {
            using var request = PodRequest(HttpMethod.Put, podUrl, name, grant);
            request.Content = new ReadOnlyMemoryContent(content);

            // A refusal comes before megabytes were sent for nothing.
            request.Headers.ExpectContinue = true;
            return await SendPatientlyAsync(request, HttpCompletionOption.ResponseContentRead, _uploadPatience, token);
        }, cancellation).AsServiceFailure();
        await ThrowUnlessSuccessAsync(response, cancellation);
        return await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    /// <summary>Uploads a part of such an archive; the same again changes nothing.</summary>
    public async Task PutSharedAsync(string url, long offset, bool isWhole, ReadOnlyMemory<byte> part, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{url}?offset={offset}&whole={(isWhole ? "true" : "false")}"), UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttps && !address.IsLoopback))
        {
            throw new HoldfastException(FailureTable.Tampered, $"The service has archives uploaded to {url}, which is no https address.");
        }

        using var response = await _podRetries.ExecuteAsync(async token =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Put, address) { Content = new ReadOnlyMemoryContent(part) };
            return await SendPatientlyAsync(request, HttpCompletionOption.ResponseContentRead, _uploadPatience, token);
        }, cancellation).AsServiceFailure();
        await ThrowUnlessSuccessAsync(response, cancellation);
    }

    /// <summary>Reads <paramref name="destination"/>.Length bytes of an object from <paramref name="offset"/>.</summary>
    /// <remarks>An answer that breaks off is gone on with where it did: a pod that meets damage on its way can say so only at the beginning of an answer.</remarks>
    public async Task GetObjectAsync(string podUrl, ObjectName name, string grant, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        var arrived = 0;
        using var response = await _podRetries.ExecuteAsync(async token =>
        {
            using var request = PodRequest(HttpMethod.Get, podUrl, name, grant);
            request.Headers.Range = new RangeHeaderValue(offset + arrived, offset + destination.Length - 1);

            // A pod that holds reads up, as the operator wants it, is not dead.
            var answer = await SendPatientlyAsync(request, HttpCompletionOption.ResponseHeadersRead, ReadThrottle is null ? _patience : _uploadPatience, token);
            if (answer.IsSuccessStatusCode)
            {
                await ReadBodyAsync(answer, name, destination[arrived..], count => arrived += count, token);
            }

            return answer;
        }, cancellation).AsServiceFailure();
        await ThrowUnlessSuccessAsync(response, cancellation);
    }

    private static async Task ReadBodyAsync(HttpResponseMessage answer, ObjectName name, Memory<byte> destination, Action<int> arrived, CancellationToken cancellation)
    {
        await using var body = await answer.Content.ReadAsStreamAsync(cancellation);
        for (var total = 0; total < destination.Length;)
        {
            var read = await body.ReadAsync(destination[total..], cancellation).AsTask().WaitAsync(_patience, cancellation);
            if (read == 0)
            {
                throw new HoldfastException(FailureTable.DamagedObject, $"The pod sent {total} of {destination.Length} bytes of {name}.");
            }

            total += read;
            arrived(read);
        }
    }

    private static HttpRequestMessage PodRequest(HttpMethod method, string podUrl, ObjectName name, string grant)
    {
        if (!Uri.TryCreate($"{podUrl}/pod/v1/objects/{name}", UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttps && !address.IsLoopback))
        {
            throw new HoldfastException(FailureTable.Tampered, $"The service names {podUrl} as its pod, which is no https address.");
        }

        var request = new HttpRequestMessage(method, address);
        request.Headers.Authorization = new AuthenticationHeaderValue("Grant", grant);
        return request;
    }
}
