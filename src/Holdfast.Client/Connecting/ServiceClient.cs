using System.Net;
using System.Net.Http.Json;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Polly;

namespace Holdfast.Client.Connecting;

/// <summary>The authority's API and the pods, as a computer uses them. What fails for a moment is tried again a few times, with growing pauses; a service that is known to be there and is being restarted is waited for, a minute.</summary>
public sealed partial class ServiceClient : IDisposable
{
    private const int RenewalsMax = 3;

    /// <summary>Answers of the API are short; only reads of objects are long, and go into buffers of their own.</summary>
    private const int AnswerLengthMax = 64 << 20;

    /// <summary>Pages of one list: ten million rows.</summary>
    private const int PagesMax = 10_000;

    private static readonly TimeSpan _connectPatience = TimeSpan.FromSeconds(15);

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
    private volatile bool _isKnown;

    private int _waits;

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

        _http = new HttpClient(new BrokenConnections(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = !address.IsLoopback, ConnectTimeout = _connectPatience })) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = AnswerLengthMax };
        _account = account?.ToString() ?? "";
        _token = token;
        var budget = new RetryBudget();
        _apiRetries = Retries.Build(_ => _isKnown ? Retries.PatientAttemptsMax : Retries.AttemptsMax, budget, Wait, time);

        // A pod that refuses says so; one that is not there may be restarting.
        _podRetries = Retries.Build(answer => answer is null && IsKnown ? Retries.PatientAttemptsMax : Retries.AttemptsMax, budget, Wait, time);
    }

    /// <summary>Whether the address has proved to be a service's, as an enrolled computer knows it.</summary>
    public bool IsKnown
    {
        get;
        init => _isKnown = field = value;
    }

    /// <summary>Called once, when an answer takes more than some seconds to come.</summary>
    public Action? Waiting { get; init; }

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

    /// <summary>Maintenance that begins soon, as the service said when the backup began; null if none does.</summary>
    public PublicWindow? Maintenance { get; private set; }

    /// <summary>How it said last that it limits reads.</summary>
    public ThrottleState? ReadThrottle { get; private set; }

    /// <summary>Opens a session; the failure not_admitted, with a turn, if it is not this computer's.</summary>
    /// <param name="request">What the computer knows.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <param name="turn">The turn that it was told, if any.</param>
    public async Task<SessionOpened> OpenSessionAsync(OpenSession request, CancellationToken cancellation, string? turn = null)
    {
        var opened = await SendAsync(HttpMethod.Post, Path("sessions"), () => JsonContent.Create(request, MessageJson.Default.OpenSession), MessageJson.Default.SessionOpened, turn is null ? null : (BackupTurn.Header, turn), cancellation);
        (UploadThrottle, Quota, Maintenance) = (opened.Throttle, opened.Quota, opened.Maintenance);
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

    /// <summary>A place for an archive that this computer encrypts.</summary>
    public Task<ShareBegun> BeginShareAsync(BeginShare request, CancellationToken cancellation) => ReadingAsync(() =>
        SendOnceAsync(HttpMethod.Post, Path("shares"), request, MessageJson.Default.BeginShare, MessageJson.Default.ShareBegun, cancellation), cancellation);

    /// <summary>It is uploaded: the link to it.</summary>
    public Task<RestoreLink> EndShareAsync(string id, EndShare request, CancellationToken cancellation) => ReadingAsync(() =>
        SendOnceAsync(HttpMethod.Post, Path($"shares/{Uri.EscapeDataString(id)}/end"), request, MessageJson.Default.EndShare, MessageJson.Default.RestoreLink, cancellation), cancellation);

    public void Dispose()
    {
        _http.Dispose();
        _renewing.Dispose();
    }

    private void Wait()
    {
        if (Interlocked.Exchange(ref _waits, 1) == 0)
        {
            Waiting?.Invoke();
        }
    }

    private string Path(string rest) => $"/v1/accounts/{_account}/{rest}";
}
