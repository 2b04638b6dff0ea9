using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Placing;

/// <summary>Where bulk data lies, as clients reach it and as this process does (addresses that are known once the port is bound), and the keys on both sides of a grant and a receipt.</summary>
public sealed record PodPlace(Func<string> PublicUrl, Func<string> InternalUrl, ECDsa AuthorityKey, IReadOnlyList<ECDsa> PodKeys);

/// <summary>The authority as a client of a pod: small objects only (map pages, snapshots, heads, the log, keyrings), under grants it signs for itself.</summary>
internal sealed class PodClient(HttpClient http, PodPlace place, TimeProvider time)
{
    private static readonly TimeSpan _grantLife = TimeSpan.FromMinutes(5);

    public string Url => place.PublicUrl();

    /// <summary>Signs a grant for a client.</summary>
    public string Sign(GrantMethod method, ObjectName name, uint computer, long lengthMax, long firstByte, TimeSpan life) => new Grant
    {
        Method = method, Name = name, Computer = computer, LengthMax = lengthMax, FirstByte = firstByte, Expires = time.GetUtcNow() + life,
    }.Sign(place.AuthorityKey);

    /// <summary>Reads a receipt of one of our pods; a forged one is a failure.</summary>
    public Receipt Verify(byte[] receipt) => Receipt.TryVerify(receipt, place.PodKeys)
        ?? throw new HoldfastException(FailureTable.InvalidRequest, "A receipt is not signed by a pod of this service.");

    /// <summary>The bytes of an object from <paramref name="from"/>, at most <paramref name="length"/>.</summary>
    public async Task<byte[]> GetAsync(ObjectName name, long from, long length, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Get, GrantMethod.Get, name);
        request.Headers.Range = new RangeHeaderValue(from, from + length - 1);
        using var response = await SendAsync(request, name, cancellation);
        return await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    /// <summary>The pod's receipt for an object, as signed bytes, or null if it is not there.</summary>
    public async Task<byte[]?> StatAsync(ObjectName name, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Get, GrantMethod.Stat, name, "/receipt");
        using var response = await SendAsync(request, name, cancellation, allowMissing: true);
        return response.StatusCode == HttpStatusCode.NotFound ? null : await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    /// <summary>Stores a small object durably; the same bytes again change nothing.</summary>
    public async Task PutAsync(ObjectName name, byte[] content, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Put, GrantMethod.Put, name, lengthMax: content.Length);
        request.Content = new ByteArrayContent(content);
        using var response = await SendAsync(request, name, cancellation);
    }

    private HttpRequestMessage Request(HttpMethod method, GrantMethod grantMethod, ObjectName name, string suffix = "", long lengthMax = 0)
    {
        var request = new HttpRequestMessage(method, $"{place.InternalUrl()}/pod/v1/objects/{name}{suffix}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Grant", Sign(grantMethod, name, 0, lengthMax, 0, _grantLife));
        return request;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, ObjectName name, CancellationToken cancellation, bool allowMissing = false)
    {
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, cancellation);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException { InnerException: TimeoutException })
        {
            throw new HoldfastException(FailureTable.PodUnavailable, $"The pod cannot be reached for {name}.", exception);
        }

        if (response.IsSuccessStatusCode || (allowMissing && response.StatusCode == HttpStatusCode.NotFound))
        {
            return response;
        }

        using (response)
        {
            throw response.StatusCode switch
            {
                HttpStatusCode.NotFound => new HoldfastException(FailureTable.NotFound, $"The pod does not hold {name}."),
                HttpStatusCode.InsufficientStorage => new HoldfastException(FailureTable.PodFull, $"The pod has no room for {name}."),
                HttpStatusCode.InternalServerError => new HoldfastException(FailureTable.DamagedObject, $"The pod cannot read {name}."),
                _ => new HoldfastException(FailureTable.PodUnavailable, $"The pod answered {(int)response.StatusCode} for {name}."),
            };
        }
    }
}
