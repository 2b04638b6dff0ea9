using Holdfast.Posix;

namespace Holdfast.Permissions.Rules;

/// <summary>What some of the entries should be. What a rule leaves out is another rule's affair, or stays.</summary>
internal sealed record PermissionRule
{
    /// <summary>Which names; null for all.</summary>
    public PathPattern? Pattern { get; init; }

    /// <summary>Which types; empty for all.</summary>
    public IReadOnlyList<FileKind> Kinds { get; init; } = [];

    public ModeChange? Mode { get; init; }

    public uint? Owner { get; init; }

    public uint? Group { get; init; }

    public AccessList? AccessList { get; init; }

    public bool Concerns(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, FileKind kind) =>
        (Kinds.Count == 0 || Kinds.Contains(kind)) && (Pattern is null || Pattern.Matches(directory, name));
}
