using System.CommandLine;
using Holdfast.Protocol.Failures;
using Holdfast.Restorer;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Holdfast.Server;

/// <summary><c>holdfastd restorer</c>: the process that holds the operator's escrow keys, on a machine of its own if may be. It is a client of the service.</summary>
internal static class RestorerCommand
{
    private const int ConnectionsMax = 512;

    public static Command Build()
    {
        var data = new Option<string>("--data") { Description = "Folder of prepared archives (sealed), and of what was seen of accounts.", DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOLDFAST_DATA") ?? "/var/lib/holdfast-restorer" };
        var service = Text("--service", "HOLDFAST_SERVICE", "The service's address, such as https://backup.example.org.");
        var token = Text("--token-file", "HOLDFAST_TOKEN_FILE", "A file with the token that `holdfast admin restorer add` showed.");
        var key = new Option<string[]>("--escrow-key") { Description = "A file with an escrow key (`holdfast admin escrow create`); several are allowed.", Required = true };
        var passphrase = Text("--passphrase-file", "HOLDFAST_ESCROW_PASSPHRASE_FILE", "A file with the passphrase of the keys.");
        var listen = new Option<string>("--listen") { Description = "Address to listen on. Plain http is refused off the loopback; port 0 picks a free one.", DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOLDFAST_LISTEN") ?? "http://127.0.0.1:8752" };
        var certificate = new Option<string?>("--certificate") { Description = "PEM file of the certificate with those that vouch for it, for https." };
        var certificateKey = new Option<string?>("--certificate-key") { Description = "PEM file of its private key." };
        var run = new Command("run", """
            Prepares restores of managed accounts, and shows what is in them, until SIGTERM or SIGINT. It needs the escrow keys, and no other process does.

            Example:
              holdfast admin restorer add main https://restores.example.org > /etc/holdfast/restorer-token
              holdfastd restorer run --service https://backup.example.org --token-file /etc/holdfast/restorer-token \
                --escrow-key /media/safe/escrow-2026.pem --passphrase-file /run/credentials/escrow-passphrase --listen http://127.0.0.1:8752
            """) { data, service, token, key, passphrase, listen, certificate, certificateKey };
        run.SetAction((parsed, cancellation) =>
        {
            var secret = Read(parsed.GetRequiredValue(passphrase));
            var settings = new RestorerSettings(parsed.GetRequiredValue(service), Read(parsed.GetRequiredValue(token)), Path.GetFullPath(parsed.GetRequiredValue(data)), [.. parsed.GetRequiredValue(key).Select(path => new EscrowKeyFile(path, secret))]);
            var tls = (parsed.GetValue(certificate), parsed.GetValue(certificateKey)) switch
            {
                (null, null) => null,
                ({ } file, { } keyFile) => new TlsFiles(file, keyFile),
                _ => throw new HoldfastException(FailureTable.InvalidRequest, "A certificate needs its key: --certificate and --certificate-key."),
            };
            return RunAsync(settings, parsed.GetRequiredValue(listen), tls, cancellation);
        });
        return new Command("restorer", "The process that alone holds escrow keys: prepared restores of managed accounts.") { run };
    }

    private static async Task<int> RunAsync(RestorerSettings settings, string listen, TlsFiles? tls, CancellationToken cancellation)
    {
        Service.RefusePlaintextOffLoopback(listen);
        Directory.CreateDirectory(settings.Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var alone = Posix.PosixFile.TryLock(Path.Combine(settings.Folder, "lock")) ?? throw new HoldfastException(FailureTable.Conflict, $"Another restorer works in {settings.Folder}.");
        await using var web = BuildWeb(listen, tls is null ? null : new OwnCertificate(tls, TimeProvider.System));
        await using var restorer = new Restorer.Restorer(settings, TimeProvider.System, web.Services.GetRequiredService<ILoggerFactory>());
        web.UseMiddleware<Problems>(TimeProvider.System);
        web.MapGet("/healthz", () => "ok");
        restorer.Map(web);
        await web.StartAsync(cancellation);
        var bound = web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        DataFolder.WritePrivate(DataFolder.ReadyFile(settings.Folder), bound + "\n");
        Console.WriteLine($"holdfastd {Product.Version} prepares restores for {settings.ServiceUrl} at {bound}.");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, web.Lifetime.ApplicationStopping);
        await restorer.RunAsync(stop.Token);
        await web.StopAsync(CancellationToken.None);
        return ExitCode.Ok;
    }

    private static WebApplication BuildWeb(string listen, OwnCertificate? certificate)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.WebHost.UseKestrelHttpsConfiguration().UseUrls(listen);
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.ConfigureHttpsDefaults(https => https.ServerCertificateSelector = (_, _) => certificate?.Current.TargetCertificate);
            options.Limits.MaxRequestBodySize = 0;
            options.Limits.MaxConcurrentConnections = ConnectionsMax;
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Logging.AddSimpleConsole(options => options.SingleLine = true);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Service.DrainTimeout);
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        return builder.Build();
    }

    private static Option<string> Text(string name, string variable, string description) => new(name)
    {
        Description = $"{description} ({variable})",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : throw new HoldfastException(FailureTable.InvalidRequest, $"{name} is missing (or {variable})."),
    };

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.LocalState, exception.Message, exception);
        }
    }
}
