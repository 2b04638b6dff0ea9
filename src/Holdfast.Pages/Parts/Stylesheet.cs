using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Pages.Parts;

/// <summary>How pages look; its address changes with it, so that browsers keep it.</summary>
internal static class Stylesheet
{
    private static readonly byte[] _content = Read();

    public static string Path { get; } = $"/console-{Convert.ToHexStringLower(SHA256.HashData(_content).AsSpan(0, 6))}.css";

    public static IResult Answer(HttpContext context)
    {
        (context.Response.Headers.CacheControl, context.Response.Headers.XContentTypeOptions) = ("public, max-age=31536000, immutable", "nosniff");
        return Results.Bytes(_content, "text/css; charset=utf-8");
    }

    private static byte[] Read()
    {
        using var stream = typeof(Stylesheet).Assembly.GetManifestResourceStream("console.css")!;
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }
}
