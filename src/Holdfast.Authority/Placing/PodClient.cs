using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Placing;

/// <summary>The authority as a client of a pod: small objects only (map pages, snapshots, heads, the log, keyrings), under grants it signs for itself.</summary>
internal sealed class PodClient(HttpClient http, PodPlace place, TimeProvider time)
{
    private const int ListLimit = 1000;

    private static readonly TimeSpan _grantLife = TimeSpan.FromMinutes(5);

    public string Url => place.PublicUrl();

    /// <summary>Host and port of the authority as clients know it, if the operator said so.</summary>
    public string? ServiceHost => place.ServiceHost;

    /// <summary>Signs a grant for a client.</summary>
    public string Sign(GrantMethod method, ObjectName name, uint computer, long lengthMax, long firstByte, TimeSpan life, GrantFlow flow = default) => new Grant
    {
        Method = method, Name = name, Computer = computer, LengthMax = lengthMax, FirstByte = firstByte, Expires = time.GetUtcNow() + life, Flow = flow,
    }.Sign(place.GrantKey());

    /// <summary>Signs what a computer or a person is to answer after a rebuild.</summary>
    public byte[] SignChallenge(AttachmentChallenge challenge) => challenge.Sign(place.AuthorityKey);

    /// <summary>Signs a pass for a restorer.</summary>
    public string SignPass(RestorerPass pass) => pass.Sign(place.AuthorityKey);

    /// <summary>The public half of the key that signs passes.</summary>
    public byte[] AuthorityPublicKey => Signatures.ExportPublic(place.AuthorityKey);

    /// <summary>The challenge, if this service signed it and it has not expired.</summary>
    public AttachmentChallenge? VerifyChallenge(byte[] bytes) => AttachmentChallenge.TryVerify(bytes, place.AuthorityKey, time.GetUtcNow());

    /// <summary>Reads a receipt of one of our pods; a forged one is a failure.</summary>
    public Receipt Verify(byte[] receipt) => Receipt.TryVerify(receipt, place.PodKeys)
        ?? throw new HoldfastException(FailureTable.InvalidRequest, "A receipt is not signed by a pod of this service.");

