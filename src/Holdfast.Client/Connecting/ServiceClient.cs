using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Polly;

namespace Holdfast.Client.Connecting;

/// <summary>The authority's API and the pods, as a computer uses them. What fails for a moment is tried again a few times, with growing pauses; a service that has answered once and is being restarted is waited for, a minute.</summary>
public sealed class ServiceClient : IDisposable
{
    private const int RenewalsMax = 3;

    /// <summary>Answers of the API are short; only reads of objects are long, and go into buffers of their own.</summary>
    private const int AnswerLengthMax = 64 << 20;

    /// <summary>Pages of one list: ten million rows.</summary>
    private const int PagesMax = 10_000;

    /// <summary>An answer must begin, and each piece of it arrive, within this time.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    /// <summary>The slowest uplink that a 16 MiB pack still gets through on; and the longest that a limit holds anything up.</summary>
    private static readonly TimeSpan _uploadPatience = TimeSpan.FromHours(1);

    private readonly HttpClient _http;
    private readonly SemaphoreSlim _renewing = new(1);
    private string? _token;
    private int _renewals;
    private readonly string _account;
    private readonly ResiliencePipeline<HttpResponseMessage> _apiRetries;
    private readonly ResiliencePipeline<HttpResponseMessage> _podRetries;

    /// <summary>Nobody waits a minute for an address that was mistyped.</summary>
    private volatile bool _hasAnswered;

