using Holdfast.Format.Trees;

namespace Holdfast.Client.Archiving;

/// <summary>An entry on its way into an archive.</summary>
/// <param name="Path">From the snapshot's root, without a slash at either end: raw bytes, as names are.</param>
/// <param name="Entry">The entry.</param>
/// <param name="Attributes">Its extended attributes.</param>
internal sealed record ArchiveEntry(byte[] Path, TreeEntry Entry, IReadOnlyList<ExtendedAttribute> Attributes)
{
    /// <summary>The path of an earlier entry that is the same file, if this is a hard link to it and the format has such links.</summary>
    public byte[]? LinkedTo { get; init; }
}
