using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using Holdfast.Format.Objects;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Pods.Serving;

/// <summary>The pod's operator over HTTP: its state, and what can be asked of it. The bearer is the secret in the service's own folder.</summary>
internal sealed class OperatorEndpoints(ShardStore store, PodKeys keys, Action<DriveSetConfiguration> keepDrives)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        MapKeys(routes);
        MapDrives(routes);
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

    /// <summary>Which directories its drives are, which can be changed without a stop.</summary>
    private void MapDrives(IEndpointRouteBuilder routes) => routes.MapPut("/pod/v1/drives/{slot:int}", async (int slot, HttpContext context) =>
    {
        Authorize(context);
        var request = await context.Request.ReadFromJsonAsync(StatusJson.Default.DriveReplacement, context.RequestAborted);
        if (string.IsNullOrEmpty(request?.Path) || !Path.IsPathRooted(request.Path))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The request names no absolute path.");
        }

        await store.ReplaceDriveAsync(slot, request.Path, keepDrives, context.RequestAborted);
        await context.Response.WriteAsJsonAsync(store.Status(), StatusJson.Default.PodStatus, cancellationToken: context.RequestAborted);
    }).ExcludeFromDescription();

    /// <summary>Who signs this pod's receipts; and from whom it takes grants, which can be changed without a stop.</summary>
    private void MapKeys(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/pod/v1/keys", async context =>
        {
            Authorize(context);
            await context.Response.WriteAsJsonAsync(new ReceiptKeys([Signatures.ExportPublic(keys.Own)]), StatusJson.Default.ReceiptKeys, cancellationToken: context.RequestAborted);
        }).ExcludeFromDescription();
        routes.MapPut("/pod/v1/grant-keys", async context =>
        {
            Authorize(context);
            var request = await context.Request.ReadFromJsonAsync(StatusJson.Default.GrantKeysTrusted, context.RequestAborted)
                ?? throw new HoldfastException(FailureTable.InvalidRequest, "The request names no keys.");
            keys.Trusted.Replace(request.Keys);
            await context.Response.WriteAsJsonAsync(request, StatusJson.Default.GrantKeysTrusted, cancellationToken: context.RequestAborted);
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

/// <summary>The directory that takes a drive's place, on the pod's machine.</summary>
public sealed record DriveReplacement(string Path);

/// <summary>Public keys that sign a pod's receipts.</summary>
public sealed record ReceiptKeys(IReadOnlyList<byte[]> Keys);

/// <summary>Public keys whose grants a pod honours, the newest first.</summary>
public sealed record GrantKeysTrusted(IReadOnlyList<byte[]> Keys);

/// <summary>JSON of the operator's answers.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PodStatus))]
[JsonSerializable(typeof(ScrubResult))]
[JsonSerializable(typeof(RebuildResult))]
[JsonSerializable(typeof(DriveReplacement))]
[JsonSerializable(typeof(DriveSetConfiguration))]
[JsonSerializable(typeof(ReceiptKeys))]
[JsonSerializable(typeof(GrantKeysTrusted))]
public sealed partial class StatusJson : JsonSerializerContext;
