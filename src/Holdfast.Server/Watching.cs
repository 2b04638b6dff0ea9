using System.Security.Cryptography;
using System.Text;
using Holdfast.Protocol.Failures;
using OpenTelemetry.Metrics;

namespace Holdfast.Server;

/// <summary>Metrics for Prometheus at <c>/metrics</c>, for whoever has the token in the data folder: how busy a service is, is nobody else's business.</summary>
internal static class Watching
{
    public static void Add(WebApplicationBuilder builder) => builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics
        .AddAspNetCoreInstrumentation().AddRuntimeInstrumentation().AddMeter("Holdfast.*", "Npgsql").AddPrometheusExporter());

    public static void Map(WebApplication app, string token)
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
            branch.UseOpenTelemetryPrometheusScrapingEndpoint(_ => true);
        });
    }
}