    /// <param name="serviceUrl">The authority's address.</param>
    /// <param name="account">The account, or null before enrolment.</param>
    /// <param name="token">This computer's token, or null before enrolment.</param>
    /// <param name="time">Clock of the pauses.</param>
    public ServiceClient(string serviceUrl, AccountId? account, string? token, TimeProvider time)
    {
        if (!Uri.TryCreate(serviceUrl, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"'{serviceUrl}' is not the address of a service, such as https://backup.example.org.");
        }

        if (address.Scheme == Uri.UriSchemeHttp && !address.IsLoopback)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{serviceUrl} would send this computer's token in the clear: use https.");
        }

        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = !address.IsLoopback }) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = AnswerLengthMax };
        _account = account?.ToString() ?? "";
        _token = token;
        var budget = new RetryBudget();
        _apiRetries = Retries.Build(() => _hasAnswered ? Retries.PatientAttemptsMax : Retries.AttemptsMax, budget, time);
        _podRetries = Retries.Build(() => Retries.AttemptsMax, budget, time);
    }

    /// <summary>Gets a new token when the service does not know this one any more, as after it was rebuilt; tried a few times.</summary>
    public Func<CancellationToken, Task<string>>? RenewToken { get; set; }

    /// <summary>Has the account's root key let this computer read, once the service says that it may not; set while somebody has the account open.</summary>
    public Func<CancellationToken, Task>? OpenReading { get; set; }

    public Task<ReadingOpened> OpenReadingAsync(OpenReading request, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, Path("readings"), () => JsonContent.Create(request, MessageJson.Default.OpenReading), MessageJson.Default.ReadingOpened, null, cancellation);

    public Task<AttachmentAsked> AskAttachmentAsync(uint computer, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, Path("attachments"), () => JsonContent.Create(new AskAttachment(computer), MessageJson.Default.AskAttachment), MessageJson.Default.AttachmentAsked, null, cancellation);

    public Task<ComputerAttached> AttachAsync(uint computer, AttachComputer request, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Put, Path($"attachments/{computer}"), () => JsonContent.Create(request, MessageJson.Default.AttachComputer), MessageJson.Default.ComputerAttached, null, cancellation);

    public Task<AccountConfirmed> ConfirmAsync(ConfirmAccount request, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, Path("confirmation"), () => JsonContent.Create(request, MessageJson.Default.ConfirmAccount), MessageJson.Default.AccountConfirmed, null, cancellation);

    public Task HandInAsync(HandInDrill drill, CancellationToken cancellation) =>
        SendOnceAsync(HttpMethod.Post, Path("drills"), drill, MessageJson.Default.HandInDrill, MessageJson.Default.DrillKept, cancellation);

    public Task<EnrolmentBegun> EnrolAsync(BeginEnrolment request, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, "/v1/enrolments", () => JsonContent.Create(request, MessageJson.Default.BeginEnrolment), MessageJson.Default.EnrolmentBegun, null, cancellation);

    public Task<IReadOnlyList<byte[]>> GetLogAsync(CancellationToken cancellation) =>
        ListAsync(Path("log"), MessageJson.Default.LogStatements, page => (page.Statements, page.Next), cancellation);

    public Task AppendLogAsync(AppendLog request, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, Path("log"), () => JsonContent.Create(request, MessageJson.Default.AppendLog), MessageJson.Default.LogAppended, null, cancellation);

    public async Task<byte[]> GetKeyringAsync(CancellationToken cancellation) => (await GetAsync("keyring", MessageJson.Default.StoredKeyring, cancellation)).Keyring;

    /// <summary>The operator's escrow key, if there is one; else the failure not_found.</summary>
    public Task<EscrowKeySummary> GetEscrowKeyAsync(CancellationToken cancellation) => GetAsync("escrow-key", MessageJson.Default.EscrowKeySummary, cancellation);

    public Task<IReadOnlyList<PendingEnrolment>> GetPendingAsync(CancellationToken cancellation) =>
        ListAsync(Path("enrolments"), MessageJson.Default.PendingEnrolments, page => (page.Pending, page.Next), cancellation);

    public Task ApproveAsync(uint computer, ApproveEnrolment request, CancellationToken cancellation) => ReadingAsync(() =>
        SendOnceAsync(HttpMethod.Post, Path($"enrolments/{computer}/approval"), request, MessageJson.Default.ApproveEnrolment, MessageJson.Default.LogAppended, cancellation), cancellation);

    /// <summary>How the service said last that it limits this computer's uploads; null while it does not.</summary>
    public ThrottleState? UploadThrottle { get; private set; }

    /// <summary>How much of its quota it said was used; null while there is none.</summary>
    public QuotaState? Quota { get; private set; }

    /// <summary>How it said last that it limits reads.</summary>
    public ThrottleState? ReadThrottle { get; private set; }

    /// <summary>Opens a session; the failure not_admitted, with a turn, if it is not this computer's.</summary>
    /// <param name="request">What the computer knows.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <param name="turn">The turn that it was told, if any.</param>
    public async Task<SessionOpened> OpenSessionAsync(OpenSession request, CancellationToken cancellation, string? turn = null)
    {
        var opened = await SendAsync(HttpMethod.Post, Path("sessions"), () => JsonContent.Create(request, MessageJson.Default.OpenSession), MessageJson.Default.SessionOpened, turn is null ? null : (BackupTurn.Header, turn), cancellation);
        (UploadThrottle, Quota) = (opened.Throttle, opened.Quota);
        return opened;
    }

    public async Task<MoreGrants> ExtendSessionAsync(long session, AskGrants request, CancellationToken cancellation)
    {
        var more = await SendAsync(HttpMethod.Post, Path($"sessions/{session}/grants"), () => JsonContent.Create(request, MessageJson.Default.AskGrants), MessageJson.Default.MoreGrants, null, cancellation);
        (UploadThrottle, Quota) = (more.Throttle, more.Quota ?? Quota);
        return more;
    }

    /// <summary>Says why a backup did not end: by its code alone, which names no file.</summary>
    public Task ReportFailureAsync(FailureKind failure, CancellationToken cancellation) =>
        SendOnceAsync(HttpMethod.Post, Path("failure"), new ReportFailure(failure.Code), MessageJson.Default.ReportFailure, MessageJson.Default.Done, cancellation);

    /// <summary>Says that a session will not be committed.</summary>
    public Task LeaveSessionAsync(long session, CancellationToken cancellation) =>
        SendOnceAsync(HttpMethod.Delete, Path($"sessions/{session}"), new Done(), MessageJson.Default.Done, MessageJson.Default.Done, cancellation);

    public Task<SnapshotCommitted> CommitAsync(CommitSnapshot request, byte[] headId, CancellationToken cancellation) =>
        SendAsync(HttpMethod.Post, Path("commits"), () => JsonContent.Create(request, MessageJson.Default.CommitSnapshot), MessageJson.Default.SnapshotCommitted,
            ("Idempotency-Key", $"\"{Convert.ToHexStringLower(headId)}\""), cancellation);

    public Task<IReadOnlyList<SnapshotSummary>> GetSnapshotsAsync(CancellationToken cancellation) =>
        ListAsync(Path("snapshots"), MessageJson.Default.SnapshotList, page => (page.Snapshots, page.Next), cancellation);

    /// <summary>This computer as the service knows it; null from a service that does not say.</summary>
    public async Task<ComputerItself?> TryDescribeAsync(CancellationToken cancellation)
    {
        try
        {
            return await GetAsync("self", MessageJson.Default.ComputerItself, cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.NotFound || exception.Kind == FailureTable.Internal)
        {
            return null;
        }
    }

    public Task<IReadOnlyList<SegmentSummary>> GetSegmentsAsync(CancellationToken cancellation) =>
        ListAsync(Path("segments"), MessageJson.Default.SegmentList, page => (page.Segments, page.Next), cancellation);

    public async Task<IReadOnlyList<ReadGrant>> OpenReadsAsync(OpenReads request, CancellationToken cancellation)
    {
        var opened = await ReadingAsync(() => SendAsync(HttpMethod.Post, Path("reads"), () => JsonContent.Create(request, MessageJson.Default.OpenReads), MessageJson.Default.ReadsOpened, null, cancellation), cancellation);
        ReadThrottle = opened.Throttle;
        return opened.Grants;
    }

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

    /// <summary>A place for an archive that this computer encrypts.</summary>
    public Task<ShareBegun> BeginShareAsync(BeginShare request, CancellationToken cancellation) => ReadingAsync(() =>
        SendOnceAsync(HttpMethod.Post, Path("shares"), request, MessageJson.Default.BeginShare, MessageJson.Default.ShareBegun, cancellation), cancellation);

    /// <summary>It is uploaded: the link to it.</summary>
    public Task<RestoreLink> EndShareAsync(string id, EndShare request, CancellationToken cancellation) => ReadingAsync(() =>
        SendOnceAsync(HttpMethod.Post, Path($"shares/{Uri.EscapeDataString(id)}/end"), request, MessageJson.Default.EndShare, MessageJson.Default.RestoreLink, cancellation), cancellation);

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

    public void Dispose()
    {
        _http.Dispose();
        _renewing.Dispose();
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

    private string Path(string rest) => $"/v1/accounts/{_account}/{rest}";

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
            _hasAnswered = true;
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