    /// <summary>The bytes of an object from <paramref name="from"/>, at most <paramref name="length"/>.</summary>
    public async Task<byte[]> GetAsync(ObjectName name, long from, long length, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Get, GrantMethod.Get, name, Path(name));
        request.Headers.Range = new RangeHeaderValue(from, from + length - 1);
        using var response = await SendAsync(request, name, cancellation);
        return await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    /// <summary>How the pod bears what it has to do.</summary>
    public async Task<PodPressure> PressureAsync(CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Get, GrantMethod.List, ObjectName.Everything, "/pod/v1/pressure");
        using var response = await SendAsync(request, ObjectName.Everything, cancellation);
        return (await response.Content.ReadFromJsonAsync(MessageJson.Default.PodPressure, cancellation))!;
    }

    /// <summary>Everything on the pod behind a name, or everything, in order of account, space and number.</summary>
    public async IAsyncEnumerable<(ObjectName Name, PodObject Object)> ListAsync(ObjectName? after, [EnumeratorCancellation] CancellationToken cancellation, int limit = ListLimit)
    {
        for (var next = after?.ToString(); ;)
        {
            using var request = Request(HttpMethod.Get, GrantMethod.List, ObjectName.Everything, $"/pod/v1/objects?limit={limit}{(next is null ? "" : $"&after={next}")}");
            using var response = await SendAsync(request, ObjectName.Everything, cancellation);
            var page = (await response.Content.ReadFromJsonAsync(MessageJson.Default.PodListing, cancellation))!;
            foreach (var item in page.Objects)
            {
                yield return ObjectName.TryParse(item.Name, out var name) ? (name, item) : throw new HoldfastException(FailureTable.PodUnavailable, $"The pod lists '{item.Name}', which is no name.");
            }

            if (page.Next is null)
            {
                yield break;
            }

            next = page.Next;
        }
    }

    /// <summary>Everything of one account and space, in order of numbers.</summary>
    public async IAsyncEnumerable<(ObjectName Name, PodObject Object)> ListAsync(AccountId account, ObjectSpace space, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var item in ListAsync(ObjectName.EndOf(account, space - 1), cancellation))
        {
            if (item.Name.Account != account || item.Name.Space != space)
            {
                yield break;
            }

            yield return item;
        }
    }

    /// <summary>The first object behind a name.</summary>
    public async Task<ObjectName?> FirstAsync(ObjectName? after, CancellationToken cancellation)
    {
        await foreach (var (name, _) in ListAsync(after, cancellation, limit: 1))
        {
            return name;
        }

        return null;
    }

    /// <summary>
    /// The pod's receipt for an object, as signed bytes, or null if it is not there. The pod reads the object and compares every hash in it, which proves it readable;
    /// with <paramref name="tablesOnly"/> it reads a pack's tables only.
    /// </summary>
    public async Task<byte[]?> StatAsync(ObjectName name, CancellationToken cancellation, bool tablesOnly = false)
    {
        using var request = Request(HttpMethod.Get, GrantMethod.Stat, name, Path(name) + (tablesOnly ? "/receipt?tables" : "/receipt"));
        using var response = await SendAsync(request, name, cancellation, allowMissing: true);
        return response.StatusCode == HttpStatusCode.NotFound ? null : await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    /// <summary>Stores a small object durably; the same bytes again change nothing.</summary>
    public async Task PutAsync(ObjectName name, byte[] content, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Put, GrantMethod.Put, name, Path(name), content.Length);
        request.Content = new ByteArrayContent(content);
        using var response = await SendAsync(request, name, cancellation);
    }

    /// <summary>Has the pod forget an account for ever, or asks how far that is.</summary>
    public async Task<PodClosure> CloseAsync(AccountId account, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Post, GrantMethod.Close, ObjectName.All(account), $"/pod/v1/accounts/{account}/close");
        using var response = await SendAsync(request, ObjectName.All(account), cancellation);
        return (await response.Content.ReadFromJsonAsync(MessageJson.Default.PodClosure, cancellation))!;
    }

    /// <summary>Accounts that the pod was told to forget for ever.</summary>
    public async IAsyncEnumerable<PodClosure> ListClosedAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        string? next = null;
        do
        {
            using var request = Request(HttpMethod.Get, GrantMethod.List, ObjectName.Everything, "/pod/v1/accounts/closed" + (next is null ? "" : $"?after={next}"));
            using var response = await SendAsync(request, ObjectName.Everything, cancellation);
            var page = (await response.Content.ReadFromJsonAsync(MessageJson.Default.PodClosures, cancellation))!;
            foreach (var closure in page.Closures)
            {
                yield return closure;
            }

            next = page.Next;
        }
        while (next is not null);
    }

    /// <summary>Takes the mark of deletion away from an object.</summary>
    public async Task ReviveAsync(ObjectName name, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Post, GrantMethod.Revive, name, Path(name) + "/revive");
        using var response = await SendAsync(request, name, cancellation);
    }

    /// <summary>Marks an object for deletion.</summary>
    public async Task CondemnAsync(ObjectName name, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Post, GrantMethod.Condemn, name, Path(name) + "/condemn");
        using var response = await SendAsync(request, name, cancellation);
    }

    /// <summary>Deletes an object whose grace has passed.</summary>
    public async Task DeleteAsync(ObjectName name, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Delete, GrantMethod.Delete, name, Path(name));
        using var response = await SendAsync(request, name, cancellation);
    }

    private static string Path(ObjectName name) => $"/pod/v1/objects/{name}";

    private HttpRequestMessage Request(HttpMethod method, GrantMethod grantMethod, ObjectName name, string path, long lengthMax = 0)
    {
        var request = new HttpRequestMessage(method, place.InternalUrl() + path);
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
        catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ResponseEnded)
        {
            // The pod began to answer and came upon a block that it cannot give back.
            throw new HoldfastException(FailureTable.DamagedObject, $"The pod's answer for {name} broke off.", exception);
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
                HttpStatusCode.Gone => new HoldfastException(FailureTable.AccountClosed, $"The account {name.Account} is closed on the pod."),
                HttpStatusCode.InsufficientStorage => new HoldfastException(FailureTable.PodFull, $"The pod has no room for {name}."),
                HttpStatusCode.InternalServerError or HttpStatusCode.UnprocessableEntity => new HoldfastException(FailureTable.DamagedObject, $"The pod cannot read {name}."),
                _ => new HoldfastException(FailureTable.PodUnavailable, $"The pod answered {(int)response.StatusCode} for {name}."),
            };
        }
    }
}
