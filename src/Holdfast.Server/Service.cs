using System.Net;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Placing;
using Holdfast.Pods;
using Holdfast.Pods.Serving;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Holdfast.Server;

/// <summary>One process with authority and pod: opens the data folder, serves both, says when it is ready, and drains on SIGTERM.</summary>
internal static class Service
{
    /// <summary>What uploads in flight get to finish in after SIGTERM.</summary>
    public static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(string dataRoot, string listen, string? publicUrl, CancellationToken cancellation)
    {
        RefusePlaintextOffLoopback(listen);
        if (publicUrl is not null)
        {
            RefusePlaintextOffLoopback(publicUrl);
        }
        using var data = DataFolder.Open(dataRoot);
        using var authorityKey = data.ReadKey("authority.key");
        using var podKey = data.ReadKey("pod.key");
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = TimeSpan.FromMinutes(10) };
        var bootstrap = SHA256.HashData(Encoding.UTF8.GetBytes((await File.ReadAllTextAsync(DataFolder.BootstrapFile(data.Root), cancellation)).Trim()));

        await using var app = BuildWeb(listen);
        var logging = app.Services.GetRequiredService<ILoggerFactory>();
        await using var pod = await Pod.OpenAsync(data.Drives(), data.Root, new PodKeys(podKey, [authorityKey], bootstrap), TimeProvider.System, logging, cancellation);
        string BoundUrl() => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        using var authority = new Authority.Authority(
            data.Root, new PodPlace(() => publicUrl?.TrimEnd('/') ?? BoundUrl(), BoundUrl, authorityKey, [podKey]), http, bootstrap, TimeProvider.System,
            logging);
        var isReady = false;
        app.UseMiddleware<Problems>();
        app.MapOpenApi();
        app.MapGet("/healthz", () => "ok").ExcludeFromDescription();
        app.MapGet("/readyz", () => CheckReady(isReady, authority)).ExcludeFromDescription();
        pod.Map(app);
        authority.Map(app);

        await app.StartAsync(cancellation);
        await authority.RecoverAsync(trouble => Console.Error.WriteLine($"holdfastd: could not put everything on the pod yet: {trouble}"), cancellation);
        isReady = true;
        DataFolder.WritePrivate(DataFolder.ReadyFile(data.Root), BoundUrl() + "\n");
        Console.WriteLine($"holdfastd {Product.Version} serves {BoundUrl()} from {data.Root}; {pod.Code}.");
        try
        {
            await app.WaitForShutdownAsync(cancellation);
            isReady = false;
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
        }

        return ExitCode.Ok;
    }

    /// <summary>Ready is who has recovered, can read its databases, and is not shutting down.</summary>
    private static string CheckReady(bool isReady, Authority.Authority authority)
    {
        if (!isReady)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, "The service is starting or stopping.");
        }

        authority.CheckReady();
        return "ok";
    }

    private static WebApplication BuildWeb(string listen)
    {
        var builder = WebApplication.CreateSlimBuilder();

        // Only what the command line says counts: no file or variable may open another port.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.WebHost.UseKestrelHttpsConfiguration().UseUrls(listen);
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = 4 << 20;
            options.Limits.MaxConcurrentConnections = 10_000;
            options.Limits.MinRequestBodyDataRate = new Microsoft.AspNetCore.Server.Kestrel.Core.MinDataRate(bytesPerSecond: 4096, gracePeriod: TimeSpan.FromSeconds(30));
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddSimpleConsole(options => options.SingleLine = true);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = DrainTimeout);
        builder.Services.AddOpenApi();
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

    private static void RefusePlaintextOffLoopback(string listen)
    {
        if (listen.Contains(';', StringComparison.Ordinal) || !Uri.TryCreate(listen, UriKind.Absolute, out var address))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"'{listen}' is not an address such as http://127.0.0.1:8750.");
        }

        var isLoopback = address.Host == "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
        if (address.Scheme == Uri.UriSchemeHttp && !isLoopback)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{listen} would send tokens in the clear: use https, or listen on the loopback behind a proxy.");
        }
    }
}
