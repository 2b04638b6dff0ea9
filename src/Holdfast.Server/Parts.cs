using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Placing;
using Holdfast.Pods;
using Holdfast.Pods.Serving;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Holdfast.Server;

/// <summary>What a process is made of: the web server, the pod and the authority, opened on a data folder and closed in the opposite order.</summary>
internal sealed class Parts : IAsyncDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = TimeSpan.FromMinutes(10) };
    private readonly List<ECDsa> _keys = [];

    private Parts(WebApplication web)
    {
        Web = web;
    }

    public WebApplication Web { get; }

    public Pod Pod { get; private set; } = null!;

    public Authority.Authority Authority { get; private set; } = null!;

    /// <summary>The address that the server got; once it was started.</summary>
    public string BoundUrl() => Web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public static async Task<Parts> OpenAsync(DataFolder data, string listen, string? publicUrl, CancellationToken cancellation)
    {
        var parts = new Parts(BuildWeb(listen));
        try
        {
            var authorityKey = parts.Keep(data.ReadKey("authority.key"));
            var podKey = parts.Keep(data.ReadKey("pod.key"));
            var bootstrap = SHA256.HashData(Encoding.UTF8.GetBytes((await File.ReadAllTextAsync(DataFolder.BootstrapFile(data.Root), cancellation)).Trim()));
            var logging = parts.Web.Services.GetRequiredService<ILoggerFactory>();
            parts.Pod = await Pod.OpenAsync(data.Drives(), data.Root, new PodKeys(podKey, [authorityKey], bootstrap), TimeProvider.System, logging, cancellation);
            parts.Authority = new Authority.Authority(data.Root,
                new PodPlace(() => publicUrl?.TrimEnd('/') ?? parts.BoundUrl(), parts.BoundUrl, authorityKey, [podKey]), parts._http, bootstrap, TimeProvider.System, logging);
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
        _keys.ForEach(key => key.Dispose());
    }

    private ECDsa Keep(ECDsa key)
    {
        _keys.Add(key);
        return key;
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
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Service.DrainTimeout);
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
}
