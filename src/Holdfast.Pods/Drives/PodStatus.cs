using Holdfast.Pods.Healing;

namespace Holdfast.Pods.Drives;

/// <summary>Sizes of what is reserved on drives.</summary>
/// <param name="CodedExtentLength">Of volumes with coded objects; by the number of drives if null.</param>
/// <param name="CopiesExtentLength">Of volumes with copies.</param>
public sealed record ShardStoreOptions(long? CodedExtentLength = null, long CopiesExtentLength = 64 << 20);

/// <summary>A drive as the operator sees it.</summary>
/// <param name="Slot">Its place in the set.</param>
/// <param name="Path">Where it is mounted.</param>
/// <param name="State">Whether it is used.</param>
/// <param name="Reason">Why not.</param>
/// <param name="BytesTotal">Size of its file system; null if it cannot be asked.</param>
/// <param name="BytesFree">What is free of it.</param>
public sealed record DriveStatus(int Slot, string Path, string State, string? Reason, long? BytesTotal = null, long? BytesFree = null);

/// <summary>A pod as the operator sees it.</summary>
/// <param name="Set">The set of its drives.</param>
/// <param name="Code">What may be lost, in words.</param>
/// <param name="WriteFloor">Drives that must have a write before it is acknowledged.</param>
/// <param name="Drives">Each drive.</param>
/// <param name="Objects">Objects stored.</param>
/// <param name="Bytes">Bytes of their contents.</param>
/// <param name="Volumes">Volumes they lie in.</param>
/// <param name="Rebuild">How far rebuilding is.</param>
/// <param name="Scrub">How far scrubbing is.</param>
/// <param name="RecordsToWipe">Deleted, and not zeros on every drive yet.</param>
/// <param name="Events">The latest events.</param>
public sealed record PodStatus(
    Guid Set, string Code, int WriteFloor, IReadOnlyList<DriveStatus> Drives, long Objects, long Bytes, int Volumes, RebuildStatus Rebuild, ScrubStatus Scrub, long RecordsToWipe, IReadOnlyList<PodEvent> Events);
