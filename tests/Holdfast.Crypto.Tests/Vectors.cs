using System.Text.Json;

namespace Holdfast.Crypto.Tests;

/// <summary>Published vectors; each file names its source.</summary>
internal static class Vectors
{
    public static IEnumerable<JsonElement> Read(string file)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "vectors", file)));
        return [.. document.RootElement.GetProperty("vectors").EnumerateArray().Select(vector => vector.Clone())];
    }

    public static byte[] Hex(this JsonElement element, string name) => Convert.FromHexString(element.GetProperty(name).GetString()!);
}
