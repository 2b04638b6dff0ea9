using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Pods.Serving;

/// <summary>The pod's operator over HTTP: its state, and what can be asked of it. The bearer is the secret in the service's own folder.</summary>
internal sealed class OperatorEndpoints(ShardStore store, PodKeys keys)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/pod/v1/status", async context =>
        {
            Authorize(context);
            await context.Response.WriteAsJsonAsync(store.Status(), StatusJson.Default.PodStatus, cancellationToken: context.RequestAborted);
        }).ExcludeFromDescription();
        routes.MapPost("/pod/v1/scrub", async context =>
        {
            Authorize(context);
            var bad = await store.ScrubAsync(context.RequestAborted);
            await context.Response.WriteAsJsonAsync(new ScrubResult(bad, store.Status().Scrub.BytesRead), StatusJson.Default.ScrubResult, cancellationToken: context.RequestAborted);
        }).ExcludeFromDescription();
        routes.MapPost("/pod/v1/rebuild", async context =>
        {
            Authorize(context);
            await context.Response.WriteAsJsonAsync(new RebuildResult(await store.RebuildAsync(context.RequestAborted)), StatusJson.Default.RebuildResult, cancellationToken: context.RequestAborted);
        }).ExcludeFromDescription();
    }

    private void Authorize(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        if (!header.StartsWith("Bearer ", StringComparison.Ordinal) || !CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header[7..].Trim())), keys.OperatorSecretHash))
        {
            throw new HoldfastException(FailureTable.TokenInvalid, "This needs the secret of the service's own folder.");
        }
    }
}

/// <summary>A scrub that was asked for.</summary>
public sealed record ScrubResult(long RecordsBad, long BytesRead);

/// <summary>A rebuild that was asked for.</summary>
public sealed record RebuildResult(int ExtentsMade);

/// <summary>JSON of the operator's answers.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PodStatus))]
[JsonSerializable(typeof(ScrubResult))]
[JsonSerializable(typeof(RebuildResult))]
[JsonSerializable(typeof(DriveSetConfiguration))]
public sealed partial class StatusJson : JsonSerializerContext;
