using System.Text.Json;
using System.Text.Json.Serialization;

namespace Holdfast.Maintenance.Estimating;

/// <summary>Windows that are over, a line of JSON each (docs/windows.md shows one): what a back-test goes by.</summary>
public static class HistoryFile
{
    /// <summary>Reads a file's lines; empty ones are passed over.</summary>
    /// <exception cref="FormatException">A line is no window; which, and why.</exception>
    public static IEnumerable<PastWindow> Read(IEnumerable<string> lines)
    {
        var number = 0;
        foreach (var line in lines)
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }

            PastWindow? window;
            try
            {
                window = JsonSerializer.Deserialize(line, HistoryJson.Default.PastWindow);
            }
            catch (JsonException exception)
            {
                throw new FormatException($"Line {number} is no window: {exception.Message}", exception);
            }

            yield return window is { Steps: { Count: > 0 } steps } && steps.All(step => step is { Known: { Name: not null, Samples: not null, Runs: not null, Probes: not null }, Seconds: > 0 and < 1e10 }) ? window
                : throw new FormatException($"Line {number} is no window: it has `start` and `steps`, and each of those `known` (with `name`, `samples`, `runs` and `probes`) and `seconds`.");
        }
    }

    /// <summary>As a line.</summary>
    public static string Write(PastWindow window) => JsonSerializer.Serialize(window, HistoryJson.Default.PastWindow);
}

/// <summary>How it is written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(PastWindow))]
internal sealed partial class HistoryJson : JsonSerializerContext;
