using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Callers;

/// <summary>What is read gets a tag of its content (RFC 9110 §8.8.3), unless its endpoint gave it one: who has it already is told so, and nothing else.</summary>
/// <remarks>For people and tokens, whose lists are short pages; computers' endpoints say themselves what has a version.</remarks>
internal static class AnswerTags
{
    public static async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsGet(context.Request.Method) || context.Features.Get<Caller>() is not { Device: null })
        {
            await next(context);
            return;
        }

        var body = context.Response.Body;
        using var answer = new MemoryStream();
        context.Response.Body = answer;
        try
        {
            await next(context);
        }
        finally
        {
            context.Response.Body = body;
        }

        if (context.Response.StatusCode == StatusCodes.Status200OK && context.Response.Headers.ETag.Count == 0)
        {
            var tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(answer.GetBuffer().AsSpan(0, (int)answer.Length)).AsSpan(0, 16))}\"";
            context.Response.Headers.ETag = tag;
            if (context.Request.Headers.IfNoneMatch.ToString() == tag)
            {
                (context.Response.StatusCode, context.Response.ContentLength, context.Response.ContentType) = (StatusCodes.Status304NotModified, null, null);
                return;
            }
        }

        await body.WriteAsync(answer.GetBuffer().AsMemory(0, (int)answer.Length), context.RequestAborted);
    }
}
