using System.Security.Cryptography;
using System.Text;
using Holdfast.Protocol.Failures;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Holdfast.Server;

/// <summary>Traces by OpenTelemetry, and metrics for Prometheus at <c>/metrics</c> (the service) and <c>/metrics/accounts</c> (what each account uses), for whoever has the token in the data folder: how busy a service is, is nobody else's business.</summary>
internal static class Watching
{
    /// <param name="builder">The web server's.</param>
    /// <param name="traces">Where traces go (OTLP over HTTP); null for nowhere.</param>
    public static void Add(WebApplicationBuilder builder, Uri? traces)
    {
        var telemetry = builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource.AddService("holdfastd", serviceVersion: Product.Version)).WithMetrics(metrics => metrics
            .AddAspNetCoreInstrumentation().AddRuntimeInstrumentation().AddMeter("Holdfast.*", "Npgsql").AddPrometheusExporter());
        if (traces is not null)
        {
            telemetry.WithTracing(tracing => tracing.AddAspNetCoreInstrumentation().AddSource("Npgsql").AddOtlpExporter(options => (options.Endpoint, options.Protocol) = (traces, OtlpExportProtocol.HttpProtobuf)));
        }
    }

    public static void Map(WebApplication app, string token, Authority.Authority? authority)
    {
        var expected = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        app.Map("/metrics", branch =>
        {
            branch.Use(next => context =>
            {
                var header = context.Request.Headers.Authorization.ToString();
                return header.StartsWith("Bearer ", StringComparison.Ordinal) && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header[7..].Trim())), expected)
                    ? next(context) : throw new HoldfastException(FailureTable.TokenInvalid, "This needs the token in the file metrics-token of the data folder.");
            });
            branch.Map("/accounts", accounts => accounts.Run(async context =>
            {
                if (authority is null)
                {
                    throw new HoldfastException(FailureTable.NotFound, "A pod by itself knows nothing of accounts.");
                }

                context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
                await using var text = new StreamWriter(context.Response.Body);
                await authority.WriteAccountMetricsAsync(text, context.RequestAborted);
            }));
            branch.UseOpenTelemetryPrometheusScrapingEndpoint(_ => true);
        });
    }
}
