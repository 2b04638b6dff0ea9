using System.Collections.Concurrent;
using System.Globalization;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Holdfast.Restorer.Spooling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Restorer;

/// <summary>Takes archives that customers' computers made and encrypted, a part at a time; the same part again changes nothing, so that an upload goes on where it broke off.</summary>
internal sealed class Uploads(AuthorityKey authority, Spool spool, TimeProvider time) : IDisposable
{
    /// <summary>Parts that are in memory at once.</summary>
    private const int AtOnceMax = 4;

    /// <summary>What is left free of the disk, for those who wait for archives that are prepared.</summary>
    private const long BytesKeptFree = 1L << 30;

    private readonly SemaphoreSlim _atOnce = new(AtOnceMax);
    private readonly ConcurrentDictionary<string, bool> _busy = new();

    public void Map(IEndpointRouteBuilder routes) => routes.MapPut("/v1/uploads/{pass}", (Delegate)PutAsync);

    public void Dispose() => _atOnce.Dispose();

    private async Task<SharedProgress> PutAsync(HttpContext context, string pass, long offset, bool? whole)
    {
        var id = authority.Require(pass, PassPurpose.Upload, time.GetUtcNow()).ToString();
        if (context.Request.ContentLength is not { } length || length > SharedProgress.PartLengthMax || offset < 0)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A part says where it belongs and how long it is, at most {SharedProgress.PartLengthMax} bytes.");
        }

        if (!_busy.TryAdd(id, true))
        {
            throw new HoldfastException(FailureTable.AlreadyRunning, "Another part of this archive is on its way.");
        }

        try
        {
            await _atOnce.WaitAsync(context.RequestAborted);
            try
            {
                return await TakeAsync(context, id, offset, length, whole ?? false);
            }
            finally
            {
                _atOnce.Release();
            }
        }
        finally
        {
            _busy.TryRemove(id, out _);
        }
    }

    private async Task<SharedProgress> TakeAsync(HttpContext context, string id, long offset, long length, bool isWhole)
    {
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = SharedProgress.PartLengthMax;
        var part = new byte[length];
        await context.Request.Body.ReadExactlyAsync(part, context.RequestAborted);
        await using var archive = spool.Open(id);
        var saved = archive.State;
        if (saved.Length == offset + length && (saved.IsWhole || !isWhole))
        {
            return new SharedProgress(saved.Length, saved.IsWhole);
        }

        if (saved.IsWhole || saved.Length != offset)
        {
            throw new HoldfastException(FailureTable.Conflict, string.Create(CultureInfo.InvariantCulture, $"{saved.Length} bytes of the archive are here: the next part begins there."));
        }

        if (spool.BytesFree - length < BytesKeptFree)
        {
            throw new HoldfastException(FailureTable.PodFull, "There is no room for the archive now.");
        }

        await archive.Content.WriteAsync(part, context.RequestAborted);
        await archive.SaveAsync(new SpooledState { IsWhole = isWhole, WrittenAt = time.GetUtcNow().ToUnixTimeSeconds() });
        return new SharedProgress(archive.State.Length, isWhole);
    }
}
