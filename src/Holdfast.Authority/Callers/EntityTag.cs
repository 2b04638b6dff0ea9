using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Callers;

/// <summary>Versions of resources as HTTP has them (RFC 9110 §8.8.3): unchanged answers are short, and a change can be bound to what its maker saw.</summary>
internal static class EntityTag
{
    /// <summary>Names the version in the answer; true if the caller has it already (answer 304).</summary>
    public static bool IsKnown(HttpContext context, long version)
    {
        var tag = Of(version);
        context.Response.Headers.ETag = tag;
        return context.Request.Headers.IfNoneMatch.ToString() == tag;
    }

    /// <summary>A change whose If-Match names another version than the current one is refused; without If-Match anything goes.</summary>
    public static void Require(string? ifMatch, long current)
    {
        if (!string.IsNullOrEmpty(ifMatch) && ifMatch != "*" && ifMatch != Of(current))
        {
            throw new HoldfastException(FailureTable.PreconditionFailed, $"If-Match names {ifMatch}; the current version is {Of(current)}.");
        }
    }

    private static string Of(long version) => $"\"{version}\"";
}
