using System.Text.Json.Serialization;

namespace Holdfast.Client.Drilling;

/// <summary>How a restored file compares.</summary>
public enum DrillResult
{
    /// <summary>Restored, every chunk proved by its id; the file on the computer has changed since, or is gone, or is another computer's.</summary>
    Restored,

    /// <summary>Restored, and the same as the unchanged file on this computer, to the last byte.</summary>
    Identical,

    /// <summary>It could not be restored.</summary>
    Lost,

    /// <summary>It differs from the file on this computer, whose size and time of change are those of the snapshot.</summary>
    Different,
}

/// <summary>A file of a drill: its snapshot, path, bytes and SHA-256 (hexadecimal; empty if it was not restored).</summary>
public sealed record DrilledFile(string Snapshot, string Path, long Size, string Sha256, DrillResult Result, string? Reason = null)
{
    /// <summary>A snapshot of which nothing could be restored.</summary>
    public static DrilledFile LostSnapshot(string snapshot, string reason) => new(snapshot, "/", 0, "", DrillResult.Lost, reason);
}

/// <summary>What a drill restored. Times are seconds since 1970.</summary>
public sealed record DrillEvidence(long StartedAt, long EndedAt, long Seed, IReadOnlyList<string> Snapshots, IReadOnlyList<DrilledFile> Files)
{
    /// <summary>Where it is kept.</summary>
    [JsonIgnore]
    public string File { get; init; } = "";

    [JsonIgnore]
    public int Failures => Files.Count(file => file.Result is DrillResult.Lost or DrillResult.Different);
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true)]
[JsonSerializable(typeof(DrillEvidence))]
internal sealed partial class EvidenceJson : JsonSerializerContext;
