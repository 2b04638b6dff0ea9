using System.Buffers;
using System.Globalization;
using Holdfast.Admission;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Pods.Storing;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Holdfast.Pods.Serving;

/// <summary>The pod over HTTP: every request carries a grant, and does what the grant names or nothing.</summary>
internal sealed class PodEndpoints(IPackStore store, PodKeys keys, TimeProvider time) : IDisposable
{
    private const int ReadLength = 256 << 10;
    /// <summary>17 MiB each, made when first needed.</summary>
    private const int UploadsAtOnceMax = 6;

    /// <summary>So that slow uplinks of one account leave room for the others.</summary>
    private const int UploadsOfAccountMax = 4;
    private const int SmallObjectsAtOnceMax = 32;
    private const int SmallLengthMax = 1 << 20;
    private const int ListLimitMax = 1000;
    private const string Route = "/pod/v1/objects/{account}/{space}/{number}";

    private readonly GivingWay _uploadSteps = new("upload steps", ThisThread.GiveWay);
    private readonly Throttles _throttles = new(time);
    private readonly UploadBuffers _buffers = new(UploadsAtOnceMax, UploadsOfAccountMax, SmallObjectsAtOnceMax, SmallLengthMax, time);

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPut(Route, PutAsync).WithName("PutObject").ExcludeFromDescription();
        routes.MapGet(Route, GetAsync).WithName("GetObject").ExcludeFromDescription();
        routes.MapGet(Route + "/receipt", StatAsync).WithName("GetReceipt").ExcludeFromDescription();
        routes.MapPost(Route + "/condemn", context => ActAsync(context, GrantMethod.Condemn, store.CondemnAsync)).ExcludeFromDescription();
        routes.MapPost(Route + "/revive", context => ActAsync(context, GrantMethod.Revive, store.ReviveAsync)).ExcludeFromDescription();
        routes.MapGet("/pod/v1/pressure", PressureAsync).WithName("GetPressure").ExcludeFromDescription();
        routes.MapGet("/pod/v1/objects", ListAsync).WithName("ListObjects").ExcludeFromDescription();
        routes.MapPost("/pod/v1/accounts/{account}/close", CloseAsync).WithName("CloseAccountOnPod").ExcludeFromDescription();
        routes.MapGet("/pod/v1/accounts/closed", ListClosedAsync).WithName("ListClosedAccountsOnPod").ExcludeFromDescription();
        routes.MapDelete(Route, context => ActAsync(context, GrantMethod.Delete, store.DeleteAsync)).ExcludeFromDescription();
    }

    public void Dispose()
    {
        _buffers.Dispose();
        _uploadSteps.Dispose();
    }

    private async Task PutAsync(HttpContext context)
    {
        var grant = Authorize(context, GrantMethod.Put);
        var length = context.Request.ContentLength ?? throw new HoldfastException(FailureTable.InvalidRequest, "A put needs a Content-Length.");
        if (length > grant.LengthMax || length < ObjectHeader.Length)
        {
            throw new HoldfastException(FailureTable.TooLarge, $"{length} bytes; the grant allows {ObjectHeader.Length} to {grant.LengthMax}.");
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = length;
        }

        using var entered = await _throttles.EnterAsync(grant, context.RequestAborted);
        await _throttles.PassAsync(grant, length, context.RequestAborted);

        // The buffer is given back before the answer: whoever gets that sends the next object at once.
        var receipt = await StoreAsync(context.Request.Body, grant, (int)length, context.RequestAborted);
        context.Response.ContentType = "application/octet-stream";
        await context.Response.Body.WriteAsync(receipt.Sign(keys.Own), context.RequestAborted);
    }

    private async Task<Receipt> StoreAsync(Stream body, Grant grant, int length, CancellationToken cancellation)
    {
        using var buffer = await _buffers.TakeAsync(ClassOf(grant), grant.Name.Account, length, cancellation, grant.Flow.Weight);
        Receipt? receipt = null;

        // How long it waited for its turn is what the gate goes by: nothing may wait elsewhere before that.
        await _uploadSteps.RunAsync(async () => receipt = await ReceiveAndStoreAsync(body, buffer, grant, cancellation));
        return receipt!;
    }

    private async Task<Receipt> ReceiveAndStoreAsync(Stream body, UploadBuffers.Lease buffer, Grant grant, CancellationToken cancellation)
    {
        await ReceiveAsync(body, buffer.Memory, cancellation);
        if ((buffer.Memory.Span[11] == 2 || grant.Name.Space == ObjectSpace.SelfBackups) && grant.Computer != 0)
        {
            throw new HoldfastException(FailureTable.GrantInvalid, "Only the service makes packs of kind 2, and copies of itself.");
        }

        var receipt = Inspect(buffer.Memory, grant);
        await store.PutAsync(grant.Name, buffer.Memory, cancellation);
        return receipt;
    }

    private async Task GetAsync(HttpContext context)
    {
        var grant = Authorize(context, GrantMethod.Get);
        var item = await store.FindAsync(grant.Name, context.RequestAborted) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no object {grant.Name}.");
        if (item.Length < 0)
        {
            throw new HoldfastException(FailureTable.DamagedObject, $"{grant.Name}: its file has an impossible length.");
        }

        var (offset, end) = RangeOf(context.Request, item.Length);
        if (offset < grant.FirstByte)
        {
            throw new HoldfastException(FailureTable.GrantInvalid, $"The grant allows reading from byte {grant.FirstByte}.");
        }

        using var entered = await _throttles.EnterAsync(grant, context.RequestAborted);
        await _throttles.PassAsync(grant, end - offset, context.RequestAborted);
        context.Response.StatusCode = offset == 0 && end == item.Length ? StatusCodes.Status200OK : StatusCodes.Status206PartialContent;
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = end - offset;
        context.Response.Headers.ContentRange = $"bytes {offset}-{end - 1}/{item.Length}";
        var buffer = ArrayPool<byte>.Shared.Rent(ReadLength);
        try
        {
            while (offset < end)
            {
                // Up to the next multiple, so that each block of the store is read and verified once.
                var count = (int)Math.Min(ReadLength - (offset % ReadLength), end - offset);
                await store.ReadAsync(grant.Name, offset, buffer.AsMemory(0, count), context.RequestAborted);
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, count), context.RequestAborted);
                offset += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>How uploads get through: what the gate lets in follows it.</summary>
    private Task PressureAsync(HttpContext context)
    {
        Authorize(context, GrantMethod.List, ObjectName.Everything.ToString());
        return context.Response.WriteAsJsonAsync(_buffers.Pressure, MessageJson.Default.PodPressure, cancellationToken: context.RequestAborted);
    }

    /// <summary>Somebody waits for the heads, statements and keyrings that the service puts: they go before uploads. Its own copies and what it reads again go behind.</summary>
    private static WorkClass ClassOf(Grant grant) => grant switch
    {
        { Computer: not 0 } => grant.Flow.IsCatchingUp ? WorkClass.CatchingUp : WorkClass.Backup,
        { Method: GrantMethod.Put, Name.Space: not ObjectSpace.SelfBackups } => WorkClass.Interactive,
        _ => WorkClass.Background,
    };

    /// <summary>What there is, a page in order of names: whoever lost every database finds it all again.</summary>
    private async Task ListAsync(HttpContext context)
    {
        Authorize(context, GrantMethod.List, ObjectName.Everything.ToString());
        var after = context.Request.Query["after"].ToString();
        var name = default(ObjectName);
        if (after.Length > 0 && !ObjectName.TryParse(after, out name))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"'{after}' is no object's name.");
        }

        var limit = int.TryParse(context.Request.Query["limit"], CultureInfo.InvariantCulture, out var asked) ? Math.Clamp(asked, 1, ListLimitMax) : ListLimitMax;
        var page = new List<PodObject>();
        await foreach (var item in store.ListAsync(after.Length > 0 ? name : null, context.RequestAborted))
        {
            page.Add(new PodObject(item.Name.ToString(), item.Length, item.StoredAt.ToUnixTimeSeconds(), item.CondemnedAt?.ToUnixTimeSeconds()));
            if (page.Count == limit)
            {
                break;
            }
        }

        await context.Response.WriteAsJsonAsync(new PodListing(page, page.Count == limit ? page[^1].Name : null), MessageJson.Default.PodListing, cancellationToken: context.RequestAborted);
    }

    /// <summary>Closes an account, or says how far that is.</summary>
    private async Task CloseAsync(HttpContext context)
    {
        if (!AccountId.TryParse(context.GetRouteData().Values["account"] as string, out var account) || account == default)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The request names no account.");
        }

        Authorize(context, GrantMethod.Close, ObjectName.All(account).ToString());
        await context.Response.WriteAsJsonAsync(Closure(await store.CloseAsync(account, context.RequestAborted)), MessageJson.Default.PodClosure, cancellationToken: context.RequestAborted);
    }

    private async Task ListClosedAsync(HttpContext context)
    {
        Authorize(context, GrantMethod.List, ObjectName.Everything.ToString());
        var after = context.Request.Query["after"].ToString();
        AccountId? from = after.Length == 0 ? null : AccountId.TryParse(after, out var account) ? account : throw new HoldfastException(FailureTable.InvalidRequest, $"'{after}' is no account.");
        var page = store.ListClosed(from, ListLimitMax).Select(Closure).ToList();
        await context.Response.WriteAsJsonAsync(new PodClosures(page, page.Count == ListLimitMax ? page[^1].Account : null), MessageJson.Default.PodClosures, cancellationToken: context.RequestAborted);
    }

    private static PodClosure Closure(AccountClosure closure) => new(closure.Account.ToString(), closure.ClosedAt.ToUnixTimeSeconds(), closure.RecordsLeft);

    /// <summary>
    /// The receipt again, from what is stored: a client that was killed after its put lost it. Everything is read and every hash compared, unless only a pack's tables
    /// are asked for (<c>?tables</c>): its frames were compared when it was put, and reading all of a pod again takes days.
    /// </summary>
    private async Task StatAsync(HttpContext context)
    {
        var grant = Authorize(context, GrantMethod.Stat);
        if (await store.FindAsync(grant.Name, context.RequestAborted) is not { Length: >= ObjectHeader.Length } item)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no object {grant.Name}.");
        }

        var receipt = context.Request.Query.ContainsKey("tables") && await TryInspectTablesAsync(grant, item, context.RequestAborted) is { } ofTables
            ? ofTables : await InspectWholeAsync(grant, item, context.RequestAborted);
        await context.Response.Body.WriteAsync(receipt.Sign(keys.Own), context.RequestAborted);
    }

    private async Task<Receipt> InspectWholeAsync(Grant grant, StoredItem item, CancellationToken cancellation)
    {
        using var buffer = await _buffers.TakeAsync(ClassOf(grant), grant.Name.Account, (int)item.Length, cancellation);
        await store.ReadAsync(grant.Name, 0, buffer.Memory, cancellation);
        return Inspect(buffer.Memory, grant);
    }

    /// <summary>A pack's receipt from its last bytes; null for other objects.</summary>
    private async Task<Receipt?> TryInspectTablesAsync(Grant grant, StoredItem item, CancellationToken cancellation)
    {
        var header = new byte[ObjectHeader.Length];
        await store.ReadAsync(grant.Name, 0, header, cancellation);
        if (item.Length < ObjectHeader.Length + PackTrailer.Length || Checked(() => ObjectHeader.Read(header)).Type != ObjectType.Pack)
        {
            return null;
        }

        var trailer = new byte[PackTrailer.Length];
        await store.ReadAsync(grant.Name, item.Length - trailer.Length, trailer, cancellation);
        using var tail = await _buffers.TakeAsync(ClassOf(grant), grant.Name.Account, Checked(() => PackTrailer.Parse(trailer, item.Length)).TailLength, cancellation);
        await store.ReadAsync(grant.Name, item.Length - tail.Memory.Length, tail.Memory, cancellation);
        return Checked(() => RequireNamed(ObjectInspection.OfPack(PackTables.Parse(tail.Memory, item.Length), item.Length), ObjectHeader.Read(header), grant));
    }

    private async Task ActAsync(HttpContext context, GrantMethod method, Func<ObjectName, CancellationToken, Task> action)
    {
        var grant = Authorize(context, method);
        await action(grant.Name, context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private Grant Authorize(HttpContext context, GrantMethod method)
    {
        var route = context.GetRouteData().Values;
        return Authorize(context, method, $"{route["account"]}/{route["space"]}/{route["number"]}");
    }

    private Grant Authorize(HttpContext context, GrantMethod method, string name)
    {
        var header = context.Request.Headers.Authorization.ToString();
        var grant = header.StartsWith("Grant ", StringComparison.Ordinal) ? Grant.TryVerify(header.AsSpan(6), keys.Trusted.Keys, time.GetUtcNow()) : null;
        return grant is not null && grant.Method == method && grant.Name.ToString() == name
            ? grant
            : throw new HoldfastException(FailureTable.GrantInvalid, "The request carries no valid grant for this object and method.");
    }

    private static async Task ReceiveAsync(Stream body, Memory<byte> destination, CancellationToken cancellation)
    {
        try
        {
            await body.ReadExactlyAsync(destination, cancellation);
        }
        catch (EndOfStreamException exception)
        {
            throw new HoldfastException(FailureTable.DamagedUpload, "The upload ended before its Content-Length.", exception);
        }
    }

    private static Receipt Inspect(ReadOnlyMemory<byte> content, Grant grant) =>
        Checked(() => RequireNamed(ObjectInspection.Inspect(content), ObjectHeader.Read(content.Span), grant));

    private static Receipt RequireNamed(Receipt receipt, ObjectHeader header, Grant grant) =>
        ObjectName.Of(header) == grant.Name && (grant.Computer == 0 || header.Computer == grant.Computer)
            ? receipt
            : throw new MalformedObjectException("object", "its header names another object or computer than the grant");

    private static T Checked<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(exception.IsNewer ? FailureTable.NewerVersion : FailureTable.DamagedUpload, exception.Message, exception);
        }
    }

    private static (long Offset, long End) RangeOf(HttpRequest request, long length)
    {
        if (!RangeHeaderValue.TryParse(request.Headers.Range.ToString(), out var header) || header.Unit != "bytes" || header.Ranges.Count != 1)
        {
            return (0, length);
        }

        var range = header.Ranges.First();
        var (from, to) = range.From is { } start ? (start, Math.Min(range.To ?? length - 1, length - 1)) : (Math.Max(0, length - (range.To ?? 0)), length - 1);
        return from <= to ? (from, to + 1) : throw new HoldfastException(FailureTable.InvalidRequest, $"The range lies outside the object's {length} bytes.");
    }
}
