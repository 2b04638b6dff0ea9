using System.Net;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Pods;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.HttpOverrides;

namespace Holdfast.Server;

/// <summary>What a process is made of: the web server, the pod and the authority, opened on a data folder and closed in the opposite order.</summary>
internal sealed class Parts : IAsyncDisposable
{
    private const int AuthorityConnectionsMax = 10_000;
    private const int PodConnectionsMax = 4_096;
    private const int RequestBufferLength = 64 << 10;

    private readonly HttpClient _http;
    private readonly List<IDisposable> _kept = [];

    private Parts(WebApplication web, OwnCertificate? certificate)
    {
        Web = web;
        _http = new HttpClient(new BrokenConnections(OwnCertificate.Trust(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }, () => certificate?.Current))) { Timeout = TimeSpan.FromMinutes(10) };
    }

    public WebApplication Web { get; }

    /// <summary>The pod in this process, if it is one.</summary>
    public Pod? Pod { get; private set; }

    /// <summary>The authority in this process, if it is one.</summary>
    public Authority.Authority? Authority { get; private set; }

    /// <summary>The address at which this machine reaches the server; once it was started.</summary>
    public string BoundUrl()
    {
        var bound = new UriBuilder(Web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        if (IsEveryAddress(bound.Host))
        {
            bound.Host = "127.0.0.1";
        }

        return bound.Uri.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>True for the names of "whatever address this machine has", at which nobody can be reached.</summary>
    public static bool IsEveryAddress(string host) => host is "*" or "+" || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)));

    public static async Task<Parts> OpenAsync(DataFolder data, Roles roles, string listen, string? publicUrl, CancellationToken cancellation)
    {
        var certificate = data.Configuration.TlsOf(data.Root) is { } tls ? new OwnCertificate(tls, TimeProvider.System) : null;
        if (certificate is null && listen.StartsWith("https:", StringComparison.OrdinalIgnoreCase))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{listen} needs a certificate: name its PEM files in holdfastd.json (`holdfastd config explain`), or listen on the loopback behind a proxy.");
        }

        var parts = new Parts(BuildWeb(data, listen, publicUrl, roles, certificate), certificate);
        try
        {
            var secretHash = SHA256.HashData(Encoding.UTF8.GetBytes((await File.ReadAllTextAsync(DataFolder.BootstrapFile(data.Root), cancellation)).Trim()));
            var logging = parts.Web.Services.GetRequiredService<ILoggerFactory>();
            var grants = roles.Authority ? parts.Keep(GrantKeys.Open(data, TimeProvider.System)) : null;
            if (roles.Pod)
            {
                if (roles.Authority && data.TryReadLink() is { } link)
                {
                    throw new HoldfastException(FailureTable.InvalidRequest, $"{data.Root} is joined to the pod at {link.Url}: run it with --roles authority.");
                }

                // Beside its authority a pod trusts that one's keys as they are; by itself, those it was told of last.
                var trusted = grants is null ? new TrustedKeys(data.ReadTrusted(), data.WriteTrusted) : new TrustedKeys(grants.PublicKeys, _ => { });
                parts.Pod = await Pod.OpenAsync(data.Drives(), data.Root, new PodKeys(parts.Keep(data.ReadKey(DataFolder.PodKeyFile)), trusted, secretHash), data.WriteDrives, TimeProvider.System, logging, cancellation);
            }

            if (grants is not null)
            {
                parts.Authority = await Holdfast.Authority.Authority.OpenAsync(data.Configuration.DatabasesOf(data.Root), parts.PlaceOf(data, roles, grants, publicUrl), parts._http, secretHash, data.Configuration.SettingsOf(data.Root, data.ReadSelfBackupKey(), data.FilesToCopy) with
                {
                    ServiceUrl = () => publicUrl?.TrimEnd('/') ?? parts.BoundUrl(), CertificateExpires = () => certificate?.Current.TargetCertificate.NotAfter, Door = parts.AskDoorAsync,
                }, TimeProvider.System, logging, cancellation);
            }

            return parts;
        }
        catch
        {
            await parts.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Authority is not null)
        {
            await Authority.DisposeAsync();
        }

        if (Pod is not null)
        {
            await Pod.DisposeAsync();
        }

        await Web.DisposeAsync();
        _http.Dispose();
        _kept.ForEach(kept => kept.Dispose());
    }

    /// <summary>Where the pod is: in this process, or where the operator joined one.</summary>
    private PodPlace PlaceOf(DataFolder data, Roles roles, GrantKeys grants, string? publicUrl)
    {
        var authorityKey = Keep(data.ReadKey(DataFolder.AuthorityKeyFile));
        var host = publicUrl is null ? null : new Uri(publicUrl).Authority;
        if (roles.Pod)
        {
            return new PodPlace(() => publicUrl?.TrimEnd('/') ?? BoundUrl(), BoundUrl, host, authorityKey, () => grants.Current, [Keep(data.ReadKey(DataFolder.PodKeyFile))],
                (revokeOld, cancellation) => grants.RotateAsync((keys, token) => GrantKeys.TellAsync(data.Root, BoundUrl(), DataFolder.BootstrapFile(data.Root), keys, token), revokeOld, cancellation),
                cancellation => UsageAsync(data.Root, BoundUrl(), DataFolder.BootstrapFile(data.Root), cancellation));
        }

        var link = data.TryReadLink() is { ReceiptKeys.Count: > 0 } joined
            ? joined : throw new HoldfastException(FailureTable.InvalidRequest, $"{data.Root} has no pod: join one with `holdfastd pod join URL --secret-file FILE --data {data.Root}`.");
        return new PodPlace(() => link.Url, () => link.Url, host, authorityKey, () => grants.Current, [.. link.ReceiptKeys.Select(key => Keep(Signatures.TryImport(key)!))],
            (revokeOld, cancellation) => grants.RotateAsync((keys, token) => GrantKeys.TellAsync(data.Root, link.Url, DataFolder.PodSecretFile(data.Root), keys, token), revokeOld, cancellation),
            cancellation => UsageAsync(data.Root, link.Url, DataFolder.PodSecretFile(data.Root), cancellation));
    }

    private static async Task<PodUsage> UsageAsync(string root, string url, string secretFile, CancellationToken cancellation)
    {
        var status = await OperatorCommands.SendAsync(root, url, secretFile, HttpMethod.Get, "/pod/v1/status", null, StatusJson.Default.PodStatus, cancellation);
        return new PodUsage(status.Objects, status.Bytes, [.. status.Drives.Select(drive => new PodDrive(drive.Path, drive.BytesTotal, drive.BytesFree, drive.State == nameof(DriveState.Up), $"{drive.State}{(drive.Reason is null ? "" : $": {drive.Reason}")}"))]);
    }

    /// <summary>Asks for the page at which people sign in, as their browsers do.</summary>
    private async Task AskDoorAsync(CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync(new Uri(BoundUrl() + Holdfast.Pages.WebConsole.SignInPath), cancellation);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Adds the pages for people, which ask the API as anybody does.</summary>
    public void MapConsole(string? publicUrl) => Holdfast.Pages.WebConsole.Map(Web, BoundUrl, _http, publicUrl?.StartsWith("https:", StringComparison.OrdinalIgnoreCase) == true, TimeProvider.System);

    private T Keep<T>(T kept)
        where T : IDisposable
    {
        _kept.Add(kept);
        return kept;
    }

    private static WebApplication BuildWeb(DataFolder data, string listen, string? publicUrl, Roles roles, OwnCertificate? certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();

        // Only what the command line says counts: no file or variable may open another port.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.WebHost.UseKestrelHttpsConfiguration().UseUrls(listen);

        // Each connection's bytes by themselves: with queues for many, one whose request waits for a thread that was put behind holds up all of its queue.
        builder.WebHost.UseSockets(options => options.IOQueueCount = 0);
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.ConfigureHttpsDefaults(https =>
            {
                https.ServerCertificateSelector = (_, _) => certificate?.Current.TargetCertificate;

                // With those that vouch for it, which a selector cannot give.
                https.OnAuthenticate = (_, tls) => (tls.ServerCertificateSelectionCallback, tls.ServerCertificateContext) = (null, certificate?.Current);
            });
            options.Limits.MaxRequestBodySize = 4 << 20;
            options.Limits.MaxConcurrentConnections = roles.Authority ? AuthorityConnectionsMax : PodConnectionsMax;

            // What a client may send ahead of its turn: bounds a pod's memory at so much for each connection.
            options.Limits.MaxRequestBufferSize = RequestBufferLength;
            options.Limits.MinRequestBodyDataRate = new Microsoft.AspNetCore.Server.Kestrel.Core.MinDataRate(bytesPerSecond: 4096, gracePeriod: TimeSpan.FromSeconds(30));
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddSimpleConsole(options => options.SingleLine = true);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Service.DrainTimeout);
        Watching.Add(builder, data.Configuration.Traces);
        if (roles.Authority)
        {
            Holdfast.Pages.WebConsole.AddTo(builder.Services);
            IdentityProviders.Add(builder, data.Configuration.ProvidersOf(data.Root), data.Configuration.KeysFolderOf(data.Root), publicUrl);
        }


        // A proxy on this machine, or one that is named, says for whom it asks.
        builder.Services.Configure<ForwardedHeadersOptions>(options =>
        {
            // The pages of this process ask its API at the address that it listens at.
            if (IPAddress.TryParse(new Uri(listen).Host.Trim('[', ']'), out var own))
            {
                options.KnownProxies.Add(own);
            }

            options.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto;
            foreach (var proxy in data.Configuration.Proxies ?? [])
            {
                options.KnownProxies.Add(IPAddress.Parse(proxy));
            }
        });
        builder.Services.AddOpenApi(ApiDocument.Configure);
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.Services.ConfigureHttpJsonOptions(options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, new Protocol.Messages.MessageJson()));
        builder.Services.ConfigureHttpJsonOptions(options => 
        {
            options.SerializerOptions.PropertyNamingPolicy = System.Text.Json.JsonNamingPolicy.SnakeCaseLower;
            options.SerializerOptions.RespectNullableAnnotations = true;
            options.SerializerOptions.RespectRequiredConstructorParameters = true;
            options.SerializerOptions.DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull;
        });
        return builder.Build();
    }
}
