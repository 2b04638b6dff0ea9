using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Restorer.Spooling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace Holdfast.Restorer;

/// <summary>Hands out archives to whoever has a link, whole or in ranges (RFC 9110), so that a download can go on where it broke off.</summary>
internal sealed class Downloads(AuthorityKey authority, Spool spool, TimeProvider time)
{
    public void Map(IEndpointRouteBuilder routes) => routes.MapMethods("/v1/archives/{pass}/{file}", [HttpMethods.Get, HttpMethods.Head], Fetch);

    private IResult Fetch(HttpContext context, string pass, string file)
    {
        var id = authority.Require(pass, PassPurpose.Download, time.GetUtcNow()).ToString();
        var (content, writtenAt) = spool.TryOpenWhole(id) ?? throw new HoldfastException(FailureTable.NotFound, "The archive is not there any more.");

        // It is for saving: no browser shows anything of it, and none keeps it.
        (context.Response.Headers.ContentSecurityPolicy, context.Response.Headers.XContentTypeOptions, context.Response.Headers.CacheControl) = ("default-src 'none'; sandbox", "nosniff", "no-store, no-transform");
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        var name = new string([.. file.Where(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.')]);
        return TypedResults.Stream(content, name.EndsWith(".zip", StringComparison.Ordinal) ? "application/zip" : "application/octet-stream", name, writtenAt, new EntityTagHeaderValue($"\"{id}\""), enableRangeProcessing: true);
    }
}
