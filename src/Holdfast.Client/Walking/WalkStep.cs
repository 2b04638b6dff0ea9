using Holdfast.Format.Trees;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>What the walk meets, in the order of the tree: a directory, its entries sorted by their bytes, its end.</summary>
internal abstract record WalkStep;

/// <summary>A directory begins; its entry's metadata without the node, which is known at its end.</summary>
internal sealed record EnterDirectory(byte[] Name, TreeEntry Entry, FileStatus Status) : WalkStep;

internal sealed record LeaveDirectory : WalkStep;

/// <summary>An entry that is complete: unchanged since the last backup, or nothing that has content.</summary>
internal sealed record FinishedEntry(byte[] Name, FileStatus Status, ReadOnlyMemory<byte> Encoded, IReadOnlyList<uint> Frames, bool IsUnchanged) : WalkStep;

/// <summary>A file to be read; its result comes from the readers.</summary>
internal sealed record FileToRead(byte[] Name, FileStatus Status, FileJob Job) : WalkStep;
