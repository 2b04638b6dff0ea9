using System.Text.Json.Serialization;

namespace Holdfast.Restorer.Spooling;

/// <summary>How far an archive in the spool is.</summary>
internal sealed record SpooledState
{
    /// <summary>The last path of the snapshot that is behind it.</summary>
    public byte[]? Last { get; init; }

    public long Length { get; init; }

    public byte[] Tail { get; init; } = [];

    /// <summary>Of the ZIP's central directory, which has a file of its own until the end.</summary>
    public long DirectoryLength { get; init; }

    public byte[] DirectoryTail { get; init; } = [];

    public long Entries { get; init; }

    public long Files { get; init; }

    public long Directories { get; init; }

    public long Others { get; init; }

    public long Bytes { get; init; }

    /// <summary>The first of very many.</summary>
    public IReadOnlyList<SpooledTrouble> Troubles { get; init; } = [];

    public long TroubleCount { get; init; }

    /// <summary>Nothing is missing any more.</summary>
    public bool IsWhole { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public long WrittenAt { get; init; }
}

internal sealed record SpooledTrouble(string Path, string Reason);

[JsonSerializable(typeof(SpooledState))]
internal sealed partial class SpoolJson : JsonSerializerContext;
