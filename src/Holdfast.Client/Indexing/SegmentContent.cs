using Holdfast.Format.Blobs;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;

namespace Holdfast.Client.Indexing;

/// <summary>Where a copy of a blob lies.</summary>
internal readonly record struct BlobPlace(Address Frame, uint Offset, uint Length, BlobType Type);

/// <summary>What a segment says: packs covered, frames, and entries sorted by id whose frame is an ordinal in <see cref="Frames"/>.</summary>
internal sealed record SegmentContent(IReadOnlyList<uint> PacksCovered, IReadOnlyList<DirectoryEntry> Frames, IReadOnlyList<BlobRow> Entries);
